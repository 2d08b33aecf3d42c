package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/alert"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/hit"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/views"
)

// isolation is what keeps the active organization apart, and who has tried it.
func (h *handlers) isolation(c echo.Context, v *db.View) (templ.Component, error) {
	p := views.IsolationPage{Period: views.PeriodOf(c.QueryParam("period"), views.OwnerPeriods)}
	now := time.Now()
	since := p.Period.Since(now)
	alert.List(v, now.AddDate(0, 0, -alertDays), &p.Alerts)
	audit.Attempts(v, since, &p.Attempts)
	audit.AttemptsOverTime(v, since, p.Period.Step, &p.Tried)
	hit.ByTable(v, since, &p.Hits)
	hit.OverTime(v, since, p.Period.Step, &p.Traffic)
	if err := v.Load(); err != nil {
		return nil, err
	}
	report, _, err := h.lastReport(c)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return nil, err
	}
	p.Proof = report
	p.Shell = signedIn(c).shell("Isolation", "organization", v.Member().Role)
	return views.Isolation(p), nil
}

// alertDays is how long an alert is listed.
const alertDays = 30

// lastReport is the last proof, read and as it was signed; db.ErrNotFound when none has run.
func (h *handlers) lastReport(c echo.Context) (*isolation.Report, []byte, error) {
	proof, err := h.proof(c.Request().Context())
	if err != nil {
		return nil, nil, err
	}
	report, err := reportOf(proof)
	return report, proof.Report, err
}

// reportOf reads the report of a proof.
func reportOf(p control.Proof) (*isolation.Report, error) {
	var r isolation.Report
	if err := json.Unmarshal(p.Report, &r); err != nil {
		return nil, fmt.Errorf("last proof: %w", err)
	}
	return &r, nil
}

// proofName is what a download of a proof is called.
func proofName(r *isolation.Report) string {
	return "isolation-" + r.Started.UTC().Format("20060102-1504")
}

// proofPage is the last proof as a document that stands alone and can be verified.
func (h *handlers) proofPage(c echo.Context, v *db.View) (file, error) {
	if err := v.Load(); err != nil {
		return file{}, err
	}
	report, signed, err := h.lastReport(c)
	if err != nil {
		return file{}, err
	}
	page, err := isolation.Page(signed)
	return file{proofName(report) + ".html", echo.MIMETextHTMLCharsetUTF8, page}, err
}

// proofText is the last proof, byte by byte as it was signed.
func (h *handlers) proofText(c echo.Context, v *db.View) (file, error) {
	if err := v.Load(); err != nil {
		return file{}, err
	}
	report, signed, err := h.lastReport(c)
	if err != nil {
		return file{}, err
	}
	return file{proofName(report) + ".json", echo.MIMEApplicationJSON, signed}, nil
}

// seeAlerts marks the alerts of the organization as seen, and then takes the banner away. Sent again after the second has
// failed, it does what is left.
func (h *handlers) seeAlerts(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only(); err != nil {
		return "", err
	}
	now := time.Now()
	if _, err := alert.See(c.Request().Context(), tx); err != nil {
		return "", err
	}
	r.then = func(ctx context.Context, tx *db.ControlTx) error {
		return control.AlertSeen(ctx, tx, r.session.Tenant.ID, now)
	}
	r.say("Noted. You will be told again when there are more.")
	return "/organization/isolation", nil
}
