package views

import (
	"github.com/a-h/templ"
	"github.com/google/uuid"

	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
)

// This file has what is drawn for every entry of something to choose from: tabs, options, and the organizations of the switcher.

// triageTabs lead to the list in each state of triage.
func triageTabs(p *JobsPage) templ.Component {
	return written(func(m *markup) {
		m.triageTab(p, "", "All")
		for _, t := range job.Triages {
			m.triageTab(p, t, triageNames[t])
		}
	})
}

func (m *markup) triageTab(p *JobsPage, t job.Triage, name string) {
	m.html(`<a href="`)
	m.text(string(p.Filter.filterURL(string(t))))
	m.html(`"`)
	if p.Filter.Triage == string(t) {
		m.html(` aria-current="page"`)
	}
	m.html(`>`)
	m.text(name)
	m.html(`</a>`)
}

// choice is an entry of a list to choose from.
type choice struct{ Value, Name string }

// options are the choices of a list, one of them chosen.
func options(all []choice, chosen string) templ.Component {
	return written(func(m *markup) {
		for _, o := range all {
			m.option(o.Value, o.Name, o.Value == chosen)
		}
	})
}

// formatOptions are the formats that jobs were imported from, one of them chosen.
func formatOptions(all []string, chosen string) templ.Component {
	return written(func(m *markup) {
		for _, f := range all {
			m.option(f, f, f == chosen)
		}
	})
}

func (m *markup) option(value, name string, chosen bool) {
	m.html(`<option value="`)
	m.text(value)
	m.chosen(chosen)
	m.text(name)
	m.html(`</option>`)
}

// chosen ends the opening tag of an option, behind its value.
func (m *markup) chosen(is bool) {
	if is {
		m.html(`" selected>`)
	} else {
		m.html(`">`)
	}
}

// memberOptions are the members of a list to choose from, one of them chosen by id.
func memberOptions(members []member.Choice, chosen string) templ.Component {
	return written(func(m *markup) {
		id, err := uuid.Parse(chosen)
		if err != nil {
			id = uuid.Nil // nobody is chosen by what is no id
		}
		for i := range members {
			m.memberOption(&members[i], id)
		}
	})
}

// presentOptions are those members of a list who have not left.
func presentOptions(members []member.Choice) templ.Component {
	return written(func(m *markup) {
		for i := range members {
			if !members[i].Left {
				m.memberOption(&members[i], uuid.Nil)
			}
		}
	})
}

func (m *markup) memberOption(c *member.Choice, chosen uuid.UUID) {
	m.html(`<option value="`)
	m.id(c.ID)
	m.chosen(c.ID == chosen)
	m.text(c.Name)
	if c.Left {
		m.html(` (left)`)
	}
	m.html(`</option>`)
}

// organizationChoices are the buttons of the switcher.
func organizationChoices(s *Shell) templ.Component {
	return written(func(m *markup) {
		for i := range s.Organizations {
			m.organizationChoice(&s.Organizations[i], s.Tenant)
		}
	})
}

func (m *markup) organizationChoice(o *control.Choice, active uuid.UUID) {
	m.html(`<li><button type="submit" name="tenant_id" value="`)
	m.id(o.ID)
	m.html(`" class="`)
	m.text(accent(o.ID))
	if o.ID == active {
		m.html(`" aria-current="true`)
	}
	m.html(`"><span class="dot" aria-hidden="true"></span> <span class="name">`)
	m.text(o.Name)
	m.html(`</span> <span class="badge">`)
	m.text(roleNames[o.Role])
	m.html(`</span></button></li>`)
}
