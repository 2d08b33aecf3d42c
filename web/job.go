package web

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/upwork"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
	"upwork-ai-agent/views"
)

// jobs is the hot page: one pipeline, fifty rows.
func (h *handlers) jobs(c echo.Context, v *db.View) (templ.Component, error) {
	query := c.QueryParams()
	typed := views.JobsFilter{
		Query: searchText(query.Get("q")), Triage: query.Get("triage"), Contract: query.Get("contract"),
		MinPay: searchText(query.Get("pay")), Country: searchText(query.Get("country")), Age: query.Get("age"),
	}
	filter, problems := jobFilter(typed, time.Now())
	if before := query.Get("before"); before != "" {
		cursor, err := job.ParseCursor(before)
		if err != nil {
			return nil, db.ErrNotFound
		}
		filter.Before = &cursor
	}
	p := views.JobsPage{Filter: typed, Errors: problems}
	job.List(v, filter, &p.Rows)
	if err := v.Load(); err != nil {
		return nil, err
	}
	if len(p.Rows) > job.PageSize {
		p.Rows = p.Rows[:job.PageSize]
		last := p.Rows[job.PageSize-1]
		p.Next = withParam(c.Request().URL, "before", job.Cursor{PostedAt: last.PostedAt, ID: last.ID}.String())
	}
	if filter.Before != nil {
		p.First = withParam(c.Request().URL, "before", "")
	}
	p.Shell = signedIn(c).shell("Jobs", "jobs", v.Member().Role)
	return views.Jobs(p), nil
}

// jobFilter reads what stands in the address. What cannot be read is said beside its field and filters nothing.
func jobFilter(t views.JobsFilter, now time.Time) (job.Filter, views.Errors) {
	f, problems := job.Filter{Query: t.Query}, views.Errors{}
	if slices.Contains(job.Triages, job.Triage(t.Triage)) {
		f.Triage = job.Triage(t.Triage)
	}
	if c := job.Contract(t.Contract); c == job.Hourly || c == job.Fixed {
		f.Contract = c
	}
	pay, err := cents(t.MinPay)
	if err != nil {
		problems["pay"] = "Give an amount in dollars, like 45 or 1,250.50."
	}
	f.MinPay = pay
	if t.Country != "" {
		code, ok := upwork.Country(t.Country)
		if !ok {
			problems["country"] = "No country is known by this name."
		}
		f.Country = code
	}
	if days, err := strconv.Atoi(t.Age); err == nil && days > 0 && days <= 3650 {
		// To the minute, so that a page and its reload ask the same.
		f.Since = now.Truncate(time.Minute).AddDate(0, 0, -days)
	}
	return f, problems
}

// withParam is u's path and query with one parameter set, or taken away when value is empty.
func withParam(u *url.URL, name, value string) string {
	q := u.Query()
	q.Del(name)
	if value != "" {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}

func (h *handlers) job(c echo.Context, v *db.View) (templ.Component, error) {
	return jobPage(c, v, pathID(c), nil)
}

func jobPage(c echo.Context, v *db.View, id uuid.UUID, problems views.Errors) (templ.Component, error) {
	p := views.JobPage{Errors: problems}
	job.Get(v, id, &p.Job)
	proposal.List(v, proposal.Filter{Job: &id}, "", &p.Proposals)
	job.Sightings(v, id, &p.Sightings)
	audit.Of(v, "job", id, &p.Activity)
	if err := v.Load(); err != nil {
		return nil, err
	}
	role := v.Member().Role
	p.CanWrite = role.AtLeast(db.MemberRole)
	p.Shell = signedIn(c).shell(p.Job.Title, "jobs", role)
	return views.Job(p), nil
}

// triaged is what is said of a change of triage.
var triaged = map[job.Triage]string{
	job.New: "is new again", job.Shortlisted: "was shortlisted", job.Drafting: "is being drafted", job.Applied: "was applied for",
	job.Skipped: "was skipped", job.Archived: "was archived",
}

func (h *handlers) triageJob(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("to", "reason", "return_to"); err != nil {
		return "", err
	}
	to, reason := job.Triage(r.form.get("to")), r.form.line("reason")
	if !slices.Contains(job.Triages, to) {
		return "", unknownValue("to")
	}
	if len([]rune(reason)) > 500 {
		return "", redraw(errForm, func(c echo.Context, v *db.View) (templ.Component, error) {
			return jobPage(c, v, pathID(c), views.Errors{"reason": "Keep the reason under 500 characters. You wrote: " + reason})
		})
	}
	j, err := app.TriageJob(c.Request().Context(), tx, pathID(c), to, reason)
	if err != nil {
		return "", err
	}
	r.say("“" + j.Title + "” " + triaged[to] + ".")
	if back, ok := localPath(r.form.get("return_to")); ok {
		return back, nil
	}
	return "/jobs/" + j.ID.String(), nil
}
