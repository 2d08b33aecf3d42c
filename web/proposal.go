package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
	"upwork-ai-agent/views"
)

func (h *handlers) proposals(c echo.Context, v *db.View) (templ.Component, error) {
	r := signedIn(c)
	f := proposal.Filter{Mine: c.QueryParam("mine") == "1"}
	if s := proposal.Status(c.QueryParam("status")); slices.Contains(proposal.Statuses, s) {
		f.Status = s
	}
	if before := c.QueryParam("before"); before != "" {
		id, err := uuid.Parse(before)
		if err != nil {
			return nil, db.ErrNotFound
		}
		f.Before = &id
	}
	p := views.ProposalsPage{Status: string(f.Status), Mine: f.Mine}
	proposal.List(v, f, r.session.ClerkUser, &p.Rows)
	if err := v.Load(); err != nil {
		return nil, err
	}
	if len(p.Rows) > proposal.PageSize {
		p.Rows = p.Rows[:proposal.PageSize]
		p.Next = withParam(c.Request().URL, "before", p.Rows[proposal.PageSize-1].ID.String())
	}
	if f.Before != nil {
		p.First = withParam(c.Request().URL, "before", "")
	}
	p.Shell = r.shell("Proposals", "proposals", v.Member().Role)
	return views.Proposals(p), nil
}

func (h *handlers) startProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("job_id"); err != nil {
		return "", err
	}
	id, err := app.StartProposal(c.Request().Context(), tx, r.form.id("job_id"))
	return "/proposals/" + id.String(), err
}

func (h *handlers) editor(c echo.Context, v *db.View) (templ.Component, error) {
	p, err := loadEditor(c, v)
	return views.Editor(p), err
}

func loadEditor(c echo.Context, v *db.View) (views.EditorPage, error) {
	id := pathID(c)
	var p views.EditorPage
	proposal.Get(v, id, &p.Proposal)
	job.OfProposal(v, id, &p.Job)
	proposal.Versions(v, id, &p.Versions)
	proposal.Events(v, id, &p.Events)
	if err := v.Load(); err != nil {
		return p, err
	}
	role := v.Member().Role
	p.CanWrite = role.AtLeast(db.MemberRole)
	p.Transitions = proposal.Transitions(p.Proposal.Proposal, role)
	p.Fields = editorFields(p.Proposal.Text)
	p.Shell = signedIn(c).shell(p.Job.Title, "proposals", role)
	return p, nil
}

func editorFields(t proposal.Text) views.EditorFields {
	f := views.EditorFields{Letter: t.Letter, Answers: t.Answers, Bid: string(t.Bid)}
	if t.BidAmount != nil {
		f.BidAmount = strconv.FormatFloat(float64(*t.BidAmount)/100, 'f', 2, 64)
	}
	return f
}

// typedFields is the editor's form as it was sent, with the questions that it showed.
func typedFields(f form) views.EditorFields {
	t := views.EditorFields{Letter: f.get("letter"), Bid: f.get("bid"), BidAmount: f.line("bid_amount")}
	for i := 0; f.values.Has(fmt.Sprintf("answer-%d", i)); i++ {
		t.Answers = append(t.Answers, proposal.Answer{Answer: f.get(fmt.Sprintf("answer-%d", i))})
	}
	return t
}

// fieldsText turns the fields into what is saved; the errors name the fields that cannot be read.
func fieldsText(f views.EditorFields) (proposal.Text, error) {
	amount, err := cents(f.BidAmount)
	if err != nil {
		return proposal.Text{}, &app.Error{Code: app.Invalid, Message: "Some fields need another look.",
			Fields: map[string]string{"bid_amount": "Give an amount in dollars, like 45 or 1,250.50."}}
	}
	bid := proposal.Bid(f.Bid)
	if bid != "" && bid != proposal.HourlyBid && bid != proposal.FixedBid {
		return proposal.Text{}, unknownValue("bid")
	}
	return proposal.Text{Letter: f.Letter, Answers: f.Answers, Bid: bid, BidAmount: amount}, nil
}

func (h *handlers) saveProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("version", "letter", "answer-*", "bid", "bid_amount", "origin"); err != nil {
		return "", err
	}
	if !r.form.values.Has("letter") {
		return "", errForm // or half a form would empty the letter
	}
	typed := typedFields(r.form)
	t, err := fieldsText(typed)
	origin := cmp.Or(r.form.get("origin"), "typed")
	if origin != "typed" && origin != "merge" {
		return "", unknownValue("origin")
	}
	if err == nil {
		err = app.SaveProposal(c.Request().Context(), tx, pathID(c), r.form.number("version"), t, origin)
	}
	if err != nil {
		return "", editorError(err, typed)
	}
	r.say("The proposal was saved.")
	return "/proposals/" + pathID(c).String(), nil
}

