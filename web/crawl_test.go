package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// The people of the crawl: an owner each of two organizations, who know nothing of each other, a viewer and somebody who
// was removed of the first, and the owner of one that is suspended.
const bea, rita, sam = "user_bea", "user_rita", "user_sam"

// words stand in every text of an organization.
var words = map[string]string{"Acme": "acmecanaryzq", "Beta": "betacanaryzq", "Gamma": "gammacanaryzq"}

// crawled is an organization whose rows are known.
type crawled struct {
	tenant, word                string
	job, proposal, upload, note string // ids
}

func crawl(t testing.TB) (*webtest.Site, map[string]*webtest.Browser, map[string]crawled) {
	t.Helper()
	seed := sandbox.Seed{}
	for _, id := range []string{ana, bea, vera, rita, sam} {
		name := strings.TrimPrefix(id, "user_")
		seed.People = append(seed.People, sandbox.Person{ID: id, Email: name + "@example.com", Name: name})
	}
	for name, members := range map[string]map[string]string{"Acme": {ana: "org:admin", vera: "org:viewer", rita: "org:member"}, "Beta": {bea: "org:admin"}, "Gamma": {sam: "org:admin"}} {
		owner := map[string]string{"Acme": ana, "Beta": bea, "Gamma": sam}[name]
		seed.Organizations = append(seed.Organizations, sandbox.Organization{ID: "org_" + strings.ToLower(name), Name: name, Slug: strings.ToLower(name), CreatedBy: owner, Members: members})
	}
	s := webtest.Start(t, dbtest.Own(t), seed)
	who, known := map[string]*webtest.Browser{"anonymous": s.Browser(t)}, map[string]crawled{}
	for _, id := range []string{ana, bea, vera, rita, sam} {
		who[id] = signIn(t, s, id, map[string]string{ana: "Acme", vera: "Acme", rita: "Acme", bea: "Beta", sam: "Gamma"}[id])
	}
	for name, owner := range map[string]string{"Acme": ana, "Beta": bea, "Gamma": sam} {
		b := who[owner]
		upload := importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json").URL.Path
		job := b.Get("/jobs").Find(".row h2 a").First().AttrOr("href", "")
		editor := b.Submit(b.Get(job), `form[action="/proposals"]`, nil)
		b.Submit(editor, editorForm, url.Values{"letter": {"A letter"}})
		id := func(path string) string { return path[strings.LastIndex(path, "/")+1:] }
		noted := b.Submit(b.Get(job), addNote, url.Values{"note": {"worth it"}}).Find(ownNote).AttrOr("action", "")
		known[name] = crawled{b.Get("/jobs").Find("input[name=tenant]").AttrOr("value", ""), words[name], id(job), id(editor.URL.Path), id(upload), id(noted)}
	}
	for _, k := range known {
		plant(t, s.Database, k)
	}
	exec(t, s.Database, "UPDATE users SET removed_at = now() WHERE clerk_id = $1", rita)
	exec(t, s.Database, "DELETE FROM control.directory WHERE clerk_user_id = $1", rita)
	exec(t, s.Database, "UPDATE app.fence SET state = 'suspended' WHERE tenant_id = $1", known["Gamma"].tenant)
	exec(t, s.Database, "UPDATE control.registry SET state = 'suspended' WHERE tenant_id = $1", known["Gamma"].tenant)
	return s, who, known
}

