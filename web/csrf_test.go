package web_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// change is a form that changes something when it is sent as it should be.
type change struct {
	route, path string
	fields      url.Values
}

// changes are one form for every route that takes one, in an order in which each still has its effect.
func changes(t *testing.T, s *webtest.Site, b *webtest.Browser) []change {
	t.Helper()
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	jobs := b.Get("/jobs").Find(".row h2 a")
	job, other := jobs.First().AttrOr("href", ""), jobs.Last().AttrOr("href", "")
	editor := b.Submit(b.Get(job), `form[action="/proposals"]`, nil)
	saved := b.Submit(editor, editorForm, url.Values{"letter": {"MERIDIAN"}})
	preview := b.Submit(b.Get("/jobs/import"), `form[action="/jobs/import"]`, url.Values{"text": {"title,url\nAnother,https://www.upwork.com/jobs/~022050861570460031848\n"}})
	alarm(t, s, "Acme")
	note := b.Submit(b.Get(job), addNote, url.Values{"note": {"of mine"}}).Find(ownNote).First().AttrOr("action", "")
	undo, search := undoable(t, b), kept(t, b)
	tenant := preview.Find(`form[action="/sign-out"] input[name=tenant]`).AttrOr("value", "")
	beta := ""
	for _, button := range preview.Find(".switcher button").EachIter() {
		if strings.Contains(button.Text(), "Beta") {
			beta = button.AttrOr("value", "")
		}
	}
	version := saved.Find(editorForm+" input[name=version]").AttrOr("value", "")
	all := []change{
		{"/jobs/import", "/jobs/import", url.Values{"text": {"title,url\nOne more,https://www.upwork.com/jobs/~022050861570460031849\n"}}},
		{"/jobs/import/:id", preview.URL.Path, url.Values{}},
		{"/jobs/undo/:id", "/jobs/undo/" + undo, url.Values{}},
		{"/jobs/:id/triage", job + "/triage", url.Values{"to": {"skipped"}, "reason": {"small"}}},
		{"/jobs/:id/assign", job + "/assign", url.Values{"assignee": {memberOf(b.Get("/jobs"))}}},
		{"/jobs/:id/notes", job + "/notes", url.Values{"note": {"PLANTED"}}},
		{"/jobs/notes/:id", note, url.Values{"do": {"save"}, "note": {"PLANTED AGAIN"}}},
		{"/jobs/change", "/jobs/change", url.Values{"which": {"ticked"}, "do": {"skipped"}, "id": {strings.TrimPrefix(other, "/jobs/")}}},
		{"/jobs/searches", "/jobs/searches", url.Values{"name": {"Go"}, "address": {"q=go"}}},
		{"/jobs/searches/:id", "/jobs/searches/" + search, url.Values{"do": {"default"}}},
		{"/proposals", "/proposals", url.Values{"job_id": {strings.TrimPrefix(other, "/jobs/")}}},
		{"/proposals/:id", saved.URL.Path, url.Values{"version": {version}, "letter": {"PLANTED"}}},
		{"/proposals/:id/autosave", saved.URL.Path + "/autosave", url.Values{"version": {"3"}, "letter": {"PLANTED AGAIN"}}},
		{"/proposals/:id/here", saved.URL.Path + "/here", url.Values{}},
		{"/proposals/:id/restore", saved.URL.Path + "/restore", url.Values{"version": {"4"}, "restore": {"1"}}},
		{"/proposals/:id/move", saved.URL.Path + "/move", url.Values{"version": {"5"}, "to": {"archived"}}},
		{"/organization/isolation/seen", "/organization/isolation/seen", url.Values{}},
		{"/organizations/switch", "/organizations/switch", url.Values{"tenant_id": {beta}}},
		{"/organizations", "/organizations", url.Values{"name": {"Planted"}}},
		{"/sign-out", "/sign-out", url.Values{}},
	}
	covered := map[string]bool{}
	for i := range all {
		all[i].fields.Set("tenant", tenant)
		covered[all[i].route] = true
	}
	for _, r := range web.Routes() {
		if r.Method == http.MethodPost && !covered[r.Path] {
			t.Errorf("no form for POST %s among the changes of this test", r.Path)
		}
	}
	return all
}

