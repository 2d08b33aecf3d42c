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

// decided presses a button of the first row of a list.
func decided(t *testing.T, b *webtest.Browser, list *webtest.Page, to string) *webtest.Page {
	t.Helper()
	button := list.Find(`.row:first-child button[value=` + to + `]`)
	return b.Post(button.AttrOr("formaction", ""), url.Values{"tenant": {activeIn(list)}, "to": {to}})
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
	asked := many(t, b, b.Get("/jobs?triage=&sort=pay"), "archived", "filter")
	if asked.H1() != "Archive 60 jobs?" || asked.Message() != "" || b.Get("/jobs?triage=archived").Find(".row").Length() != 0 {
		t.Fatalf("before the change: %d %q", asked.Status, asked.H1())
	}
	p = b.Submit(asked, `form[action="/jobs/change"]`, url.Values{"do": {"archived"}})
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

func TestALongTitleFitsIntoTheMessage(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	for i, letter := range []string{"<", "\u2028", "\U0001F600"} {
		title := "Long " + strings.Repeat(letter, 490)
		preview := b.Submit(b.Get("/jobs/import"), `form[action="/jobs/import"]`, url.Values{"text": {fmt.Sprintf("title,url\n%s,https://www.upwork.com/jobs/~0220508615704600%05d\n", title, i)}})
		b.Submit(preview, `form[action^="/jobs/import/"]`, nil)
		job := b.Get("/jobs").Find(".row h2 a").First().AttrOr("href", "")
		page := b.Get(job)
		p := b.Post(job+"/triage", url.Values{"tenant": {page.Find("body").AttrOr("data-tenant", "")}, "to": {"shortlisted"}})
		if p.Status != http.StatusOK || !strings.Contains(p.Message(), "was shortlisted") || p.Find(undoForm).Length() != 1 {
			t.Errorf("490 of %q: %d %s, %s", letter, p.Status, p.H1(), p.Message())
		}
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

// confirmed answers what a change of all that match asks first.
func confirmed(t *testing.T, b *webtest.Browser, asked *webtest.Page) *webtest.Page {
	t.Helper()
	return b.Submit(asked, `form[action="/jobs/change"]`, url.Values{"do": {asked.Find(`form[action="/jobs/change"] button`).AttrOr("value", "")}})
}

func TestAChangeOfAllThatMatchSaysHowManyBeforeItIsMade(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	list := jobsOf(t, b, 0, 60)
	many(t, b, list, "shortlisted", "ticked", ticks(list)[:5]...)
	exec(t, s.Database, "UPDATE jobs SET triage = 'applied' WHERE id = $1", ticks(list)[0])
	asked := many(t, b, b.Get("/jobs?triage="), "shortlisted", "filter")
	if asked.H1() != "Shortlist 55 jobs?" || !strings.Contains(strings.Join(strings.Fields(asked.Find("main").Text()), " "), "55 jobs will be changed. 4 are so already. 1 is where this cannot be done and stays.") {
		t.Fatalf("%q: %s", asked.H1(), asked.Find("main").Text())
	}
	if !strings.HasPrefix(asked.URL.RequestURI(), "/jobs/change?") {
		t.Errorf("the question is at %s", asked.URL)
	}
	jobsOf(t, b, 100, 20) // come meanwhile
	again := confirmed(t, b, asked)
	if again.H1() != "Shortlist 75 jobs?" || again.Message() != "Meanwhile 80 jobs match, so nothing was changed. Look again." || b.Get("/jobs?triage=shortlisted").Find(".row").Length() != 4 {
		t.Fatalf("80 match instead of 60: %q %q", again.H1(), again.Message())
	}
	jobsOf(t, b, 200, 3) // a few do not matter
	if p := confirmed(t, b, again); p.Message() != "78 jobs were shortlisted. 4 already were. 1 cannot go there from where they are." || p.URL.RequestURI() != "/jobs?triage=" {
		t.Errorf("%d %q at %s", p.Status, p.Message(), p.URL)
	}
	who := memberOf(list)
	asked = b.Submit(b.Get("/jobs?triage="), "#change", url.Values{"do": {"assign"}, "which": {"filter"}, "assignee": {who}})
	if asked.H1() != "Assign 83 jobs to Ana Example?" {
		t.Errorf("%q", asked.H1())
	}
	if p := confirmed(t, b, asked); p.Message() != "83 jobs were assigned to Ana Example." {
		t.Errorf("%q", p.Message())
	}
	if none := many(t, b, b.Get("/jobs?triage="), "shortlisted", "filter"); none.Find(`main form`).Length() != 0 || !strings.Contains(none.Find("main").Text(), "82 are so already.") {
		t.Errorf("nothing to do: %s", none.Find("main").Text())
	}
	for _, bad := range []string{"?do=paid&address=q%3Dx", "?do=archived&address=pay%3Dx", "?do=archived&address=%25zz", "?do=assign&assignee=x", ""} {
		if p := b.Get("/jobs/change" + bad); p.Status != http.StatusNotFound {
			t.Errorf("%q: %d", bad, p.Status)
		}
	}
}

func TestOneChangeTakesABoundedNumberOfJobsAndSaysSo(t *testing.T) {
	t.Parallel()
	b := signIn(t, start(t), ana, "Acme")
	jobsOf(t, b, 0, 503)
	asked := many(t, b, b.Get("/jobs?triage="), "archived", "filter")
	if asked.H1() != "Archive 500 jobs?" || !strings.Contains(asked.Find("main").Text(), "One change takes 500 jobs at most") {
		t.Fatalf("%q: %s", asked.H1(), asked.Find("main").Text())
	}
	if p := confirmed(t, b, asked); p.Message() != "500 jobs were archived. One change takes 500 jobs at most: more match." || b.Get("/jobs?triage=new").Find(".row").Length() != 3 {
		t.Errorf("%q", p.Message())
	}
}

func TestAForeignIDAmongOwnOnesIsNoticedAndTheOwnAreChanged(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	there := treasureOf(t, s)
	b := signIn(t, s, nina, "Beta")
	list := jobsOf(t, b, 0, 3)
	own, foreign := ticks(list), there.ids["/jobs/"]
	for name, fields := range map[string]url.Values{
		"ticked": {"do": {"shortlisted"}, "which": {"ticked"}, "id": {own[0], foreign, nobodys}},
		"a page": {"do": {"archived"}, "which": {"page"}, "page": {own[1] + " " + foreign}},
		"assign": {"do": {"assign"}, "which": {"ticked"}, "assignee": {memberOf(list)}, "id": {foreign, own[2]}},
	} {
		exec(t, s.Database, "TRUNCATE control.attempts")
		p := b.Submit(list, "#change", fields)
		if !strings.HasPrefix(p.Message(), "1 job was") {
			t.Errorf("%s: %d %q", name, p.Status, p.Message())
		}
		if got := tried(t, s); !slices.Equal(got, []string{"Acme foreign_id job 1"}) {
			t.Errorf("%s: noticed %q", name, got)
		}
	}
	exec(t, s.Database, "TRUNCATE control.attempts")
	if p := b.Submit(list, "#change", url.Values{"do": {"archived"}, "which": {"page"}, "page": {nobodys + " " + foreign}}); p.Status != http.StatusNotFound {
		t.Errorf("only foreign ones: %d", p.Status)
	}
	if got := tried(t, s); !slices.Equal(got, []string{"Acme foreign_id job 1"}) {
		t.Errorf("only foreign ones: noticed %q", got)
	}
}