// plant writes an organization's word into every text of its rows that takes it; the others are fixed words of ours.
func plant(t testing.TB, d *dbtest.Database, k crawled) {
	t.Helper()
	conn, ctx := d.Connect(t, "postgres"), context.Background()
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT c.table_schema || '.' || c.table_name, c.column_name, c.udt_name FROM information_schema.columns c
		JOIN information_schema.columns i ON i.table_schema = c.table_schema AND i.table_name = c.table_name AND i.column_name = 'tenant_id'
		JOIN pg_tables t ON t.schemaname = c.table_schema AND t.tablename = c.table_name
		WHERE (c.table_schema = 'public' OR c.table_schema = 'control' AND c.table_name = 'registry' AND c.column_name = 'name') AND c.udt_name IN ('text', '_text', 'jsonb') AND c.is_generated = 'NEVER'`)
	if err != nil {
		t.Fatal(err)
	}
	type column struct{ Table, Name, Kind string }
	var columns []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.Table, &c.Name, &c.Kind); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	planted := 0
	for _, c := range columns {
		value := map[string]string{"text": "$1 || ' ' || ctid::text", "_text": "ARRAY[$1::text]", "jsonb": "jsonb_build_object('from', $1::text, 'to', $1::text)"}[c.Kind]
		if c.Name == "answers" {
			value = "jsonb_build_array(jsonb_build_object('question', $1::text, 'answer', $1::text))"
		}
		tag, err := conn.Exec(ctx, fmt.Sprintf("UPDATE %s SET %s = %s WHERE tenant_id = $2", c.Table, `"`+c.Name+`"`, value), k.word, k.tenant)
		if err == nil {
			planted += int(tag.RowsAffected())
		}
	}
	if planted < 30 {
		t.Fatalf("the word was planted %d times", planted)
	}
}

// attempt is a request to a route with the ids of an organization, or with ids of nothing.
func attempt(t testing.TB, b *webtest.Browser, base, method string, r web.Route, k crawled, own string) *webtest.Page {
	t.Helper()
	id := k.job
	switch {
	case strings.HasPrefix(r.Path, "/proposals/"):
		id = k.proposal
	case strings.HasPrefix(r.Path, "/jobs/import/"):
		id = k.upload
	case strings.HasPrefix(r.Path, "/jobs/notes/"):
		id = k.note
	}
	fields := url.Values{"tenant": {own}, "token": {b.Token}}
	for name, value := range map[string]map[string]string{
		"/organizations/switch": {"tenant_id": k.tenant}, "/jobs/import": {"text": "title\nx\n"}, "/jobs/:id/triage": {"to": "skipped"}, "/jobs/:id/notes": {"note": "planted"}, "/jobs/notes/:id": {"do": "save", "note": "planted"}, "/proposals": {"job_id": k.job},
		"/proposals/:id": {"version": "2", "letter": "planted"}, "/proposals/:id/restore": {"version": "2", "restore": "1"}, "/proposals/:id/move": {"version": "2", "to": "archived"},
	}[r.Path] {
		fields.Set(name, value)
	}
	body := ""
	if method == http.MethodPost {
		body = fields.Encode()
	}
	q, err := http.NewRequest(method, base+strings.ReplaceAll(strings.ReplaceAll(r.Path, ":id", id), "*", id), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(q)
}

// wordsIn are the organizations whose word stands anywhere in an answer, in letters of any size.
func wordsIn(p *webtest.Page) (found []string) {
	var head strings.Builder
	_ = p.Header.Write(&head) // into memory
	for name, word := range words {
		if says(head.String(), word) || says(p.Body, word) {
			found = append(found, name)
		}
	}
	return found
}

// says tells whether one of words stands in a text, in letters of any size. It looks for the letter that is rare before it
// compares: tens of thousands of pages are searched.
func says(text, word string) bool {
	rare := strings.IndexByte(word, 'z')
	for _, z := range "zZ" {
		for at := 0; at < len(text); at++ {
			next := strings.IndexByte(text[at:], byte(z))
			if next < 0 {
				break
			}
			at += next
			if from := at - rare; from >= 0 && from+len(word) <= len(text) && strings.EqualFold(text[from:from+len(word)], word) {
				return true
			}
		}
	}
	return false
}

func TestNoRouteByAnyMethodShowsAnybodyAWordOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	s, who, known := crawl(t)
	for owner, name := range map[string]string{ana: "Acme", bea: "Beta"} {
		for _, path := range []string{"/jobs", "/jobs/" + known[name].job, "/proposals/" + known[name].proposal, "/jobs/import/" + known[name].upload} {
			if p := who[owner].Get(path); p.Status != http.StatusOK || !strings.Contains(p.Find("main").Text(), words[name]) {
				t.Fatalf("%s does not see the word of %s at %s (%d): nothing would be found", owner, name, path, p.Status)
			}
		}
	}
	before := rowsOf(t, s.Database, known["Acme"].tenant)
	missing := crawled{uuid.NewString(), "", uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()}
	requests := 0
	for name, mine := range map[string]string{"anonymous": "", bea: "Beta", vera: "Acme", rita: "", sam: "Gamma"} {
		b := who[name]
		if name != "anonymous" {
			b.Get("/organizations") // shows the message of the last write, and takes a token
		}
		b.NoRedirects()
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "BREW"} {
			for _, r := range inOrder(web.Routes()) {
				if r.Path == "/organizations" && method == http.MethodPost {
					continue // would make one: nothing of another is asked for
				}
				answers := map[string]*webtest.Page{}
				for _, k := range []crawled{missing, known["Acme"], known["Beta"]} {
					for _, own := range []string{known["Acme"].tenant, known["Beta"].tenant, known[mine].tenant} {
						requests++
						p := attempt(t, b, s.URL, method, r, k, own)
						for _, shown := range wordsIn(p) {
							if shown != mine {
								t.Errorf("%s, %s %s: %d shows a word of %s", name, method, r.Path, p.Status, shown)
							}
						}
						if p.Status >= 500 {
							t.Errorf("%s, %s %s: %d", name, method, r.Path, p.Status)
						}
						if own == known[mine].tenant {
							answers[k.word] = p
						}
					}
				}
				if name == bea { // Acme is foreign
					if one, two := answers[missing.word], answers[known["Acme"].word]; r.Path != "/sign-out" && strings.Contains(r.Path, ":id") && (one.Status != two.Status || same(one.Body) != same(two.Body) || about(one) != about(two)) {
						t.Errorf("%s %s: a missing id %d, a foreign one %d, or they differ:\n%s\n%s", method, r.Path, one.Status, two.Status, about(one), about(two))
					}
				}
			}
		}
	}
	if after := rowsOf(t, s.Database, known["Acme"].tenant); after != before {
		t.Errorf("rows of Acme were changed:\n%s\n%s", before, after)
	}
	for line := range strings.Lines(s.Log.String()) {
		for _, word := range words {
			if says(line, word) {
				t.Errorf("the log has a word of an organization: %.300s", line)
			}
		}
	}
	if requests < 5000 {
		t.Errorf("only %d requests", requests)
	}
	t.Logf("%d requests", requests)
}

// differing are the headers whose values differ between any two answers: the length is that of the mask, compressed.
var differing = regexp.MustCompile(`(?m)^(Content-Length|Set-Cookie): .*$`)

// about are an answer's headers without what differs between any two.
func about(p *webtest.Page) string { return differing.ReplaceAllString(facts(p), "$1") }

// inOrder puts what ends or moves a session last.
func inOrder(all []web.Route) []web.Route {
	last := func(r web.Route) int { return slices.Index([]string{"/organizations/switch", "/sign-out"}, r.Path) }
	slices.SortStableFunc(all, func(a, b web.Route) int { return last(a) - last(b) })
	return all
}

// rowsOf is a digest of a tenant's rows.
func rowsOf(t testing.TB, d *dbtest.Database, tenant string) string {
	t.Helper()
	var b strings.Builder
	conn, ctx := d.Connect(t, "postgres"), context.Background()
	defer conn.Close(ctx)
	for _, table := range []string{"users", "jobs", "imports", "import_rows", "proposals", "proposal_versions", "proposal_events", "job_notes", "analytics"} {
		var sum string
		if err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM %s t WHERE tenant_id = $1`, table), tenant).Scan(&sum); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		fmt.Fprintln(&b, table, sum)
	}
	return b.String()
}
