package web

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/views"
)

// undoPath is where a form is sent to take a change back; nowhere when nothing was changed.
func undoPath(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return "/jobs/undo/" + id.String()
}

// assign is what the button of a form of many jobs says that gives them to somebody.
const assign = "assign"

// changeJobs changes the jobs that are ticked in the list, those of its page, or all that its filter chooses.
func (h *handlers) changeJobs(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("do", "which", "id+", "page", "address", "assignee", "return_to", "count"); err != nil {
		return "", err
	}
	do := r.form.get("do")
	if !changes(do) {
		return "", unknownValue("do")
	}
	told, err := r.told()
	if err != nil {
		return "", err
	}
	ids, more, err := r.chosen(tx)
	if err != nil {
		return "", err
	}
	if r.form.get("which") == "filter" && !foretold(told, len(ids)) {
		return r.askFirst(len(ids)), nil
	}
	if len(ids) == 0 {
		r.say("No job was chosen, so nothing was changed.")
		return r.backTo("/jobs"), nil
	}
	var changed app.Changed
	var said string
	if do == assign {
		changed, said, err = r.assignJobs(tx, ids)
	} else {
		changed, err = app.TriageJobs(c.Request().Context(), tx, ids, job.Triage(do), "")
		said = triagedSome(len(changed.Jobs), job.Triage(do))
	}
	if err == nil && len(changed.Jobs)+changed.Same+changed.Stuck == 0 {
		err = db.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	r.none = changed.None
	r.offerUndo(said+asides(changed, more), undoPath(changed.Undo))
	return r.backTo("/jobs"), nil
}

// changes tells whether a form of many jobs can ask for do.
func changes(do string) bool {
	return do == assign || slices.Contains([]job.Triage{job.New, job.Shortlisted, job.Skipped, job.Archived}, job.Triage(do))
}

// told is of how many jobs the page that asks first has told; 0 where it has not been there.
func (r *request) told() (int, error) {
	if !r.form.values.Has("count") {
		return 0, nil
	}
	return r.form.number("count")
}

// foretold tells whether the person has been told of about so many jobs: a few that came meanwhile change nothing.
func foretold(told, n int) bool {
	return told > 0 && max(told-n, n-told) <= max(told/10, 2)
}

// askFirst leads to the page that says how many jobs a change of all that match takes. Nothing was changed.
func (r *request) askFirst(n int) string {
	if r.form.values.Has("count") {
		r.say("Meanwhile " + jobCount(n) + " match, so nothing was changed. Look again.")
	}
	return "/jobs/change?" + url.Values{"do": {r.form.get("do")}, "assignee": {r.form.get("assignee")}, "address": {r.form.get("address")}, "return_to": {r.form.get("return_to")}}.Encode()
}

// confirmChange says what a change of all that match would do, before it is done.
func (h *handlers) confirmChange(c echo.Context, v *db.View) (templ.Component, error) {
	p := views.ChangePage{Do: c.QueryParam("do"), Back: "/jobs"}
	q, err := url.ParseQuery(c.QueryParam("address"))
	typed := typedFilter(q)
	filter, problems := jobFilter(typed)
	assignee, assigneeErr := uuid.Parse(c.QueryParam("assignee"))
	if err != nil || len(problems) > 0 || !changes(p.Do) || p.Do == assign && assigneeErr != nil && c.QueryParam("assignee") != "" {
		return nil, db.ErrNotFound
	}
	if back, ok := localPath(c.QueryParam("return_to")); ok {
		p.Back = back
	}
	var standing []job.Standing
	job.Standings(v, filter, &standing)
	member.Choices(v, &p.Members)
	if err := v.Load(); err != nil {
		return nil, err
	}
	p.Address = typed.Address()
	for _, s := range standing {
		switch {
		case p.Do == assign && (s.Assignee == nil && assignee == uuid.Nil || s.Assignee != nil && *s.Assignee == assignee), p.Do == string(s.Triage):
			p.Same += s.Count
		case p.Do == assign, job.CanMove(s.Triage, job.Triage(p.Do)):
			p.Will += s.Count
		default:
			p.Stuck += s.Count
		}
	}
	if p.Do == assign && assignee != uuid.Nil {
		p.Assignee = assignee.String()
	}
	p.Shell = signedIn(c).shell("Change many jobs", "jobs", v.Member().Role)
	return views.ConfirmChange(p), nil
}

// backTo is the page that a form wants to come back to, if it is one of ours.
func (r *request) backTo(otherwise string) string {
	if back, ok := localPath(r.form.get("return_to")); ok {
		return back
	}
	return otherwise
}

// chosen are the jobs that a form of many is about, and whether its filter chooses more than one change takes.
func (r *request) chosen(tx *db.Tx) (ids []uuid.UUID, more bool, err error) {
	named := r.form.values["id"]
	switch r.form.get("which") {
	case "filter":
		q, err := url.ParseQuery(r.form.get("address"))
		if err != nil {
			return nil, false, unknownValue("address")
		}
		filter, problems := jobFilter(typedFilter(q))
		if len(problems) > 0 {
			return nil, false, unknownValue("address")
		}
		return job.Chosen(r.Request().Context(), tx, filter)
	case "page":
		named = strings.Split(r.form.get("page"), " ")
	case "ticked":
	default:
		return nil, false, unknownValue("which")
	}
	if len(named) > job.MaxSet {
		return nil, false, unknownValue("id")
	}
	for _, s := range named {
		id, err := uuid.Parse(s)
		if err != nil {
			return nil, false, unknownValue("id")
		}
		ids = append(ids, id)
	}
	return ids, false, nil
}

func (r *request) assignJobs(tx *db.Tx, ids []uuid.UUID) (app.Changed, string, error) {
	to := uuid.Nil
	if s := r.form.get("assignee"); s != "" {
		if to = r.form.id("assignee"); to == uuid.Nil {
			return app.Changed{}, "", unknownValue("assignee")
		}
	}
	changed, name, err := app.AssignJobs(r.Request().Context(), tx, ids, to)
	who := "assigned to " + shortened(name)
	if to == uuid.Nil {
		who = "assigned to nobody"
	}
	return changed, jobCount(len(changed.Jobs)) + " " + wasWere(len(changed.Jobs)) + " " + who + ".", err
}

// jobCount is a number of jobs in words.
func jobCount(n int) string {
	if n == 1 {
		return "1 job"
	}
	return strconv.Itoa(n) + " jobs"
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// triagedSome is what is said of a change of triage of many.
func triagedSome(n int, to job.Triage) string {
	if n == 1 {
		return "1 job " + triaged[to] + "."
	}
	return jobCount(n) + " " + strings.Replace(strings.Replace(triaged[to], "was ", "were ", 1), "is ", "are ", 1) + "."
}

// asides say what a change of many left out.
func asides(c app.Changed, more bool) string {
	said := ""
	if c.Same > 0 {
		said += fmt.Sprintf(" %d already %s.", c.Same, wasWere(c.Same))
	}
	if c.Stuck > 0 {
		said += fmt.Sprintf(" %d cannot go there from where they are.", c.Stuck)
	}
	if more {
		said += fmt.Sprintf(" One change takes %d jobs at most: more match.", job.MaxSet)
	}
	return said
}

// assignJob gives one job to a member, from its page.
func (h *handlers) assignJob(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("assignee"); err != nil {
		return "", err
	}
	if _, err := job.Lock(c.Request().Context(), tx, pathID(c)); err != nil {
		return "", err
	}
	changed, said, err := r.assignJobs(tx, []uuid.UUID{pathID(c)})
	if err != nil {
		return "", err
	}
	if len(changed.Jobs) == 0 {
		said = "It was assigned so already."
	}
	r.offerUndo(said, undoPath(changed.Undo))
	return "/jobs/" + pathID(c).String(), nil
}

// keptTitles is how many of the jobs that could not be undone are named.
const keptTitles = 3

// undoJobs takes back what the person did to jobs.
func (h *handlers) undoJobs(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only(); err != nil {
		return "", err
	}
	u, err := app.UndoJobs(c.Request().Context(), tx, pathID(c))
	if err != nil {
		return "", err
	}
	r.say(undone(u))
	if u.Import != nil {
		return "/jobs/import/" + u.Import.String(), nil
	}
	if back, ok := referer(r.Request()); ok && !strings.HasPrefix(back, "/jobs/undo/") {
		return back, nil
	}
	return "/jobs", nil
}

func undone(u job.Undone) string {
	said := "Undone: " + jobCount(u.Back) + "."
	if n := len(u.Kept); n > 0 {
		titles := slices.Clone(u.Kept[:min(n, keptTitles)])
		for i, t := range titles {
			titles[i] = "“" + shortened(t) + "”"
		}
		said += fmt.Sprintf(" Changed since and kept: %s", strings.Join(titles, ", "))
		if n > keptTitles {
			said += fmt.Sprintf(" and %d more", n-keptTitles)
		}
		said += "."
	}
	return said
}

// shortened fits a title or a name into a message, which a cookie carries.
func shortened(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}
