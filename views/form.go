package views

import (
	"github.com/a-h/templ"
	"github.com/google/uuid"

	"upwork-ai-agent/db/control"
)

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

// formFields is what every form that changes something carries: the organization that it was drawn for, and the token of
// the session.
func formFields(s Shell) templ.Component {
	return written(func(m *markup) { m.formFields(&s) })
}

func (m *markup) formFields(s *Shell) {
	m.html(`<input type="hidden" name="tenant" value="`)
	m.id(s.Tenant)
	m.html(`"><input type="hidden" name="token" value="`)
	m.text(s.Token)
	m.html(`">`)
}
