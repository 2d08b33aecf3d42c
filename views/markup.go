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

// special are the characters that have one, in a table that is small: every character of a page is looked up.
var special = func() (is [256]bool) {
	for c, entity := range entities {
		is[c] = entity != ""
	}
	return is
}()

// text adds s so that it stands for itself, in content and in quoted attributes.
func (m *markup) text(s string) {
	from := 0
	for i := range len(s) {
		if special[s[i]] {
			*m = append(append(*m, s[from:i]...), entities[s[i]]...)
			from = i + 1
		}
	}
	*m = append(*m, s[from:]...)
}

// digits are an id in its usual form, 8-4-4-4-12 digits.
type digits [36]byte

func digitsOf(id *uuid.UUID) (d digits) {
	hex.Encode(d[:], id[:4])
	hex.Encode(d[9:], id[4:6])
	hex.Encode(d[14:], id[6:8])
	hex.Encode(d[19:], id[8:10])
	hex.Encode(d[24:], id[10:])
	d[8], d[13], d[18], d[23] = '-', '-', '-', '-'
	return d
}

// id adds an id. Where it stands more than once, its digits are added.
func (m *markup) id(id uuid.UUID) {
	d := digitsOf(&id)
	m.digits(&d)
}

func (m *markup) digits(d *digits) { *m = append(*m, d[:]...) }

// time adds a time as people say it, with the exact one in its title.
func (m *markup) time(t, now time.Time) {
	m.html(`<time datetime="`)
	*m = t.UTC().AppendFormat(*m, time.RFC3339)
	m.html(`" title="`)
	*m = appendExact(*m, t)
	m.html(`">`)
	*m = appendAgo(*m, t, now)
	m.html(`</time>`)
}
