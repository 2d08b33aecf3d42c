package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// autosave sends the editor's form as the page's script would, and returns the page that the answer leads to.
func autosave(t *testing.T, b *webtest.Browser, editor *webtest.Page, version string, fields url.Values) *webtest.Page {
	t.Helper()
	all := url.Values{"tenant": {editor.Find(editorForm+" input[name=tenant]").AttrOr("value", "")}, "version": {version}}
	for name, value := range fields {
		all[name] = value
	}
	return b.Post(editor.URL.Path+"/autosave", all)
}

// saved is the version that an autosave says that it made; empty when it was not taken.
func saved(p *webtest.Page) string { return p.URL.Query().Get("version") }

// count asks the database behind the app's back.
func count(t *testing.T, d *dbtest.Database, sql string) (n int) {
	t.Helper()
	if err := d.Connect(t, "postgres").QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatIsTypedInOneSittingBecomesOneVersionWithOneAuditRow(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	version := "1"
	for _, letter := range []string{"D", "De", "Dear", "Dear client"} {
		if version = saved(autosave(t, b, editor, version, url.Values{"letter": {letter}})); version == "" {
			t.Fatalf("%q was not taken", letter)
		}
	}
	p := b.Get(editor.URL.Path)
	if letter := p.Find("textarea[name=letter]").Text(); version != "5" || letter != "Dear client" || p.Find(".version").Length() != 1 {
		t.Errorf("version %s, letter %q, %d in the history", version, letter, p.Find(".version").Length())
	}
	if n := count(t, s.Database, "SELECT count(*) FROM analytics WHERE event = 'proposal.typed'"); n != 1 {
		t.Errorf("%d audit rows for one sitting", n)
	}
	done := b.Submit(p, editorForm, url.Values{"letter": {"Dear client, hello"}})
	if done.Find(".version").Length() != 2 || count(t, s.Database, "SELECT count(*) FROM proposals WHERE typing_by IS NOT NULL") != 0 {
		t.Errorf("saved: %d in the history", done.Find(".version").Length())
	}
}

func TestTheSameTextIsNoConflictWhenItsAnswerWasLost(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	one := autosave(t, b, editor, "1", url.Values{"letter": {"once"}})
	two := autosave(t, b, editor, "1", url.Values{"letter": {"once"}})
	if saved(one) != "2" || saved(two) != "2" {
		t.Errorf("saved as %q, then as %q", saved(one), saved(two))
	}
	if p := autosave(t, b, editor, "1", url.Values{"letter": {"twice"}}); p.Status != http.StatusConflict {
		t.Errorf("another text of an older version: %d", p.Status)
	}
}

func TestWhatSomebodyTypedIsKeptWhenAnotherReplacesIt(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	autosave(t, b, editor, "1", url.Values{"letter": {"typed by ana"}})
	other := signIn(t, s, ben, "Acme")
	theirs := other.Get(editor.URL.Path)
	p := other.Submit(theirs, editorForm, url.Values{"letter": {"text of ben"}})
	if first := p.Find(".version").Eq(1).Text(); p.Find(".version").Length() != 3 || !strings.Contains(first, "typed by ana") || !strings.Contains(first, "Ana") {
		t.Errorf("%d in the history, the one before is %q", p.Find(".version").Length(), first)
	}
	late := autosave(t, b, editor, "2", url.Values{"letter": {"typed by ana, more"}})
	if late.Status != http.StatusConflict || late.Find("form.merge").Length() != 1 || late.Find("#their-letter").Text() != "text of ben" || late.Find("textarea[name=letter]").Text() != "typed by ana, more" {
		t.Errorf("%d %s", late.Status, late.H1())
	}
}

func TestTypingIsKeptBeforeItIsJudgedRestoredOrOldAndAnApprovalFallsWithIt(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	answers := url.Values{"letter": {"MERIDIAN"}, "answer-0": {"Years"}, "answer-1": {"Monday"}}
	autosave(t, b, editor, "1", answers)
	moved := b.Submit(b.Get(editor.URL.Path), `form:has(input[value=in_review])`, nil)
	approved := b.Submit(moved, `form:has(input[value=approved])`, nil)
	if approved.Find(".version").Length() != 2 || count(t, s.Database, "SELECT count(*) FROM proposals p JOIN proposal_versions v ON v.proposal_id = p.id AND v.version = p.approved_version AND v.letter = 'MERIDIAN'") != 1 {
		t.Errorf("what was approved is not in the history: %d versions", approved.Find(".version").Length())
	}
	answers.Set("letter", "MERIDIAN, changed")
	autosave(t, b, editor, "2", answers)
	p := b.Get(editor.URL.Path)
	if badge := p.Find(".bar .badge").First().Text(); badge != "Draft" {
		t.Errorf("typed after the approval, it is %q", badge)
	}
	restored := b.Submit(p, `form:has(button[value="1"])`, url.Values{"restore": {"1"}})
	if n := restored.Find(".version").Length(); n != 4 {
		t.Errorf("%d versions after restoring over what was typed", n)
	}
	answers.Set("letter", "old")
	autosave(t, b, editor, "4", answers)
	exec(t, s.Database, "UPDATE proposals SET typing_since = typing_since - interval '11 minutes' WHERE typing_by IS NOT NULL")
	answers.Set("letter", "of the next sitting")
	autosave(t, b, editor, "5", answers)
	if n := b.Get(editor.URL.Path).Find(".version").Length(); n != 5 {
		t.Errorf("%d versions after ten minutes of typing", n)
	}
}

func TestAConflictIsSettledPartByPart(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	other := signIn(t, s, ben, "Acme")
	other.Submit(other.Get(editor.URL.Path), editorForm, url.Values{"letter": {"letter of ben"}, "answer-0": {"answer of ben"}, "bid": {"fixed"}, "bid_amount": {"900"}})
	p := b.Submit(editor, editorForm, url.Values{"letter": {"letter of ana"}, "answer-0": {"answer of ana"}, "answer-1": {"only ana"}, "bid": {"hourly"}, "bid_amount": {"60"}})
	if p.Find("fieldset").Length() != 4 || p.Find("ins").Length() == 0 {
		t.Fatalf("%d %s with %d parts", p.Status, p.H1(), p.Find("fieldset").Length())
	}
	if bad := b.Submit(p, "form.merge", url.Values{"take-letter": {"both"}}); bad.Status != http.StatusBadRequest {
		t.Errorf("a choice that is none: %d", bad.Status)
	}
	merged := b.Submit(p, "form.merge", url.Values{"bid": {"hourly"}, "take-letter": {"theirs"}, "take-bid": {"theirs"}})
	got := []string{merged.Find("#letter").Text(), merged.Find("#answer-0").Text(), merged.Find("#answer-1").Text(), merged.Find("#bid [selected]").AttrOr("value", ""), merged.Find("#bid_amount").AttrOr("value", "")}
	if want := "letter of ben|answer of ana|only ana|fixed|900.00"; strings.Join(got, "|") != want {
		t.Errorf("merged to %q, want %q", got, want)
	}
	if count(t, s.Database, "SELECT count(*) FROM proposal_versions WHERE origin = 'merge'") != 1 {
		t.Error("it is not marked as merged")
	}
}

func TestTheHistoryShowsWhatChangedWordByWord(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	one := b.Submit(editor, editorForm, url.Values{"letter": {"I build quick APIs"}})
	b.Submit(one, editorForm, url.Values{"letter": {"I build reliable APIs"}})
	autosave(t, b, editor, "3", url.Values{"letter": {"I build reliable APIs in Go"}})
	p := b.Get(editor.URL.Path + "/history?with=2&version=3")
	if gone, added := p.Find("del").Text(), p.Find("ins").Text(); gone != "quick" || added != "reliable" {
		t.Errorf("gone %q, new %q", gone, added)
	}
	if p = b.Get(editor.URL.Path + "/history"); p.Find("ins").Text() != " in Go" || !strings.Contains(p.Find("main").Text(), "being typed") {
		t.Errorf("what is being typed adds %q", p.Find("ins").Text())
	}
	if none := b.Get(editor.URL.Path + "/history?version=77"); none.Status != http.StatusNotFound {
		t.Errorf("a version that is none: %d", none.Status)
	}
}

func TestOthersWhoHaveAProposalOpenAreNamedUntilTheyAreGone(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	other := signIn(t, s, ben, "Acme")
	here := func(b *webtest.Browser) string {
		p := b.Post(editor.URL.Path+"/here", url.Values{"tenant": {editor.Find("input[name=tenant]").First().AttrOr("value", "")}})
		return strings.TrimSpace(p.Find(".here").Text())
	}
	if alone := here(b); alone != "" {
		t.Errorf("ana alone sees %q", alone)
	}
	if got := here(other); got != "Ana Example is here too" {
		t.Errorf("ben sees %q", got)
	}
	here(other)
	if got := here(b); got != "Ben Example is here too" {
		t.Errorf("ana sees %q", got)
	}
	if n := count(t, s.Database, "SELECT count(*) FROM proposal_presence"); n != 2 {
		t.Errorf("%d rows for two people", n)
	}
	if n := count(t, s.Database, "SELECT count(*) FROM analytics WHERE event = 'proposal.opened'"); n != 2 {
		t.Errorf("%d audit rows for two people on one day", n)
	}
	exec(t, s.Database, "UPDATE proposal_presence SET seen_at = now() - interval '5 seconds'")
	here(b)
	if n := count(t, s.Database, "SELECT count(*) FROM proposal_presence WHERE seen_at > now() - interval '4 seconds'"); n != 0 {
		t.Error("whoever says it often is written down as often")
	}
	exec(t, s.Database, "UPDATE proposal_presence SET seen_at = now() - interval '11 seconds'")
	here(b)
	if n := count(t, s.Database, "SELECT count(*) FROM proposal_presence WHERE seen_at > now() - interval '4 seconds'"); n != 1 {
		t.Error("whoever says it again later is not written down")
	}
	exec(t, s.Database, "UPDATE proposal_presence SET seen_at = now() - interval '51 seconds'")
	if gone := b.Get(editor.URL.Path + "/stand").Find(".here").Text(); gone != "" {
		t.Errorf("after a minute, and before anybody is heard of, %q", gone)
	}
	if gone := here(b); gone != "" || count(t, s.Database, "SELECT count(*) FROM proposal_presence") != 1 {
		t.Errorf("after a minute ana sees %q", gone)
	}
}

func TestAnEditorThatIsLeftOpenKeepsNoSessionAliveAndNobodyPresent(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	exec(t, s.Database, "UPDATE control.sessions SET seen_at = now() - interval '31 minutes'")
	p := b.Post(editor.URL.Path+"/here", url.Values{"tenant": {editor.Find("input[name=tenant]").First().AttrOr("value", "")}})
	b.Get(editor.URL.Path + "/stand")
	web.Settle(s.Front)
	if n := count(t, s.Database, "SELECT count(*) FROM control.sessions WHERE seen_at > now() - interval '30 minutes'"); n != 0 || p.Status != http.StatusOK {
		t.Errorf("%d sessions were used by saying that somebody is here (%d)", n, p.Status)
	}
	if n := count(t, s.Database, "SELECT count(*) FROM proposal_presence"); n != 0 {
		t.Error("somebody who has done nothing for half an hour counts as present")
	}
	autosave(t, b, editor, "1", url.Values{"letter": {"x"}})
	web.Settle(s.Front)
	b.Post(editor.URL.Path+"/here", url.Values{"tenant": {editor.Find("input[name=tenant]").First().AttrOr("value", "")}})
	if n := count(t, s.Database, "SELECT count(*) FROM proposal_presence"); n != 1 {
		t.Error("somebody who types is not present")
	}
}

func TestVersionsAreNumberedAsTheHistoryKeepsThem(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	version := "1"
	for _, text := range []string{"a", "ab", "abc"} {
		version = autosave(t, b, editor, version, url.Values{"letter": {text}}).URL.Query().Get("version")
	}
	if p := b.Get(editor.URL.Path); !strings.Contains(p.Find(".facts").First().Text(), "version 2") {
		t.Errorf("while it is typed: %q", p.Find(".facts").First().Text())
	}
	saved := b.Submit(b.Get(editor.URL.Path), editorForm, url.Values{"letter": {"abcd"}})
	saved = b.Submit(saved, editorForm, url.Values{"letter": {"abcde"}})
	summaries := strings.Join(saved.Find(".version summary").Map(func(_ int, s *selection) string { return strings.Join(strings.Fields(s.Text())[:2], " ") }), ", ")
	if summaries != "Version 3, Version 2, Version 1" || !strings.Contains(saved.Find(".facts").First().Text(), "version 3") {
		t.Errorf("the editor shows %q and %q", summaries, saved.Find(".facts").First().Text())
	}
	if list := b.Get("/proposals").Find("tbody td.num").Text(); list != "3" {
		t.Errorf("the list shows version %q", list)
	}
	history := b.Get(editor.URL.Path + "/history")
	if h2 := history.Find("main h2").First().Text(); h2 != "From version 2 to version 3" {
		t.Errorf("the history shows %q", h2)
	}
	form := saved.Find(`form:contains("Restore version 2")`)
	back := b.Post(editor.URL.Path+"/restore", url.Values{"tenant": {activeIn(saved)}, "version": {form.Find("input[name=version]").AttrOr("value", "")}, "restore": {form.Find("button").AttrOr("value", "")}})
	if back.Message() != "Version 2 is the text again." || back.Find("textarea[name=letter]").Text() != "abcd" {
		t.Errorf("restored: %d %q %q", back.Status, back.Message(), back.Find("textarea[name=letter]").Text())
	}
}

func TestAnAutosaveUnderWayDoesNotUndoASwitch(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	b.NoRedirects()
	if p := autosave(t, b, editor, "1", url.Values{"letter": {"x"}}); p.Status != http.StatusSeeOther || p.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d sets the cookie %q", p.Status, p.Header.Get("Set-Cookie"))
	}
}

