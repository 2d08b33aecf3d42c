package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/web/webtest"
)

// The forms of a job's notes.
const (
	addNote = `form[action$="/notes"]`
	ownNote = `form[action^="/jobs/notes/"]`
)

func notesOf(p *webtest.Page) string {
	return strings.Join(p.Find(".notes > li").Map(func(_ int, s *selection) string {
		return s.Find("strong").Text() + ": " + s.Find(".text").Text()
	}), "; ")
}

func TestNotesAreForEverybodyAndChangedByTheirAuthorOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	b, other, viewer := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme"), signIn(t, s, vera, "Acme")
	path := "/jobs/" + ticks(jobsOf(t, b, 0, 1))[0]
	p := b.Submit(b.Get(path), addNote, url.Values{"note": {"  first <b>line</b>\r\nsecond  "}})
	if p.Message() != "The note was added." || notesOf(p) != "Ana Example: first <b>line</b>\nsecond" {
		t.Fatalf("%d %q %q", p.Status, p.Message(), notesOf(p))
	}
	theirs := other.Submit(other.Get(path), addNote, url.Values{"note": {"of ben"}})
	if notesOf(theirs) != "Ben Example: of ben; Ana Example: first <b>line</b>\nsecond" || theirs.Find(ownNote).Length() != 1 {
		t.Errorf("ben sees %q with %d forms", notesOf(theirs), theirs.Find(ownNote).Length())
	}
	if seen := viewer.Get(path); notesOf(seen) != notesOf(theirs) || seen.Find(addNote+", "+ownNote).Length() != 0 {
		t.Errorf("a viewer sees %q", notesOf(seen))
	}
	action := p.Find(ownNote).AttrOr("action", "")
	for who, browser := range map[string]*webtest.Browser{"ben": other, "vera": viewer} {
		browser.Get(path)
		for _, do := range []string{"save", "delete"} {
			if p := browser.Post(action, url.Values{"tenant": {activeIn(theirs)}, "do": {do}, "note": {"taken over"}}); p.Status != http.StatusNotFound && p.Status != http.StatusForbidden {
				t.Errorf("%s may %s a note of ana's: %d", who, do, p.Status)
			}
		}
	}
	p = b.Submit(b.Get(path), ownNote, url.Values{"do": {"save"}, "note": {"better"}})
	if p.Message() != "The note was saved." || !strings.Contains(p.Find(".notes").Text(), "changed") || notesOf(p) != "Ben Example: of ben; Ana Example: better" {
		t.Errorf("changed: %q %q", p.Message(), notesOf(p))
	}
	p = b.Submit(p, ownNote, url.Values{"do": {"delete"}})
	if p.Message() != "The note was deleted." || notesOf(p) != "Ben Example: of ben" {
		t.Errorf("deleted: %q %q", p.Message(), notesOf(p))
	}
	history := strings.Join(strings.Fields(p.Find(".history").Text()), " ")
	for _, want := range []string{"Note deleted Ana Example", "Note changed Ana Example", "Note added Ben Example", "Note added Ana Example"} {
		if !strings.Contains(history, want) {
			t.Errorf("the history does not say %q: %s", want, history)
		}
	}
	if n := count(t, s.Database, "SELECT count(*) FROM analytics WHERE event LIKE 'note.%' AND detail::text ~ 'better|of ben'"); n != 0 {
		t.Errorf("the audit repeats %d notes", n)
	}
}

func TestANoteThatCannotBeKeptIsShownAgain(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	path := "/jobs/" + ticks(jobsOf(t, b, 0, 1))[0]
	for name, text := range map[string]string{"empty": " \n ", "long": strings.Repeat("é", 2001)} {
		p := b.Submit(b.Get(path), addNote, url.Values{"note": {text}})
		if p.Status != http.StatusUnprocessableEntity || p.Find(addNote+" .problem").Text() == "" || p.Find(addNote+" textarea").Text() != text {
			t.Errorf("%s: %d %q", name, p.Status, p.Find(".problem").Text())
		}
	}
	p := b.Submit(b.Get(path), addNote, url.Values{"note": {strings.Repeat("é", 2000)}})
	p = b.Submit(p, ownNote, url.Values{"do": {"save"}, "note": {strings.Repeat("x", 2001)}})
	if p.Status != http.StatusUnprocessableEntity || p.Find(ownNote+" textarea").Text() != strings.Repeat("x", 2001) || p.Find("details[open] .problem").Length() != 1 || p.Find(addNote+" textarea").Text() != "" {
		t.Errorf("changed to too much: %d", p.Status)
	}
	if p := b.Submit(p, ownNote, url.Values{"do": {"steal"}, "note": {"x"}}); p.Status != http.StatusBadRequest {
		t.Errorf("an unknown verb: %d", p.Status)
	}
}

func TestUndoingAnImportKeepsAJobThatSomebodyHasNotedSomethingAbout(t *testing.T) {
	t.Parallel()
	b := signIn(t, start(t), ana, "Acme")
	list := jobsOf(t, b, 0, 2)
	noted(t, b, "/jobs/"+ticks(list)[0])
	result := b.Get(b.Get("/jobs/import").Find(`a[href^="/jobs/import/"]`).First().AttrOr("href", ""))
	p := b.Submit(result, `main form[action^="/jobs/undo/"]`, nil)
	if !strings.HasPrefix(p.Message(), "Undone: 1 job. Changed since and kept:") || b.Get("/jobs?triage=").Find(".row").Length() != 1 {
		t.Errorf("%d %q", p.Status, p.Message())
	}
}
