package views

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// formFields is what every form that changes something carries: the organization that it was drawn for, and the token of
// the session.
func formFields(s Shell) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		m := make(markup, 0, 192)
		m.formFields(&s)
		_, err := w.Write(m)
		return err
	})
}

func (m *markup) formFields(s *Shell) {
	m.html(`<input type="hidden" name="tenant" value="`)
	m.id(s.Tenant)
	m.html(`"><input type="hidden" name="token" value="`)
	m.text(s.Token)
	m.html(`">`)
}
