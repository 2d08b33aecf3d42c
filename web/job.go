package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/upwork"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/db/proposal"
	"upwork-ai-agent/views"
)

// jobs is the hot page: one pipeline, fifty rows.
func (h *handlers) jobs(c echo.Context, v *db.View) (templ.Component, error) {
	r, query := signedIn(c), c.QueryParams()
	p := views.JobsPage{Filter: typedFilter(query)}
	filter, problems := jobFilter(p.Filter)
	p.Errors = problems
	if before := query.Get("before"); before != "" {
		cursor, err := job.ParseCursor(before)
		if err != nil || cursor.Key < 0 && filter.Sort != job.BestPay {
			return nil, db.ErrNotFound
		}
		filter.Before = &cursor
	}
	job.List(v, filter, &p.Rows)
	job.Searches(v, r.session.ClerkUser, &p.Searches)
	job.Formats(v, &p.Formats)
	member.Everybody(v, &p.Members)
	if err := v.Load(); err != nil {
		return nil, err
	}
	if to, ok := opening(c.Request(), p.Searches); ok {
		return nil, elsewhere{to}
	}
	if len(p.Rows) > job.PageSize {
		p.Rows = p.Rows[:job.PageSize]
		p.Next = withParam(c.Request().URL, "before", filter.Sort.Place(&p.Rows[job.PageSize-1]).String())
	}
	if filter.Before != nil {
		p.First = withParam(c.Request().URL, "before", "")
	}
	p.Shell = r.shell("Jobs", "jobs", v.Member().Role)
	return views.Jobs(p), nil
}

// opening is where the bare address of the list leads somebody who has chosen a search to begin with.
func opening(r *http.Request, searches []job.Search) (string, bool) {
	if r.URL.RawQuery != "" {
		return "", false
	}
	for _, s := range searches {
		if s.Default {
			return views.SearchPath(s), true
		}
	}
	return "", false
}

// typedFilter is the filter as it stands in an address. Every text is cut to what a person would type.
func typedFilter(q url.Values) views.JobsFilter {
	var t views.JobsFilter
	for _, f := range t.Fields() {
		*f.Value = searchText(q.Get(f.Name))
	}
	return t
}

// jobFilter reads what stands in the address. What cannot be read is said beside its field and filters nothing.
func jobFilter(t views.JobsFilter) (job.Filter, views.Errors) {
	f, problems := job.Filter{Query: t.Query, Format: t.Format, Verified: t.Verified != ""}, views.Errors{}
	f.Triage, f.Contract, f.Experience, f.Sort = oneOf(t.Triage, job.Triages...), oneOf(t.Contract, job.Hourly, job.Fixed),
		oneOf(t.Experience, job.Entry, job.Intermediate, job.Expert), oneOf(t.Sort, job.BestPay, job.Quiet)
	f.MinPay, f.MinSpent = dollars(t.MinPay, "pay", problems), dollars(t.MinSpent, "spent", problems)
	if t.Country != "" {
		code, ok := upwork.Country(t.Country)
		if !ok {
			problems["country"] = "No country is known by this name."
		}
		f.Country = code
	}
	f.Days, f.MaxProposals = upTo(t.Age, 3650), upTo(t.Proposals, 10_000)
	if stars, err := strconv.ParseFloat(t.Rating, 64); err == nil && stars > 0 && stars <= 5 {
		f.MinRating = int(stars*100 + .5)
	}
	f.AllSkills, f.AnySkills = skills(t.Skills), skills(t.AnySkills)
	if id, err := uuid.Parse(t.Assignee); err == nil {
		f.Assignee = &id
	}
	f.Unassigned = t.Assignee == "nobody"
	if t.Draft == "yes" || t.Draft == "no" {
		has := t.Draft == "yes"
		f.Draft = &has
	}
	return f, problems
}

// oneOf is s as one of the given values, or none of them.
func oneOf[T ~string](s string, all ...T) (none T) {
	if slices.Contains(all, T(s)) {
		return T(s)
	}
	return none
}

// dollars is an amount in US cents, or a problem.
func dollars(s, name string, problems views.Errors) *int64 {
	amount, err := cents(s)
	if err != nil {
		problems[name] = "Give an amount in dollars, like 45 or 1,250.50."
	}
	return amount
}

// upTo is a whole number from 1 to most; 0 for anything else.
func upTo(s string, most int) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= most {
		return n
	}
	return 0
}

// skills are what a person has listed with commas.
func skills(s string) (all []string) {
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && len(all) < 20 {
			all = append(all, name)
		}
	}
	return all
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
	return jobPage(c, v, pathID(c), func(*views.JobPage) {})
}

// jobPage is a job's page with what change says of a form that was refused.
func jobPage(c echo.Context, v *db.View, id uuid.UUID, change func(*views.JobPage)) (templ.Component, error) {
	var p views.JobPage
	change(&p)
	job.Get(v, id, &p.Job)
	proposal.List(v, proposal.Filter{Job: &id}, "", &p.Proposals)
	job.Notes(v, id, signedIn(c).session.ClerkUser, &p.Notes)
	job.Sightings(v, id, &p.Sightings)
	audit.Of(v, "job", id, &p.Activity)
	member.Choices(v, &p.Members)
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

// maxReason is how much is kept of why a job is skipped, in characters, as the form says.
const maxReason = 500

func (h *handlers) triageJob(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("to", "reason", "return_to"); err != nil {
		return "", err
	}
	to, reason := job.Triage(r.form.get("to")), r.form.line("reason")
	if !slices.Contains(job.Triages, to) {
		return "", unknownValue("to")
	}
	if n := utf8.RuneCountInString(reason); n > maxReason {
		return "", redraw(errForm, reasonRefused(reason, fmt.Sprintf("Keep the reason under %d characters. You wrote %d.", maxReason, n)))
	}
	j, undo, err := app.TriageJob(c.Request().Context(), tx, pathID(c), to, reason)
	var rule *app.Error
	if errors.As(err, &rule) && rule.Fields["reason"] != "" {
		return "", &invalid{status: http.StatusConflict, least: db.Viewer, page: reasonRefused(reason, rule.Fields["reason"]), cause: err}
	}
	if err != nil {
		return "", err
	}
	r.offerUndo("“"+shortened(j.Title)+"” "+triaged[to]+".", undoPath(undo))
	if back, ok := localPath(r.form.get("return_to")); ok {
		return back, nil
	}
	return "/jobs/" + j.ID.String(), nil
}

// reasonRefused is the page of a job as it is now, with the reason to skip it that was not taken.
func reasonRefused(reason, problem string) page {
	return func(c echo.Context, v *db.View) (templ.Component, error) {
		return jobPage(c, v, pathID(c), func(p *views.JobPage) {
			p.Errors, p.Reason = views.Errors{"reason": problem}, reason
		})
	}
}