// content is a digest of every row of every table that a request can write.
func content(t *testing.T, d *dbtest.Database) string {
	t.Helper()
	conn, ctx := d.Connect(t, "postgres"), context.Background()
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'control', 'app')
		AND tablename NOT LIKE 'river%' AND tablename NOT IN ('policy_hits', 'activity') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	if rows.Err() != nil || len(tables) < 10 {
		t.Fatalf("%d tables: %v", len(tables), rows.Err())
	}
	var b strings.Builder
	for _, table := range tables {
		var sum string
		if err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM %s t`, table)).Scan(&sum); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, table, sum)
	}
	return b.String()
}

// sent posts fields with exactly these headers.
func sent(t *testing.T, b *webtest.Browser, address string, fields url.Values, headers map[string]string) *webtest.Page {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	return b.Do(r)
}

func with(fields url.Values, token string) url.Values {
	fields = maps.Clone(fields)
	fields.Set("token", token)
	return fields
}

func TestAChangeIsTakenOnlyFromAPageOfThisSessionAndHasNoEffectOtherwise(t *testing.T) {
	t.Parallel()
	s := start(t)
	foreign := signIn(t, s, ben, "Acme").Token
	b := signIn(t, s, ana, "Acme")
	all := changes(t, s, b)
	b.NoRedirects()
	token, ours := b.Token, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": s.URL}
	sibling := strings.Replace(s.URL, "localhost", "sibling.localhost", 1)
	attacks := map[string]struct {
		token   string
		headers map[string]string
	}{
		"cross-site":           {token, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}},
		"cross-site, no word":  {token, map[string]string{"Origin": "https://evil.example"}},
		"sibling":              {token, map[string]string{"Sec-Fetch-Site": "same-site", "Origin": sibling}},
		"sibling, no word":     {token, map[string]string{"Origin": sibling}},
		"null origin":          {token, map[string]string{"Origin": "null"}},
		"null origin, frame":   {token, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "null"}},
		"no header":            {token, nil},
		"no token":             {"", ours},
		"token of another":     {foreign, ours},
		"token flipped":        {token[:20] + flip(token[20:21]) + token[21:], ours},
		"token doubled":        {token + token, ours},
		"token not base64":     {strings.Repeat("*", 43), ours},
		"token of zeroes":      {strings.Repeat("A", 43), ours},
		"token in the address": {"", ours},
	}
	before := content(t, s.Database)
	for _, c := range all {
		for name, attack := range attacks {
			address := s.URL + c.path
			if name == "token in the address" {
				address += "?" + with(c.fields, token).Encode()
			}
			if p := sent(t, b, address, with(c.fields, attack.token), attack.headers); p.Status != http.StatusForbidden {
				t.Errorf("%s, POST %s: %d %s", name, c.path, p.Status, p.H1())
			}
		}
	}
	if after := content(t, s.Database); after != before {
		t.Errorf("something was changed:\n%s\n%s", before, after)
	}
	// The same forms sent as they should be: none of the above was refused for another reason.
	for _, c := range all {
		before := content(t, s.Database)
		p := sent(t, b, s.URL+c.path, with(c.fields, b.Token), ours)
		if c.route == "/jobs/import/:id" || c.route == "/proposals/:id/move" {
			b.Get("/organizations") // shows the message
		}
		if p.Status != http.StatusSeeOther || content(t, s.Database) == before {
			t.Errorf("POST %s as it should be: %d %s, or without effect", c.path, p.Status, p.H1())
		}
	}
}

// flip is another character of the alphabet of tokens.
func flip(c string) string {
	if c == "A" {
		return "B"
	}
	return "A"
}

func TestAFormOfAnEarlierSignInIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	b.Submit(editor, `form[action="/sign-out"]`, nil)
	b.SignIn(ana)
	switchTo(t, b, "Acme")
	p := b.Submit(editor, editorForm, url.Values{"letter": {"my precious text"}})
	if p.Status != http.StatusForbidden || p.H1() != "This page is older than your sign-in" || p.Find("textarea").First().Text() != "my precious text" {
		t.Errorf("%d %q keeps %q", p.Status, p.H1(), p.Find("textarea").Text())
	}
	if back := p.Find("main a.button").AttrOr("href", ""); back != editor.URL.Path {
		t.Errorf("the way back leads to %q", back)
	}
}

func TestATokenIsMaskedAnewOnEveryPageAndSurvivesASwitch(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	token := func(p *webtest.Page) string { return p.Find("input[name=token]").First().AttrOr("value", "") }
	one, two := token(b.Get("/jobs")), token(b.Get("/jobs"))
	if one == "" || one == two || one[:22] == two[:22] || one[22:] == two[22:] {
		t.Errorf("two pages show %q and %q", one, two)
	}
	switchTo(t, b, "Beta")
	switchTo(t, b, "Acme")
	if p := b.Submit(editor, editorForm, url.Values{"letter": {"written before"}}); p.Message() != "The proposal was saved." {
		t.Errorf("a form of before the switches: %d %s", p.Status, p.H1())
	}
}
