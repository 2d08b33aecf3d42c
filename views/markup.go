package views

import (
	"context"
	"encoding/hex"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"
)

// markup is HTML under construction, for the rows of the hot page: templ formats every value through two allocations,
// which is most of what a list of fifty rows costs.
type markup []byte

// markups are what components were written into: a list is large, and needed no longer when it has been sent on.
var markups = sync.Pool{New: func() any { return new(markup) }}

// written is a component that is written by hand.
type written func(m *markup)

// Render implements templ.Component.
func (write written) Render(_ context.Context, w io.Writer) error {
	m := markups.Get().(*markup)
	defer markups.Put(m)
	*m = (*m)[:0]
	write(m)
	_, err := w.Write(*m)
	return err
}

// literal is markup of this program. A constant becomes one by itself and a variable does not, so that what a person typed
// cannot be passed where HTML is expected: that does not compile.
type literal string

func (m *markup) html(s literal) { *m = append(*m, s...) }

// Render implements templ.Component.
func (s literal) Render(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, string(s))
	return err
}

// drawnOnce is a component that is the same on every page, drawn when the program starts.
func drawnOnce(c templ.Component) literal {
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		panic(err) // it depends on nothing: every start would fail
	}
	return literal(b.String())
}

// entities are those of html.EscapeString. All stand for ASCII, so replacing them cuts no rune.
var entities = [256]literal{'&': "&amp;", '\'': "&#39;", '<': "&lt;", '>': "&gt;", '"': "&#34;"}

// text adds s so that it stands for itself, in content and in quoted attributes.
func (m *markup) text(s string) {
	from := 0
	for i := range len(s) {
		if entity := entities[s[i]]; entity != "" {
			*m = append(append(*m, s[from:i]...), entity...)
			from = i + 1
		}
	}
	*m = append(*m, s[from:]...)
}

// id adds an id in its usual form, 8-4-4-4-12 digits.
func (m *markup) id(id uuid.UUID) {
	b := hex.AppendEncode(*m, id[:4])
	b = hex.AppendEncode(append(b, '-'), id[4:6])
	b = hex.AppendEncode(append(b, '-'), id[6:8])
	b = hex.AppendEncode(append(b, '-'), id[8:10])
	*m = hex.AppendEncode(append(b, '-'), id[10:])
}

// time adds a time as people say it, with the exact one in its title.
func (m *markup) time(t, now time.Time) {
	m.html(`<time datetime="`)
	*m = t.UTC().AppendFormat(*m, time.RFC3339)
	m.html(`" title="`)
	*m = t.UTC().AppendFormat(*m, exactLayout)
	m.html(`">`)
	*m = appendAgo(*m, t, now)
	m.html(`</time>`)
}
