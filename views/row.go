package views

import (
	"strconv"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	"upwork-ai-agent/db/job"
)

// rowSkills is how many skills a row of the jobs list shows.
const rowSkills = 5

// badges are the marks of the states of triage.
var badges = map[job.Triage]literal{
	job.New:         `<span class="badge new">New</span>`,
	job.Shortlisted: `<span class="badge good">Shortlisted</span>`,
	job.Drafting:    `<span class="badge busy">Drafting</span>`,
	job.Applied:     `<span class="badge done">Applied</span>`,
	job.Skipped:     `<span class="badge">Skipped</span>`,
	job.Archived:    `<span class="badge">Archived</span>`,
}

// triageBadge names a state of triage.
func triageBadge(t job.Triage) templ.Component { return badges[t] }

// payments say what is known of a client's way to pay.
var payments = map[string]literal{
	"verified":     `<span>payment verified</span>`,
	"not verified": `<span class="warn">payment not verified</span>`,
	"unknown":      `<span>payment unknown</span>`,
}

// jobRows are the rows of the jobs list, written by hand, as the choices above it: here the allocations of a component show.
func jobRows(p *JobsPage) templ.Component {
	return written(func(m *markup) {
		names := p.names()
		for i := range p.Rows {
			m.jobRow(i, &p.Rows[i], p, names)
		}
	})
}

// jobRow is the row at a place of the list. Its title has an id by that place, which names the controls of the row for who
// does not see it: a title is long, and there are fifty.
func (m *markup) jobRow(at int, r *job.Row, p *JobsPage, names map[uuid.UUID]string) {
	id := digitsOf(&r.ID)
	m.html(`<li class="row">`)
	if p.canWrite() {
		m.tick(at, &id)
	}
	m.html(`<div class="main"><h2`)
	m.named("id", at)
	m.html(`><a href="/jobs/`)
	m.digits(&id)
	m.html(`">`)
	m.text(r.Title)
	m.html(`</a></h2>`)
	m.jobFacts(r, p)
	m.html(`<p class="snippet">`)
	m.text(r.Snippet)
	m.html(`</p>`)
	m.skills(r.Skills)
	m.html(`</div><div class="side">`)
	if len(r.Drafters) > 0 {
		m.drafting(r.Drafters, names)
	} else {
		m.html(badges[r.Triage])
	}
	if r.AssigneeID != nil {
		m.html(`<span class="assignee"><span class="hidden">Assigned to </span>`)
		m.member(*r.AssigneeID, names)
		m.html(`</span>`)
	}
	if p.canWrite() && (r.Triage == job.New || r.Triage == job.Shortlisted) {
		m.triage(at, r, &id)
	}
	m.html(`</div></li>`)
}

// drafting says who writes a proposal for a job.
func (m *markup) drafting(who []uuid.UUID, names map[uuid.UUID]string) {
	m.html(`<span class="badge busy">`)
	for i, id := range who {
		if i > 0 {
			m.html(`, `)
		}
		m.member(id, names)
	}
	if len(who) > 1 {
		m.html(` are drafting</span>`)
	} else {
		m.html(` is drafting</span>`)
	}
}

// member adds a member's name. An organization may have more members than its page knows.
func (m *markup) member(id uuid.UUID, names map[uuid.UUID]string) {
	if name, ok := names[id]; ok {
		m.text(name)
	} else {
		m.html(`another member`)
	}
}

// tick chooses a row for a change of many. It belongs to the form above the list.
func (m *markup) tick(at int, id *digits) {
	m.html(`<div class="tick"><input type="checkbox" form="change" name="id" value="`)
	m.digits(id)
	m.html(`"`)
	m.named("aria-labelledby", at)
	m.html(`></div>`)
}

// named adds an attribute that points to the title of the row at a place of the list, or the id that it points to.
func (m *markup) named(attribute literal, at int) {
	m.html(` `)
	m.html(attribute)
	m.html(`="job-`)
	*m = strconv.AppendInt(*m, int64(at), 10)
	m.html(`"`)
}

// rowIDs is the field with the ids of the rows of a page, with spaces.
func rowIDs(rows []job.Row) templ.Component {
	return written(func(m *markup) {
		m.html(`<input type="hidden" name="page" value="`)
		for i := range rows {
			if i > 0 {
				m.html(` `)
			}
			m.id(rows[i].ID)
		}
		m.html(`">`)
	})
}

// jobFacts is the line that a person decides by.
func (m *markup) jobFacts(r *job.Row, p *JobsPage) {
	m.html(`<p class="facts"><strong>`)
	*m = appendPay(*m, r.Contract, r.HourlyMin, r.HourlyMax, r.Budget)
	m.html(`</strong> <span>`)
	m.text(experience(r.Experience))
	m.html(`</span> <span>`)
	m.text(country(r.Country))
	m.html(`</span> <span>`)
	*m = appendSpent(*m, r.Spent, r.SpentFloor)
	m.html(`</span> `)
	m.html(payments[verified(r.PaymentVerified)])
	m.html(` <span>`)
	*m = appendBand(*m, r.ProposalsMin, r.ProposalsMax)
	m.html(`</span> `)
	m.time(r.PostedAt, p.Now)
	m.html(`</p>`)
}

func (m *markup) skills(skills []string) {
	if len(skills) == 0 {
		return
	}
	m.html(`<ul class="skills" aria-label="Skills">`)
	for _, s := range skills[:min(len(skills), rowSkills)] {
		m.html(`<li>`)
		m.text(s)
		m.html(`</li>`)
	}
	m.html(`</ul>`)
}

// triage are the two decisions that are made from the list. The form that they send stands before it, once for all rows.
func (m *markup) triage(at int, r *job.Row, id *digits) {
	m.html(`<div class="decisions">`)
	if r.Triage == job.New {
		m.decide(at, id, `shortlisted">Shortlist`)
	}
	m.decide(at, id, `skipped">Skip`)
	m.html(`</div>`)
}

func (m *markup) decide(at int, id *digits, to literal) {
	m.html(`<button type="submit" form="decide" formaction="/jobs/`)
	m.digits(id)
	m.html(`/triage"`)
	m.named("aria-describedby", at)
	m.html(` name="to" value="`)
	m.html(to)
	m.html(`</button>`)
}
