package web

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/views"
)

// operatorShell stands around a page of the operator's: it is of no organization, whichever the person works in.
func operatorShell(c echo.Context, title, section string) views.Shell {
	s := signedIn(c).shell(title, section, "")
	s.Tenant, s.TenantName, s.Organizations = uuid.Nil, "", nil
	return s
}

// gather runs readers of the control plane, as long as none fails.
func gather(readers ...func() error) error {
	for _, read := range readers {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// overview is the operator's first page.
func (h *handlers) overview(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
	var (
		p      views.OverviewPage
		ctx    = c.Request().Context()
		day    = views.Periods[0]
		proofs []control.ProofLine
		tried  []control.AttemptPoint
	)
	err := gather(
		func() error { return control.CountStates(ctx, tx, &p.States) },
		func() error { return control.Proofs(ctx, tx, 1, &proofs) },
		func() error { return control.AttemptsOverTime(ctx, tx, day.Since(time.Now()), day.Step, &tried) },
		func() error { return control.AlertedTenants(ctx, tx, &p.Alerted) },
		func() error { return control.TaskCounts(ctx, tx, &p.Tasks) },
	)
	if len(proofs) > 0 {
		p.Proof = &proofs[0]
	}
	for _, t := range tried {
		p.Attempts += t.Count
	}
	p.Shell = operatorShell(c, "Overview", "overview")
	return views.Overview(p), err
}

// tenants lists the organizations.
func (h *handlers) tenants(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
	p := views.TenantsPage{Filter: control.TenantFilter{Query: searchText(c.QueryParam("q")), Sort: control.TenantSort(searchText(c.QueryParam("sort")))}}
	if state := place.State(c.QueryParam("state")); knownState(state) {
		p.Filter.State = state
	}
	err := control.Tenants(c.Request().Context(), tx, p.Filter, &p.Rows)
	p.Shell = operatorShell(c, "Organizations", "tenants")
	return views.Tenants(p), err
}

// knownState tells whether a state is one of the seven.
func knownState(s place.State) bool {
	_, ok := place.States[s]
	return ok
}

// Limits of the lists on the page of the posture.
const (
	proofsShown = 10
	noisyShown  = 10
)

// isolationOfAll is the isolation of all organizations.
func (h *handlers) isolationOfAll(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
	p := views.PosturePage{Period: views.PeriodOf(c.QueryParam("period"), len(views.Periods))}
	ctx, since := c.Request().Context(), p.Period.Since(time.Now())
	err := gather(
		func() (err error) { p.Posture, err = h.posture(ctx); return err },
		func() error { return control.Proofs(ctx, tx, proofsShown, &p.Proofs) },
		func() (err error) { p.Found, err = lastFound(ctx, tx, p.Proofs); return err },
		func() error { return control.ActivityOverTime(ctx, tx, uuid.Nil, since, p.Period.Step, &p.Activity) },
		func() error { return control.AttemptsOverTime(ctx, tx, since, p.Period.Step, &p.Tried) },
		func() error { return control.Noisy(ctx, tx, since, noisyShown, &p.Noisy) },
		func() error { return control.Attempts(ctx, tx, since, &p.Attempts) },
	)
	p.Shell = operatorShell(c, "Isolation", "isolation")
	return views.Posture(p), err
}

// lastFound is the report of the last proof, when that found something; nil otherwise. A report is long: one that holds is
// not read.
func lastFound(ctx context.Context, tx *db.ControlTx, proofs []control.ProofLine) (*isolation.Report, error) {
	if len(proofs) == 0 || proofs[0].OK {
		return nil, nil
	}
	var last []control.Proof
	if err := control.LastProof(ctx, tx, &last); err != nil || len(last) == 0 || last[0].OK {
		return nil, err
	}
	return reportOf(last[0])
}

// whyPage answers why a member cannot do something with a row. The question stands in the address, so that it can be sent to
// somebody else.
func (h *handlers) whyPage(c echo.Context) (templ.Component, error) {
	p := views.WhyPage{Question: isolation.Question{
		Tenant: searchText(c.QueryParam("tenant")), Member: searchText(c.QueryParam("member")), Table: searchText(c.QueryParam("table")),
		ID: searchText(c.QueryParam("id")), Operation: searchText(c.QueryParam("operation"))}}
	p.Shell = operatorShell(c, "Why?", "why")
	if p.Question == (isolation.Question{}) {
		return views.Why(p), nil
	}
	answer, err := h.why(c.Request().Context(), p.Question)
	var bad *isolation.BadQuestion
	switch {
	case errors.As(err, &bad):
		p.Errors = views.Errors{bad.Field: sentence(bad.Message)}
	case err != nil:
		return nil, err
	default:
		p.Answer = &answer
	}
	return views.Why(p), nil
}

// sentence makes a sentence of what the command line says behind the name of an option.
func sentence(message string) string {
	if strings.HasPrefix(message, "is ") {
		message = "This " + message
	}
	return strings.ToUpper(message[:1]) + message[1:] + "."
}

// tasks lists the tasks.
func (h *handlers) tasks(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
	p := views.TasksPage{Filter: control.TaskFilter{State: searchText(c.QueryParam("state")), Kind: searchText(c.QueryParam("kind"))}}
	if before := c.QueryParam("before"); before != "" {
		id, err := strconv.ParseInt(before, 10, 64)
		if err != nil {
			return nil, db.ErrNotFound
		}
		p.Filter.Before, p.First = id, withParam(c.Request().URL, "before", "")
	}
	ctx := c.Request().Context()
	err := gather(
		func() error { return control.TaskCounts(ctx, tx, &p.Counts) },
		func() error { return control.Tasks(ctx, tx, p.Filter, &p.Rows) },
	)
	if len(p.Rows) > control.TasksPage {
		p.Rows = p.Rows[:control.TasksPage]
		p.Next = withParam(c.Request().URL, "before", strconv.FormatInt(p.Rows[control.TasksPage-1].ID, 10))
	}
	p.Shell = operatorShell(c, "Tasks", "tasks")
	return views.Tasks(p), err
}

// components shows what pages are made of.
func (h *handlers) components(c echo.Context) (templ.Component, error) {
	return views.Components(operatorShell(c, "Components", "components")), nil
}
