package views

import "github.com/a-h/templ"

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
