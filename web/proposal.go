package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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
	if c.QueryParam("view") == "board" {
		return proposalBoard(c, v)
	}
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

// proposalBoard is the proposals by status.
func proposalBoard(c echo.Context, v *db.View) (templ.Component, error) {
	r := signedIn(c)
	p := views.BoardPage{Mine: c.QueryParam("mine") == "1"}
	proposal.Board(v, p.Mine, r.session.ClerkUser, &p.Cards)
	if err := v.Load(); err != nil {
		return nil, err
	}
	p.Shell = r.shell("Proposals", "proposals", v.Member().Role)
	return views.Board(p), nil
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
	p.Fields = views.FieldsOf(p.Proposal.Text)
	p.Shell = signedIn(c).shell(p.Job.Title, "proposals", role)
	return p, nil
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
	if err := r.form.only("version", "letter", "answer-*", "bid", "bid_amount", "origin", "take-*"); err != nil {
		return "", err
	}
	base, err := r.form.number("version")
	if err != nil {
		return "", err
	}
	typed, t, err := typedText(r.form)
	if err != nil {
		return "", err
	}
	ctx := c.Request().Context()
	switch r.form.get("origin") {
	case "", "typed":
		err = app.SaveProposal(ctx, tx, pathID(c), base, t, "typed")
	case "merge":
		var theirs app.Choice
		if theirs, err = taken(r.form); err == nil {
			err = app.MergeProposal(ctx, tx, pathID(c), base, t, theirs)
		}
	default:
		err = unknownValue("origin")
	}
	if err != nil {
		return "", editorError(err, typed)
	}
	r.say("The proposal was saved.")
	return "/proposals/" + pathID(c).String(), nil
}

// typeProposal saves what is being typed. Its answer is for a script: where it leads, the version of what was saved is in
// the address, because the page there may already tell of another.
func (h *handlers) typeProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("version", "letter", "answer-*", "bid", "bid_amount"); err != nil {
		return "", err
	}
	base, err := r.form.number("version")
	if err != nil {
		return "", err
	}
	typed, t, err := typedText(r.form)
	if err != nil {
		return "", err
	}
	version, err := app.TypeProposal(c.Request().Context(), tx, pathID(c), base, t)
	if err != nil {
		return "", editorError(err, typed)
	}
	return standPath(c) + "?version=" + strconv.Itoa(version), nil
}

// sitting is how long somebody counts as being at an open editor without doing anything that is a use of the session. The
// editor's script leaves off much sooner; this is for one that does not.
const sitting = 30 * time.Minute

// openProposal notes who has the editor open.
func (h *handlers) openProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only(); err != nil {
		return "", err
	}
	return standPath(c), proposal.Here(c.Request().Context(), tx, pathID(c), time.Since(r.session.SeenAt) < sitting)
}

func standPath(c echo.Context) string { return "/proposals/" + pathID(c).String() + "/stand" }

// proposalStand tells an open editor what has become of its proposal, and who else is there.
func (h *handlers) proposalStand(c echo.Context, v *db.View) (templ.Component, error) {
	var s proposal.Stand
	proposal.HowItStands(v, pathID(c), signedIn(c).session.ClerkUser, &s)
	if err := v.Load(); err != nil {
		return nil, err
	}
	return views.ProposalStand(s), nil
}

// typedText is the editor's form as it was sent, and what it says. A form that can be drawn again comes back as an error
// that does.
func typedText(f form) (views.EditorFields, proposal.Text, error) {
	if !f.values.Has("letter") {
		return views.EditorFields{}, proposal.Text{}, errForm // or half a form would empty the letter
	}
	typed := typedFields(f)
	t, err := fieldsText(typed)
	if err != nil {
		err = editorError(err, typed)
	}
	return typed, t, err
}

// taken are the parts that a merged text takes from the other one.
func taken(f form) (app.Choice, error) {
	theirs := app.Choice{}
	for _, name := range f.names() {
		part, ok := strings.CutPrefix(name, "take-")
		if !ok {
			continue
		}
		if choice := f.get(name); choice != "mine" && choice != "theirs" {
			return nil, unknownValue(name)
		}
		theirs[part] = f.get(name) == "theirs"
	}
	return theirs, nil
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
	p.Kept = slices.DeleteFunc(f.kept(), func(k views.KeptField) bool { return p.Asks(k.Name) })
	if typed != nil && p.Asks("letter") {
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
	return views.Conflict(views.ConflictPage{Shell: p.Shell, Proposal: p.Proposal, Mine: typed, Theirs: p.Fields, SavedBy: lastWriter(p)}), nil
}

// lastWriter is who wrote the text that stands.
func lastWriter(p views.EditorPage) string {
	if p.Proposal.TypistName != "" {
		return p.Proposal.TypistName
	}
	if len(p.Versions) > 0 {
		return p.Versions[0].AuthorName
	}
	return ""
}

// history shows what changed between two versions of the text.
func (h *handlers) history(c echo.Context, v *db.View) (templ.Component, error) {
	var p views.HistoryPage
	id := pathID(c)
	proposal.Get(v, id, &p.Proposal)
	proposal.Versions(v, id, &p.Versions)
	if err := v.Load(); err != nil {
		return nil, err
	}
	role := v.Member().Role
	p.CanWrite = role.AtLeast(db.MemberRole)
	p.Shell = signedIn(c).shell("History of the text", "proposals", role)
	if p.Proposal.TypingBy != nil {
		p.Versions = append([]proposal.Version{{Version: p.Proposal.Version, Number: p.Proposal.Shown(), Text: p.Proposal.Text, AuthorName: p.Proposal.TypistName, Origin: "typing", CreatedAt: p.Proposal.UpdatedAt}}, p.Versions...)
	}
	var err error
	if p.New, err = versionAsked(c, "version", p.Versions, 0); err != nil {
		return nil, err
	}
	if p.Old, err = versionAsked(c, "with", p.Versions, p.New+1); err != nil {
		return nil, err
	}
	return views.History(p), nil
}

// versionAsked finds the version that a parameter names, by its place in the list. Without one it is the one at otherwise,
// which may be past the end: there is none.
func versionAsked(c echo.Context, name string, all []proposal.Version, otherwise int) (int, error) {
	asked := c.QueryParam(name)
	if asked == "" {
		return otherwise, nil
	}
	i := slices.IndexFunc(all, func(v proposal.Version) bool { return strconv.Itoa(v.Version) == asked })
	if i < 0 {
		return 0, db.ErrNotFound
	}
	return i, nil
}

func (h *handlers) restoreProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("version", "restore"); err != nil {
		return "", err
	}
	base, err := r.form.number("version")
	if err != nil {
		return "", err
	}
	version, err := r.form.number("restore")
	if err != nil {
		return "", err
	}
	n, err := app.RestoreProposal(c.Request().Context(), tx, pathID(c), base, version)
	if err != nil {
		return "", moveError(err)
	}
	r.say("Version " + strconv.Itoa(n) + " is the text again.")
	return "/proposals/" + pathID(c).String(), nil
}

func (h *handlers) moveProposal(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("version", "to", "note", "loss_reason", "contract_value"); err != nil {
		return "", err
	}
	base, err := r.form.number("version")
	if err != nil {
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
	if err := app.MoveProposal(c.Request().Context(), tx, pathID(c), base, to, o); err != nil {
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
