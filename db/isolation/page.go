package isolation

import (
	"bytes"
	_ "embed" // the page
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"strconv"
	"time"
)

//go:embed report.html
var pageText string

// section is one table of tallies of the page.
type section struct {
	Name, Column, Caption string
	Tallies               []Tally
}

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"date":    func(t time.Time) string { return t.Format("2 January 2006, 15:04:05 MST") },
	"seconds": func(ms int) string { return fmt.Sprintf("%.1f s", float64(ms)/1000) },
	"number":  grouped,
	"total":   func(r sheet) int { return r.Leaks + r.Oracles + r.Unproven },
	"sections": func(r sheet) []section {
		return []section{
			{"Objects", "Object", "Everything in the database that is not the server’s own", r.Objects},
			{"Contexts", "Context", "Whom the attacker claimed to be", r.Contexts},
			{"Attacks", "Attack", "What was tried; positive controls begin with “own”", r.Attacks},
		}
	},
}).Parse(pageText))

// grouped is n with commas between its thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// sheet is a report with its own JSON beside it.
type sheet struct {
	Report
	JSON string
}

// HTML is the signed report as one page that needs nothing else: no script, no picture, nothing from elsewhere. The report
// itself is in it, so that the page can be verified.
func (r Report) HTML() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // numbers, texts and times: cannot fail
	}
	return draw(r, text)
}

// Page is HTML of a report as it was kept, byte by byte: one that an earlier version has signed stays signed.
func Page(signed []byte) ([]byte, error) {
	var r Report
	if err := json.Unmarshal(signed, &r); err != nil {
		return nil, errNotReport
	}
	return draw(r, signed), nil
}

func draw(r Report, text []byte) []byte {
	if r.Signature == nil {
		r.Signature = &Signature{}
	}
	var b bytes.Buffer
	if err := page.Execute(&b, sheet{r, string(text)}); err != nil {
		panic(err) // into memory, and the template is tested
	}
	return b.Bytes()
}

// errRedrawn says that a page shows something else than the report in it.
var errRedrawn = errors.New("the report in it is genuine, but the page around it was not drawn from it by this version: trust only what `prove --verify` says")

const (
	beforeReport = `<pre id="report">`
	afterReport  = `</pre>`
)

// unpage is the report's JSON out of a page, or text as it is when it is none.
func unpage(text []byte) (report []byte, isPage bool) {
	_, rest, found := bytes.Cut(text, []byte(beforeReport))
	inside, _, ended := bytes.Cut(rest, []byte(afterReport))
	if !found || !ended {
		return text, false
	}
	return []byte(html.UnescapeString(string(inside))), true
}