func TestTheBoardShowsWhatIsUnderWayByStatus(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	if p := signIn(t, s, ana, "Beta").Get("/proposals?view=board"); p.Find(".board").Length() != 0 || !strings.Contains(p.Find(".empty").Text(), "Write a proposal") {
		t.Errorf("without any: %s", p.Find("main").Text())
	}
	other := signIn(t, s, ben, "Acme")
	job := b.Get("/jobs?triage=drafting").Find(".row h2 a").AttrOr("href", "")
	sent := other.Submit(other.Submit(other.Get(job), `form[action="/proposals"]`, nil), editorForm, url.Values{"letter": {"Hello"}, "answer-0": {"x"}, "answer-1": {"y"}})
	other.Submit(sent, `form:has(input[value=in_review])`, nil)
	column := func(p *webtest.Page, status string) string {
		return p.Find("section:has(#board-" + status + ") a").Map(func(_ int, s *selection) string { return s.AttrOr("href", "") })[0]
	}
	p := b.Get("/proposals?view=board")
	if column(p, "draft") != editor.URL.Path || column(p, "in_review") != sent.URL.Path || p.Find(".board li").Length() != 2 || p.Find(".board section").Length() != 8 {
		t.Errorf("on the board: %s", p.Find(".board").Text())
	}
	if mine := b.Get("/proposals?view=board&mine=1"); column(mine, "draft") != editor.URL.Path || mine.Find(".board li").Length() != 1 {
		t.Errorf("of hers: %s", mine.Find(".board").Text())
	}
	if review := b.Get(p.Find(".tabs a:nth-child(2)").AttrOr("href", "")); review.Find("tbody tr").Length() != 1 || review.Find(".tabs [aria-current]").Text() != "Needs review" {
		t.Errorf("to review: %s", review.Find("main").Text())
	}
	exec(t, s.Database, "INSERT INTO proposals (tenant_id, id, job_id, user_id, letter, answers, bid, status, archived_at) SELECT p.tenant_id, gen_random_uuid(), p.job_id, p.user_id, '', '[]', '', 'archived', now() FROM proposals p, generate_series(1, 3)")
	if p := b.Get("/proposals?view=board"); p.Find(".board li").Length() != 2 {
		t.Error("what is archived is on the board")
	}
}
