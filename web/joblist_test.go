package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"upwork-ai-agent/web/webtest"
)

func TestTheListIsOrderedAndFilteredByItsAddress(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	jobsOf(t, b, 0, 120)
	exec(t, s.Database, `UPDATE jobs SET skills = CASE WHEN budget % 200 = 0 THEN '{Golang,"Web, Design"}' ELSE '{Rust}' END::text[], experience = 'expert', client_rating = 450,
		client_spent = 100000, client_payment_verified = budget <= 15000, proposals_min = budget / 100 % 7, proposals_max = budget / 100 % 7 + 5 WHERE budget > 10000`)
	for order, descending := range map[string]string{"pay": "budget DESC, id DESC", "quiet": "coalesce(proposals_min, 2147483647), id", "": "posted_at DESC, id DESC"} {
		var want, got []string
		if err := s.Connect(t, "postgres").QueryRow(t.Context(), "SELECT array_agg(title ORDER BY "+descending+") FROM jobs").Scan(&want); err != nil {
			t.Fatal(err)
		}
		for path := "/jobs?triage=&sort=" + order; path != ""; {
			p := b.Get(path)
			got = append(got, p.Find(".row h2").Map(func(_ int, s *selection) string { return s.Text() })...)
			path = p.Find("a[rel=next]").AttrOr("href", "")
		}
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("sorted by %q: %d rows, want %d, or another order", order, len(got), len(want))
		}
	}
	for query, want := range map[string]string{
		"skills=golang": "'Golang' = ANY(skills)", "skills=GOLANG,rust": "false", "any=golang,rust": "skills <> '{}'", "experience=expert": "experience = 'expert'", "rating=4.5": "client_rating >= 450", "rating=4.8": "false",
		"spent=1000": "client_spent >= 100000", "spent=1000.01": "false", "verified=yes": "client_payment_verified", "proposals=5": "proposals_max <= 5", "from=nowhere": "false", "skills=golang&verified=yes": "'Golang' = ANY(skills) AND client_payment_verified",
	} {
		var rows int
		if err := s.Connect(t, "postgres").QueryRow(t.Context(), "SELECT least(count(*), 50) FROM jobs WHERE "+want).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if got := b.Get("/jobs?" + query).Find(".row").Length(); got != rows {
			t.Errorf("%s: %d rows, want %d", query, got, rows)
		}
	}
	writing := b.Get("/jobs?triage=").Find(".row h2 a").First().AttrOr("href", "")
	b.Submit(b.Get(writing), `form[action="/proposals"]`, nil)
	with, without := b.Get("/jobs?triage=&draft=yes"), b.Get("/jobs?draft=no&pay=100&sort=pay&contract=fixed")
	if with.Find(".row").Length() != 1 || with.Find(".row .badge").Text() != "Ana Example is drafting" || without.Find(`.row h2 a[href="`+writing+`"]`).Length() != 0 || b.Get("/jobs?draft=perhaps").Find(".row").Length() != 50 {
		t.Errorf("with a draft: %d rows, %q", with.Find(".row").Length(), with.Find(".row .badge").Text())
	}
	if folded := without.Find(".filters > summary").Text() + without.Find(".further > summary").Text(); folded != "Filters (3 active)More filters (1 active)" {
		t.Errorf("folded away are %q", folded)
	}
	colleague := signIn(t, s, ben, "Acme")
	colleague.Submit(colleague.Get(writing), `form[action="/proposals"]`, nil)
	if got := b.Get("/jobs?draft=yes").Find(".row .badge").Text(); got != "Ana Example, Ben Example are drafting" {
		t.Errorf("two draft: %q", got)
	}
	format := b.Get("/jobs?triage=").Find("#from option[value!='']").AttrOr("value", "")
	if n := b.Get("/jobs?from=" + url.QueryEscape(format)).Find(".row").Length(); format == "" || n != 50 {
		t.Errorf("from %q: %d rows", format, n)
	}
}