// editorError keeps what was typed: beside the other text after a conflict, in its fields otherwise.
func editorError(err error, typed views.EditorFields) error {
	var rule *app.Error
	switch {
	case errors.Is(err, db.ErrConflict):
		return &invalid{status: http.StatusConflict, least: db.Viewer, cause: err, page: func(c echo.Context, v *db.View) (templ.Component, error) {
			return conflictPage(c, v, typed)
		}}
	case errors.As(err, &rule):
		status := http.StatusUnprocessableEntity
		if rule.Code == app.Refused {
			status = http.StatusConflict
		}
		return &invalid{status: status, least: db.Viewer, cause: err, page: func(c echo.Context, v *db.View) (templ.Component, error) {
			return redrawnEditor(c, v, &typed, rule)
		}}
	}
	return err
}

// redrawnEditor shows why a form was not taken. The questions come from the proposal: the form only had the answers.
func redrawnEditor(c echo.Context, v *db.View, typed *views.EditorFields, rule *app.Error) (templ.Component, error) {
	p, err := loadEditor(c, v)
	if err != nil {
		return nil, err
	}
	f := signedIn(c).form
	p.Told = views.Told{Note: f.line("note"), LossReason: f.line("loss_reason"), ContractValue: f.line("contract_value")}
	p.Errors = views.Errors{"": rule.Message}
	for name, message := range rule.Fields {
		p.Errors[name] = message
	}
	if typed != nil {
		kept := *typed
		kept.Answers = withQuestions(p.Fields.Answers, typed.Answers)
		p.Fields = kept
	}
	return views.Editor(p), nil
}

func withQuestions(saved, typed []proposal.Answer) []proposal.Answer {
	all := slices.Clone(saved)
	for i := range all {
		if i < len(typed) {
			all[i].Answer = typed[i].Answer
		}
	}
	return all
}

// conflictPage shows both texts: what was just sent, and what somebody saved before it.
func conflictPage(c echo.Context, v *db.View, typed views.EditorFields) (templ.Component, error) {
	p, err := loadEditor(c, v)
	if err != nil {
		return nil, err
	}
	typed.Answers = withQuestions(p.Fields.Answers, typed.Answers)
	conflict := views.ConflictPage{Shell: p.Shell, Proposal: p.Proposal, Mine: typed}
	if len(p.Versions) > 0 {
		conflict.Theirs = p.Versions[0]
	}
	return views.Conflict(conflict), nil
}

func (h *handlers) restoreProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("version", "restore"); err != nil {
		return "", err
	}
	err := app.RestoreProposal(c.Request().Context(), tx, pathID(c), r.form.number("version"), r.form.number("restore"))
	if err != nil {
		return "", moveError(err)
	}
	r.say("Version " + strconv.Itoa(r.form.number("restore")) + " is the text again.")
	return "/proposals/" + pathID(c).String(), nil
}

func (h *handlers) moveProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("version", "to", "note", "loss_reason", "contract_value"); err != nil {
		return "", err
	}
	to := proposal.Status(r.form.get("to"))
	if !slices.Contains(proposal.Statuses, to) {
		return "", unknownValue("to")
	}
	value, err := cents(r.form.line("contract_value"))
	if err != nil {
		return "", moveError(&app.Error{Code: app.Invalid, Message: "Some fields need another look.",
			Fields: map[string]string{"contract_value": "Give an amount in dollars, like 45 or 1,250.50."}})
	}
	o := proposal.Outcome{Note: r.form.line("note"), LossReason: r.form.line("loss_reason"), ContractValue: value}
	if err := app.MoveProposal(c.Request().Context(), tx, pathID(c), r.form.number("version"), to, o); err != nil {
		return "", moveError(err)
	}
	r.say("The proposal is now: " + views.StatusName(to) + ".")
	return "/proposals/" + pathID(c).String(), nil
}

// moveError draws the editor again with what stands in the way.
func moveError(err error) error {
	var rule *app.Error
	if !errors.As(err, &rule) {
		return err
	}
	return redraw(err, func(c echo.Context, v *db.View) (templ.Component, error) {
		return redrawnEditor(c, v, nil, rule)
	})
}
