package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// strangers is a site of two organizations that share nobody: ana owns Acme, nina owns Beta, and ben views Beta.
func strangers(t *testing.T) *webtest.Site {
	t.Helper()
	return webtest.Start(t, dbtest.Own(t), sandbox.Seed{
		People: []sandbox.Person{{ID: ana, Email: "ana@example.com", Name: "Ana Example"}, {ID: nina, Email: "nina@example.com", Name: "Nina Example"},
			{ID: ben, Email: "ben@example.com", Name: "Ben Example"}},
		Organizations: []sandbox.Organization{
			{ID: acme, Name: "Acme", Slug: "acme", CreatedBy: ana, Members: map[string]string{ana: "org:admin"}},
			{ID: beta, Name: "Beta", Slug: "beta", CreatedBy: nina, Members: map[string]string{nina: "org:admin", ben: "org:viewer"}},
		},
	})
}

// treasure is what Acme has: an id of each kind, by the beginning of its addresses, and its own.
type treasure struct {
	ids    map[string]string
	tenant string
}

func treasureOf(t *testing.T, s *webtest.Site) treasure {
	t.Helper()
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	job := b.Get("/jobs").Find(".row h2 a").First().AttrOr("href", "")
	page := b.Get(job)
	proposal := b.Submit(page, `form[action="/proposals"]`, nil).URL.Path
	imported := b.Get("/jobs/import").Find(`a[href^="/jobs/import/"]`).First().AttrOr("href", "")
	last := func(path string) string { return path[strings.LastIndex(path, "/")+1:] }
	return treasure{map[string]string{"/jobs/undo/": undoable(t, b), "/jobs/searches/": kept(t, b), "/jobs/notes/": noted(t, b, job), "/jobs/import/": last(imported), "/jobs/": last(job), "/proposals/": last(proposal)}, activeIn(page)}
}

// noted adds a note to a job and returns its id.
func noted(t *testing.T, b *webtest.Browser, job string) string {
	t.Helper()
	p := b.Submit(b.Get(job), addNote, url.Values{"note": {"worth it"}})
	return strings.TrimPrefix(p.Find(ownNote).First().AttrOr("action", ""), "/jobs/notes/")
}

func activeIn(p *webtest.Page) string { return p.Find(`.switcher [aria-current]`).AttrOr("value", "") }

