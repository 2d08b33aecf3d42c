package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/web/webtest"
)

// undoForm is the form beside a message that takes back what it says.
const undoForm = `#toasts form[action^="/jobs/undo/"]`

// undoable shortlists the first job of the list and returns the id of what undoes that.
func undoable(t *testing.T, b *webtest.Browser) string {
	t.Helper()
	p := many(t, b, b.Get("/jobs?triage="), "shortlisted", "page")
	return strings.TrimPrefix(p.Find(undoForm).AttrOr("action", ""), "/jobs/undo/")
}

// kept saves a search and returns its id.
func kept(t *testing.T, b *webtest.Browser) string {
	t.Helper()
	p := b.Get("/jobs?q=billing")
	p = b.Submit(p, `.keep form:has(input[name=address])`, url.Values{"name": {"Billing"}})
	return strings.TrimPrefix(p.Find(`.searches button`).First().AttrOr("formaction", ""), "/jobs/searches/")
}

func memberOf(p *webtest.Page) string {
	return p.Find("#assign-to option[value!='']").First().AttrOr("value", "")
}

// many sends the form above the list.
func many(t *testing.T, b *webtest.Browser, p *webtest.Page, do, which string, ids ...string) *webtest.Page {
	t.Helper()
	return b.Submit(p, "#change", url.Values{"do": {do}, "which": {which}, "id": ids})
}

// jobsOf imports n jobs and returns the list.
func jobsOf(t *testing.T, b *webtest.Browser, first, n int) *webtest.Page {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("title,url,fixed_price\n")
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&csv, "Job %03d,https://www.upwork.com/jobs/~0220508615704600%05d,%d\n", i, i, 100+i)
	}
	preview := b.Submit(b.Get("/jobs/import"), `form[action="/jobs/import"]`, url.Values{"text": {csv.String()}})
	b.Submit(preview, `form[action^="/jobs/import/"]`, nil)
	return b.Get("/jobs?triage=")
}

// ticks are the ids of the rows of a list.
func ticks(p *webtest.Page) []string {
	return p.Find(".row input[name=id]").Map(func(_ int, s *selection) string { return s.AttrOr("value", "") })
}

func TestManyJobsAreChangedAtOnceAndBackAgain(t *testing.T) {
	t.Parallel()
	b := signIn(t, start(t), ana, "Acme")
	list := jobsOf(t, b, 0, 60)
	ids := ticks(list)
	if len(ids) != 50 {
		t.Fatalf("%d rows", len(ids))
	}
	p := many(t, b, list, "shortlisted", "ticked", ids[:3]...)
	if p.Message() != "3 jobs were shortlisted." || b.Get("/jobs?triage=shortlisted").Find(".row").Length() != 3 {
		t.Fatalf("ticked: %d %q", p.Status, p.Message())
	}
	p = many(t, b, list, "shortlisted", "page")
	if p.Message() != "47 jobs were shortlisted. 3 already were." {
		t.Errorf("the page: %q", p.Message())
	}
	p = many(t, b, b.Get("/jobs?triage=&sort=pay"), "archived", "filter")
	if p.Message() != "60 jobs were archived." || b.Get("/jobs?triage=archived").Find(".row").Length() != 50 {
		t.Errorf("the filter: %q", p.Message())
	}
	if history := b.Get("/jobs/" + ids[0]).Find(".history").Text(); !strings.Contains(history, "Triage of many: Archived") || !strings.Contains(history, "Triage of many: Shortlisted") {
		t.Errorf("the history of one of them: %q", history)
	}
	back := b.Submit(p, undoForm, nil)
	if back.Message() != "Undone: 60 jobs." || b.Get("/jobs?triage=shortlisted").Find(".row").Length() != 50 || b.Get("/jobs?triage=new").Find(".row").Length() != 10 {
		t.Errorf("undone: %d %q", back.Status, back.Message())
	}
	again := b.Submit(p, undoForm, nil)
	if again.Status != http.StatusConflict && again.Status != http.StatusUnprocessableEntity || !strings.Contains(again.Find("main").Text(), "undone already") {
		t.Errorf("undone twice: %d %q", again.Status, again.Find("main").Text())
	}
	if none := many(t, b, list, "archived", "ticked"); none.Message() != "No job was chosen, so nothing was changed." {
		t.Errorf("without a tick: %d %q", none.Status, none.Message())
	}
}