func TestASavedSearchCountsWhatCameSinceItWasOpened(t *testing.T) {
	t.Parallel()
	s := start(t)
	b, other := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme")
	jobsOf(t, b, 0, 2)
	save := func(query, name string) *webtest.Page {
		return b.Submit(b.Get("/jobs?"+query), `.keep form:has(input[name=address])`, url.Values{"name": {name}})
	}
	if p := save("pay=200", "Well paid"); p.Message() != "“Well paid” was saved. What comes from now on counts as new." || p.Find(".searches .badge").Length() != 0 || p.Find(`.searches [aria-current=true]`).Length() != 1 {
		t.Fatalf("%d %q", p.Status, p.Message())
	}
	save("q=%22Job+102%22&contract=fixed", "One of them")
	p := jobsOf(t, b, 98, 140) // of which 100 to 237 pay that much
	badges := func(p *webtest.Page) string {
		return strings.Join(p.Find(".searches button").Map(func(_ int, s *selection) string { return strings.Join(strings.Fields(s.Text()), " ") }), "; ")
	}
	if got, want := badges(p), "One of them 1 new; Well paid 99+ new"; got != want {
		t.Errorf("new are %q, want %q", got, want)
	}
	if got := badges(other.Get("/jobs?triage=")); got != "" {
		t.Errorf("another member sees %q", got)
	}
	action := p.Find(".searches button").First().AttrOr("formaction", "")
	fields := func(do string) url.Values {
		return url.Values{"tenant": {activeIn(p)}, "do": {do}, "name": {"Just one"}}
	}
	if opened := b.Post(action, fields("open")); opened.Find(".row").Length() != 1 || badges(opened) != "One of them; Well paid 99+ new" {
		t.Errorf("opened: %d rows, %q", opened.Find(".row").Length(), badges(opened))
	}
	if other.Get("/jobs?triage="); other.Post(action, fields("delete")).Status != http.StatusNotFound {
		t.Error("another member deletes it")
	}
	if renamed := b.Post(action, fields("rename")); badges(renamed) != "Just one; Well paid 99+ new" {
		t.Errorf("renamed: %q", badges(renamed))
	}
	b.Post(action, fields("default"))
	if opening := b.Get("/jobs"); opening.Find(".row").Length() != 1 || opening.URL.RawQuery == "" {
		t.Errorf("the list opens at %s", opening.URL)
	}
	b.Post(action, fields("plain"))
	if opening := b.Get("/jobs"); opening.Find(".row").Length() != 50 {
		t.Errorf("the list opens at %s", opening.URL)
	}
	if deleted := b.Post(action, fields("delete")); badges(deleted) != "Well paid 99+ new" {
		t.Errorf("deleted: %q", badges(deleted))
	}
	for i := range 20 {
		p = save("pay=200", fmt.Sprintf("Number %d", i))
	}
	if !strings.Contains(p.Find("main").Text(), "You keep 20 searches") {
		t.Errorf("a 21st: %d %q", p.Status, p.H1())
	}
}

func TestTheWholeFilterIsExportedInItsOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	jobsOf(t, b, 0, 501)
	jobsOf(t, b, 501, 20)
	exec(t, s.Database, "UPDATE jobs SET title = '=HYPERLINK(1)' || title, description = E'two\nlines, \"quoted\"', assignee_id = (SELECT id FROM users WHERE clerk_id = $1 AND tenant_id = jobs.tenant_id) WHERE budget = 10000", ana)
	for query, want := range map[string]int{"triage=&sort=pay": 521, "pay=500": 121, "q=nothing": 0, "assignee=nobody": 520} {
		p := b.Get("/jobs?" + query)
		file := "/jobs/export.csv?" + query
		if want > 0 {
			file = p.Find("a.export").AttrOr("href", "")
		}
		rows := exported(t, b, file)
		if len(rows) != want+1 {
			t.Errorf("%s: %d rows, want %d", query, len(rows)-1, want)
		}
	}
	rows := exported(t, b, "/jobs/export.csv?triage=&sort=pay")
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	seen := map[string]bool{}
	for i, row := range rows[1:] {
		seen[column(row, "id")] = true
		if want := fmt.Sprintf("%d.00", 620-i); column(row, "budget") != want {
			t.Fatalf("row %d pays %s, want %s", i, column(row, "budget"), want)
		}
	}
	if len(seen) != 521 {
		t.Errorf("%d different jobs", len(seen))
	}
	one := exported(t, b, "/jobs/export.csv?pay=100&triage=&sort=pay")[521]
	if !strings.HasPrefix(column(one, "title"), "'=HYPERLINK") || column(one, "assigned_to") != "Ana Example" || column(one, "description") != "two\nlines, \"quoted\"" || column(one, "client_spent") != "" {
		t.Errorf("%q", one)
	}
	if p := b.Get("/jobs/export.csv?pay=much"); p.Status != http.StatusNotFound {
		t.Errorf("a filter that cannot be read: %d", p.Status)
	}
}