// tried is what control.attempts says, as "tenant kind entity count".
func tried(t *testing.T, s *webtest.Site) []string {
	t.Helper()
	if err := s.Watch.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []string
	err := s.Connect(t, "postgres").QueryRow(t.Context(), `
		SELECT coalesce(array_agg(concat_ws(' ', r.name, a.kind, a.entity, a.count) ORDER BY r.name, a.kind, a.entity, a.count), '{}')
		FROM control.attempts a JOIN control.registry r USING (tenant_id)`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// nobodys is an id that exists nowhere.
const nobodys = "01890000-0000-7000-8000-000000000000"

// sends are the forms of the routes that name an id: FOREIGN is the id of another organization's row.
var sends = map[string]url.Values{
	"/jobs/:id/assign": {}, "/jobs/:id/notes": {"note": {"x"}}, "/jobs/notes/:id": {"do": {"save"}, "note": {"x"}}, "/jobs/undo/:id": {}, "/jobs/searches/:id": {"do": {"default"}}, "/jobs/change": {"which": {"ticked"}, "do": {"archived"}, "id": {"FOREIGN"}},
	"/jobs/import/:id": {}, "/jobs/:id/triage": {"to": {"skipped"}}, "/proposals/:id": {"version": {"1"}, "letter": {"x"}},
	"/proposals/:id/restore": {"version": {"1"}, "restore": {"1"}}, "/proposals/:id/move": {"to": {"archived"}, "version": {"1"}},
	"/proposals/:id/autosave": {"version": {"1"}, "letter": {"x"}}, "/proposals/:id/here": {},
	"/proposals": {"job_id": {"FOREIGN"}}, "/organizations/switch": {"tenant_id": {"FOREIGN"}},
}

// others are the routes that change something and name no id.
var others = []string{"/sign-out", "/organizations", "/jobs/import", "/jobs/searches", "/organization/isolation/seen"}

func TestEveryRouteWithAnIDNoticesATryAtAnotherOrganizationAndAnswersItLikeNothing(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	there := treasureOf(t, s)
	b := signIn(t, s, nina, "Beta")
	own := activeIn(b.Get("/jobs"))
	var want []string
	for _, r := range web.Routes() {
		fields, known := sends[r.Path]
		if !strings.Contains(r.Path, ":id") && (!known || r.Method == http.MethodGet) {
			if r.Method == http.MethodPost && !slices.Contains(others, r.Path) {
				t.Errorf("%s %s: does it name an id? This test does not know", r.Method, r.Path)
			}
			continue
		}
		if r.Method == http.MethodPost && !known {
			t.Errorf("%s %s: this test does not know what to send", r.Method, r.Path)
			continue
		}
		id, entry := there.of(r.Path)
		exec(t, s.Database, "TRUNCATE control.attempts")
		foreign := send(t, b, r.Method, strings.ReplaceAll(r.Path, ":id", id), filled(fields, id, own))
		if got := tried(t, s); !slices.Equal(got, []string{entry}) {
			t.Errorf("%s %s: noticed %q, want %q", r.Method, r.Path, got, entry)
		}
		exec(t, s.Database, "TRUNCATE control.attempts")
		missing := send(t, b, r.Method, strings.ReplaceAll(r.Path, ":id", nobodys), filled(fields, nobodys, own))
		if got := tried(t, s); len(got) != 0 {
			t.Errorf("%s %s: noticed %q of an id that is nobody's", r.Method, r.Path, got)
		}
		if foreign.Status != http.StatusNotFound || foreign.Status != missing.Status || same(foreign.Body) != same(missing.Body) {
			t.Errorf("%s %s: foreign %d, missing %d, or the bodies differ", r.Method, r.Path, foreign.Status, missing.Status)
		}
		want = append(want, entry)
	}
	if len(want) < 9 {
		t.Errorf("only %d routes were tried", len(want))
	}
}

// of is Acme's id for a route, and what is noticed of a try at it.
func (x treasure) of(path string) (id, entry string) {
	switch {
	case path == "/organizations/switch":
		return x.tenant, "Acme switch organization 1"
	case path == "/proposals":
		return x.ids["/jobs/"], "Acme foreign_id job 1"
	case strings.HasPrefix(path, "/jobs/import/"):
		return x.ids["/jobs/import/"], "Acme foreign_id import 1"
	case strings.HasPrefix(path, "/jobs/notes/"):
		return x.ids["/jobs/notes/"], "Acme foreign_id note 1"
	case strings.HasPrefix(path, "/jobs/undo/"):
		return x.ids["/jobs/undo/"], "Acme foreign_id undo 1"
	case strings.HasPrefix(path, "/jobs/searches/"):
		return x.ids["/jobs/searches/"], "Acme foreign_id search 1"
	case strings.HasPrefix(path, "/proposals/"):
		return x.ids["/proposals/"], "Acme foreign_id proposal 1"
	}
	return x.ids["/jobs/"], "Acme foreign_id job 1"
}

// filled is a form with an id, drawn for tenant.
func filled(fields url.Values, id, tenant string) url.Values {
	all := url.Values{"tenant": {tenant}}
	for name, values := range fields {
		all[name] = []string{strings.ReplaceAll(values[0], "FOREIGN", id)}
	}
	if all.Has("tenant_id") {
		all.Del("tenant")
	}
	return all
}

// What a form names beside the row that it is for, a damaged form, and a sign-in are ways to try an id as well.
func TestATryThatIsNotInTheAddressIsNoticed(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	there := treasureOf(t, s)
	var member string
	if err := s.Connect(t, "postgres").QueryRow(t.Context(), "SELECT id::text FROM users WHERE clerk_id = $1", ana).Scan(&member); err != nil {
		t.Fatal(err)
	}
	b := signIn(t, s, nina, "Beta")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	jobs := b.Get("/jobs")
	own, job := activeIn(jobs), jobs.Find(".row h2 a").First().AttrOr("href", "")
	id := job[strings.LastIndex(job, "/")+1:]
	for name, try := range map[string]struct {
		path, id string
		fields   url.Values
		entry    string
		status   int
	}{
		"a member of theirs for a job of ours":   {job + "/assign", member, url.Values{"assignee": {"FOREIGN"}}, "Acme foreign_id member 1", http.StatusNotFound},
		"a member of theirs for jobs of ours":    {"/jobs/change", member, url.Values{"which": {"ticked"}, "do": {"assign"}, "id": {id}, "assignee": {"FOREIGN"}}, "Acme foreign_id member 1", http.StatusNotFound},
		"a damaged form for a job of theirs":     {"/jobs/FOREIGN/triage", there.ids["/jobs/"], url.Values{"to": {"nonsense"}}, "Acme foreign_id job 1", http.StatusBadRequest},
		"a form with an unknown field of theirs": {"/proposals/FOREIGN/move", there.ids["/proposals/"], url.Values{"x": {"y"}}, "Acme foreign_id proposal 1", http.StatusBadRequest},
	} {
		exec(t, s.Database, "TRUNCATE control.attempts")
		foreign := b.Post(strings.ReplaceAll(try.path, "FOREIGN", try.id), filled(try.fields, try.id, own))
		if got := tried(t, s); foreign.Status != try.status || !slices.Equal(got, []string{try.entry}) {
			t.Errorf("%s: %d, noticed %q", name, foreign.Status, got)
		}
		exec(t, s.Database, "TRUNCATE control.attempts")
		missing := b.Post(strings.ReplaceAll(try.path, "FOREIGN", nobodys), filled(try.fields, nobodys, own))
		if got := tried(t, s); missing.Status != try.status || same(missing.Body) != same(foreign.Body) || len(got) > 0 {
			t.Errorf("%s: foreign %d, missing %d, or the bodies differ, or it was noticed: %q", name, foreign.Status, missing.Status, got)
		}
	}
	for name, try := range map[string]struct {
		enter func(path string) *webtest.Page
		wish  string
		want  []string
	}{
		"theirs":                    {b.Get, there.tenant, []string{"Acme switch organization 1"}},
		"ours":                      {b.Get, own, []string{}},
		"nobody's":                  {b.Get, nobodys, []string{}},
		"theirs, by another's link": {b.Arrive, there.tenant, []string{}},
	} {
		exec(t, s.Database, "TRUNCATE control.attempts")
		p := try.enter("/sign-in?again=yes&return_to=%2Fjobs&organization=" + try.wish)
		if got := tried(t, s); activeIn(p) != own || !slices.Equal(got, try.want) {
			t.Errorf("a sign-in for %s leads into %s, noticed %q", name, activeIn(p), got)
		}
	}
}

func TestAFormForAnotherOrganizationIsNoticed(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	there := treasureOf(t, s)
	b := signIn(t, s, nina, "Beta")
	foreign := b.Post("/jobs/import", url.Values{"tenant": {there.tenant}, "text": {"title\nX\n"}})
	missing := b.Post("/jobs/import", url.Values{"tenant": {nobodys}, "text": {"title\nX\n"}})
	b.Post("/jobs/import", url.Values{"text": {"title\nX\n"}})
	if foreign.Status != http.StatusConflict || foreign.Status != missing.Status || same(foreign.Body) != same(missing.Body) {
		t.Errorf("foreign %d, missing %d, or the bodies differ", foreign.Status, missing.Status)
	}
	if got := tried(t, s); !slices.Equal(got, []string{"Acme form organization 1"}) {
		t.Errorf("noticed %q", got)
	}
}

func TestAnotherTabIsNoAttempt(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	jobs := b.Get("/jobs")
	job := jobs.Find(".row h2 a").First().AttrOr("href", "")
	switchTo(t, b, "Beta")
	if p := b.Get(job); p.Status != http.StatusNotFound {
		t.Fatalf("%d", p.Status)
	}
	if p := b.Post("/jobs/import", url.Values{"tenant": {activeIn(jobs)}, "text": {"title\nX\n"}}); p.Status != http.StatusConflict {
		t.Fatalf("%d", p.Status)
	}
	if got := tried(t, s); len(got) != 0 {
		t.Errorf("noticed %q", got)
	}
}

func TestARefusedWriteIsNoticedAndARefusedPageIsNot(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	b := signIn(t, s, ben, "Beta")
	own := activeIn(b.Get("/jobs"))
	if p := b.Post("/jobs/import", url.Values{"tenant": {own}, "text": {"title\nX\n"}}); p.Status != http.StatusForbidden {
		t.Fatalf("%d", p.Status)
	}
	if p := b.Post("/proposals/"+nobodys, url.Values{"tenant": {own}}); p.Status != http.StatusForbidden {
		t.Fatalf("%d", p.Status)
	}
	exec(t, s.Database, "UPDATE users SET removed_at = now() WHERE clerk_id = $1", ben)
	for _, p := range []*webtest.Page{b.Get("/jobs"), b.Post("/jobs/import", url.Values{"tenant": {own}, "text": {"title\nX\n"}})} {
		if p.Status != http.StatusForbidden {
			t.Fatalf("%d", p.Status)
		}
	}
	if got, want := tried(t, s), []string{"Beta refused_write page 2", "Beta refused_write proposal 1"}; !slices.Equal(got, want) {
		t.Errorf("noticed %q, want %q", got, want)
	}
}

func TestAFloodOfTriesIsBoundedAndBuriesNobody(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	there := treasureOf(t, s)
	flooder, lone := signIn(t, s, nina, "Beta"), signIn(t, s, ben, "Beta")
	for i := range 300 {
		flooder.Get("/jobs/" + there.ids["/jobs/"])
		flooder.Get(fmt.Sprintf("/jobs/01890000-0000-7000-8000-%012d", i))
	}
	lone.Get("/jobs/" + there.ids["/jobs/"])
	if got, want := tried(t, s), []string{"Acme foreign_id job 1", "Acme foreign_id job 300"}; !slices.Equal(got, want) {
		t.Errorf("noticed %q, want %q", got, want)
	}
	seen, dropped := s.Watch.Counts()
	if seen != 601 || dropped < 50 || dropped > 190 { // fewer where a minute ended meanwhile
		t.Errorf("%d seen, %d dropped", seen, dropped)
	}
	if !strings.Contains(s.Log.String(), "too many tries") {
		t.Error("nothing is said of what was dropped")
	}
}

func TestTriesWaitForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	there := treasureOf(t, s)
	b := signIn(t, s, nina, "Beta")
	b.Get("/jobs/" + there.ids["/jobs/"])
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Watch.Look(gone); err == nil {
		t.Fatal("it looked without a database")
	}
	b.Get("/jobs/" + there.ids["/jobs/"])
	if got := tried(t, s); !slices.Equal(got, []string{"Acme foreign_id job 2"}) {
		t.Errorf("noticed %q", got)
	}
}