func TestUndoingKeepsWhatSomebodyElseHasChangedSince(t *testing.T) {
	t.Parallel()
	s := start(t)
	b, other := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme")
	list := jobsOf(t, b, 0, 3)
	ids := ticks(list)
	done := many(t, b, list, "shortlisted", "ticked", ids...)
	many(t, other, other.Get("/jobs?triage="), "skipped", "ticked", ids[0])
	stolen := other.Post(done.Find(undoForm).AttrOr("action", ""), url.Values{"tenant": {activeIn(done)}})
	if stolen.Status != http.StatusNotFound {
		t.Errorf("somebody else undoes it: %d", stolen.Status)
	}
	p := b.Submit(done, undoForm, nil)
	if !strings.HasPrefix(p.Message(), "Undone: 2 jobs. Changed since and kept: “Job ") || b.Get("/jobs?triage=skipped").Find(".row").Length() != 1 || b.Get("/jobs?triage=new").Find(".row").Length() != 2 {
		t.Errorf("%d %q", p.Status, p.Message())
	}
	done = many(t, b, b.Get("/jobs?triage=new"), "shortlisted", "page")
	many(t, other, other.Get("/jobs?triage=shortlisted"), "skipped", "page")
	if p := b.Submit(done, undoForm, nil); !strings.Contains(p.Find("main").Text(), "Nothing was undone") {
		t.Errorf("all changed since: %d %q", p.Status, p.Find("main").Text())
	}
	exec(t, s.Database, "UPDATE undos SET expires_at = now() - interval '1 second'")
	if p := b.Submit(done, undoForm, nil); !strings.Contains(p.Find("main").Text(), "for a day") {
		t.Errorf("too late: %d %q", p.Status, p.Find("main").Text())
	}
}

func TestJobsAreAssignedToMembersOfThisOrganizationOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	signIn(t, s, ben, "Acme")
	list := jobsOf(t, b, 0, 3)
	who := list.Find("#assign-to option").FilterFunction(func(_ int, o *selection) bool { return strings.Contains(o.Text(), "Ben") }).AttrOr("value", "")
	p := b.Submit(list, "#change", url.Values{"do": {"assign"}, "which": {"ticked"}, "id": ticks(list)[:2], "assignee": {who}})
	if !strings.HasPrefix(p.Message(), "2 jobs were assigned to Ben") || b.Get("/jobs?assignee="+who).Find(".row .assignee").Length() != 2 || b.Get("/jobs?assignee=nobody").Find(".row").Length() != 1 {
		t.Fatalf("%d %q", p.Status, p.Message())
	}
	if back := b.Submit(p, undoForm, nil); back.Message() != "Undone: 2 jobs." || b.Get("/jobs?assignee=nobody").Find(".row").Length() != 3 {
		t.Errorf("undone: %q", back.Message())
	}
	job := b.Get("/jobs/" + ticks(list)[0])
	if p := b.Submit(job, `form[action$="/assign"]`, url.Values{"assignee": {who}}); !strings.HasPrefix(p.Message(), "1 job was assigned to Ben") || p.Find("#assignee option[selected]").AttrOr("value", "") != who {
		t.Errorf("from its page: %q", p.Message())
	}
	if p := b.Submit(job, `form[action$="/assign"]`, url.Values{"assignee": {nobodys}}); p.Status != http.StatusNotFound {
		t.Errorf("to nobody we know: %d", p.Status)
	}
}

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

func TestAnImportIsUndoneExceptForWhatWasTouched(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	jobsOf(t, b, 0, 3)
	csv := "title,url,fixed_price\nBetter name,https://www.upwork.com/jobs/~022050861570460000000,999\nBetter too,https://www.upwork.com/jobs/~022050861570460000001,999\nJob 900,https://www.upwork.com/jobs/~022050861570460000900,5\nJob 901,https://www.upwork.com/jobs/~022050861570460000901,5\n"
	preview := b.Submit(b.Get("/jobs/import"), `form[action="/jobs/import"]`, url.Values{"text": {csv}})
	done := b.Submit(preview, `form[action^="/jobs/import/"]`, nil)
	if done.Message() != "Imported: 2 new, 2 updated." || done.Find(undoForm).Length() != 1 || done.Find(`main > form[action^="/jobs/undo/"]`).Length() != 1 {
		t.Fatalf("%q", done.Message())
	}
	find := func(title string) string {
		for _, row := range b.Get("/jobs?triage=").Find(".row").EachIter() {
			if strings.Contains(row.Find("h2").Text(), title) {
				return row.Find("input[name=id]").AttrOr("value", "")
			}
		}
		return ""
	}
	many(t, b, b.Get("/jobs?triage="), "shortlisted", "ticked", find("Job 900"), find("Better too"))
	p := b.Submit(done, undoForm, nil)
	if !strings.HasPrefix(p.Message(), "Undone: 2 jobs. Changed since and kept: “") || p.H1() != "An import that was undone" {
		t.Fatalf("%d %q %q", p.Status, p.H1(), p.Message())
	}
	if got, want := p.Find("tbody tr td:last-child .badge").Map(func(_ int, s *selection) string { return s.Text() }), []string{"As before again", "Kept: changed since", "Kept: changed since", "Removed again"}; strings.Join(got, ";") != strings.Join(want, ";") {
		t.Errorf("row by row: %q", got)
	}
	for title, there := range map[string]bool{"Job 000": true, "Better name": false, "Better too": true, "Job 900": true, "Job 901": false} {
		if (find(title) != "") != there {
			t.Errorf("%s: there is %t, want %t", title, !there, there)
		}
	}
}
