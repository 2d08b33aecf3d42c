package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// hidden are the addresses of the operator's pages.
func hidden() []string {
	var all []string
	for _, r := range web.Routes() {
		if r.Policy == "platform admin" {
			all = append(all, address(r.Path))
		}
	}
	return all
}

// facts are what an answer says beside its body.
func facts(p *webtest.Page) string {
	h := p.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		h.Del(name)
	}
	var b strings.Builder
	_ = h.Write(&b) // into memory
	return b.String()
}

func TestTheOperatorsPagesAreNotThereForAnybodyElse(t *testing.T) {
	t.Parallel()
	s := start(t)
	if len(hidden()) == 0 {
		t.Fatal("no page of the operator's in the route table")
	}
	for name, b := range map[string]*webtest.Browser{
		"nobody": s.Browser(t), "an owner": signIn(t, s, ana, "Acme"), "a member": signIn(t, s, ben, "Acme"),
		"a viewer": signIn(t, s, vera, "Acme"), "a newcomer": signIn(t, s, nina, ""),
	} {
		b.NoRedirects()
		b.Get("/nowhere") // shows the message of the last write, if there is one
		for _, path := range hidden() {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
				there, nowhere := ask(t, b, method, s.URL+path), ask(t, b, method, s.URL+"/nowhere")
				if there.Status != http.StatusNotFound || same(there.Body) != same(nowhere.Body) || facts(there) != facts(nowhere) {
					t.Errorf("%s, %s %s: %d, or it differs from an unknown address:\n%s\n%s", name, method, path, there.Status, facts(there), facts(nowhere))
				}
			}
		}
		if b.Get("/organizations").Find(`a[href^="/admin"]`).Length() > 0 {
			t.Errorf("%s is led to them", name)
		}
	}
}

// ask sends a request as a page of the site would.
func ask(t *testing.T, b *webtest.Browser, method, address string) *webtest.Page {
	t.Helper()
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(r)
}

func TestTheOperatorSeesTheirPagesAndNoOrganization(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.Browser(t)
	home := b.SignIn(webtest.Operator)
	if home.H1() != "Organizations" || home.Find(`.top a[href="/admin"]`).Length() != 1 {
		t.Fatalf("the operator begins at %q with %d ways to their pages", home.H1(), home.Find(`.top a[href="/admin"]`).Length())
	}
	for _, path := range hidden() {
		p := b.Get(path)
		if p.Status != http.StatusOK || p.Find(".top .badge").Text() != "Operator" || p.Find("[class*=accent-]").Not(".samples li").Length() != 0 || p.Find(".switcher").Length() != 0 {
			t.Errorf("%s: %d, badge %q, or it looks like an organization's", path, p.Status, p.Find(".top .badge").Text())
		}
	}
	b.NoRedirects()
	for _, r := range web.Routes() {
		if !strings.HasPrefix(r.Policy, "tenant ") {
			continue
		}
		if p := send(t, b, r.Method, s.URL+address(r.Path), url.Values{"tenant": {"x"}}); p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/organizations" {
			t.Errorf("%s %s: the operator, who is in no organization, gets %d to %q", r.Method, r.Path, p.Status, p.Header.Get("Location"))
		}
	}
}

// asOperator opens a browser as the operator.
func asOperator(t *testing.T, s *webtest.Site) *webtest.Browser {
	t.Helper()
	b := s.Browser(t)
	b.SignIn(webtest.Operator)
	return b
}

func TestTheOperatorFindsOrganizationsByNameStateAndOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	signIn(t, s, ana, "Acme") // makes both known
	b := asOperator(t, s)
	exec(t, s.Database, "UPDATE app.fence SET state = 'suspended' WHERE tenant_id = (SELECT tenant_id FROM control.registry WHERE name = 'Beta')")
	exec(t, s.Database, "INSERT INTO control.activity SELECT tenant_id, now(), 12345, 1, 1, 1 FROM control.registry WHERE name = 'Beta'")
	for query, want := range map[string]string{"": "Acme Beta", "?q=be": "Beta", "?state=suspended": "Beta", "?state=active": "Acme", "?state=nonsense": "Acme Beta", "?sort=calls": "Beta Acme", "?sort=%00": "Acme Beta", "?q=zzz": ""} {
		var names []string
		p := b.Get("/admin/tenants" + query)
		for _, c := range p.Find(`tbody [data-label="Name"]`).EachIter() {
			names = append(names, c.Find("span").First().Contents().First().Text())
		}
		if got := strings.Join(names, " "); p.Status != http.StatusOK || got != want {
			t.Errorf("%q: %d, %q, want %q", query, p.Status, got, want)
		}
		if p.Find("#q").AttrOr("value", "") != strings.TrimPrefix(query, "?q=") && strings.HasPrefix(query, "?q=") {
			t.Errorf("%q: the search is lost", query)
		}
	}
	if p := b.Get("/admin/tenants?q=acme"); !strings.Contains(p.Find("tbody").Text(), "unknown") {
		t.Error("what was not measured is not unknown")
	}
}

func TestTheOperatorSeesWhatTheLastProofFoundAlsoWhereItOnlyCouldNotProve(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := asOperator(t, s)
	prove(t, s)
	newest := func(p *webtest.Page) string { return cells(p.Find("#proofs ~ table tbody tr").First()) }
	if p := b.Get("/admin/isolation"); p.Find("#found").Length() != 0 || !strings.HasSuffix(newest(p), "|Holds|12,480|0|0|0|21.3s") {
		t.Errorf("a proof that holds: %q", newest(p))
	}
	proveNot(t, s, 0, 2)
	if overview := b.Get("/admin").Find("li:has(.badge)"); overview.Find(".badge").Text() != "Not proven" || !strings.Contains(overview.Text(), "0 leaks, 0 oracles, 2 not proven") {
		t.Errorf("the overview says %q", overview.Text())
	}
	p := b.Get("/admin/isolation")
	if !strings.HasSuffix(newest(p), "|Not proven|12,480|0|0|2|21.3s") {
		t.Errorf("the list of proofs says %q", newest(p))
	}
	found := p.Find("section:has(#found)")
	if got := cells(found.Find("tbody tr")); got != "Not proven|jobs <b>|select, none, direct|no answer in time" {
		t.Errorf("what was found is %q", got)
	}
	if found.Find(".verdict strong").Text() != "Nothing got through, but not everything could be proven." || !strings.Contains(found.Text(), "The first 1 of 2 are listed.") {
		t.Errorf("of what could not be proven it says %q", found.Text())
	}
	proveNot(t, s, 1, 2)
	if leak := b.Get("/admin/isolation").Find("section:has(#found) .verdict"); leak.Find(".badge").Text() != "Does not hold" || leak.Find("strong").Text() != "Something got through." {
		t.Errorf("of a leak it says %q", leak.Text())
	}
}

// cells are the texts of a row.
func cells(row *selection) string {
	return strings.Join(row.Find("td").Map(func(_ int, c *selection) string { return strings.Join(strings.Fields(c.Text()), " ") }), "|")
}

func TestAQuestionThatIsNotUnderstoodIsKeptAndTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	signIn(t, s, ana, "Acme")
	b := asOperator(t, s)
	if p := b.Get("/admin/why"); p.Find(".problem, #verdict").Length() != 0 {
		t.Error("an answer before the question")
	}
	asked := b.Submit(b.Get("/admin/why"), `form[action="/admin/why"]`, url.Values{"tenant": {"acme"}, "member": {ben}, "table": {"no such <table>"}, "id": {"x"}, "operation": {"delete"}})
	if asked.Status != http.StatusOK || asked.Find("main .problem").Length() != 1 || asked.Find("#table").AttrOr("value", "") != "no such <table>" || asked.Find("#operation [selected]").AttrOr("value", "") != "delete" ||
		asked.Find("#member").AttrOr("value", "") != ben {
		t.Errorf("%d, %d problems, table %q", asked.Status, asked.Find("main .problem").Length(), asked.Find("#table").AttrOr("value", ""))
	}
	answered := b.Get("/admin/why?" + url.Values{"tenant": {"acme"}, "member": {ben}, "table": {"jobs"}, "id": {"01890000-0000-7000-8000-000000000000"}, "operation": {"select"}}.Encode())
	if answered.Find("#verdict").Length() != 1 || answered.Find(".steps li").Length() < 3 || answered.Find("main .problem").Length() != 0 {
		t.Errorf("%d steps, %q", answered.Find(".steps li").Length(), answered.Find("main").Text())
	}
}

func TestTasksArePagedAndFiltered(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := asOperator(t, s)
	exec(t, s.Database, `INSERT INTO control.river_job (kind, args, state, queue, max_attempts, errors, finalized_at)
		SELECT 'kind' || n % 2, '{}', CASE WHEN n % 3 = 0 THEN 'discarded' ELSE 'available' END::control.river_job_state, 'other', 25, ARRAY['{"error": "SELECT secret FROM jobs"}'::jsonb], CASE WHEN n % 3 = 0 THEN now() END
		FROM generate_series(1, 120) AS n`)
	for query, want := range map[string]int{"?kind=kind0": 60, "?kind=kind0&state=discarded": 20, "?kind=kind1&state=available": 40, "?kind=none": 0, "?state=%00": -1} {
		seen, pages := map[string]bool{}, 0
		for next := "/admin/tasks" + query; next != ""; pages++ {
			p := b.Get(next)
			if p.Status != http.StatusOK || strings.Contains(p.Body, "secret") || pages > 3 {
				t.Fatalf("%s: %d on page %d, or it repeats an error", next, p.Status, pages)
			}
			for _, r := range p.Find(`tbody [data-label="Task"]`).EachIter() {
				seen[r.Text()] = true
			}
			next = p.Find("a[rel=next]").AttrOr("href", "")
		}
		if want >= 0 && len(seen) != want {
			t.Errorf("%s: %d tasks on %d pages, want %d", query, len(seen), pages, want)
		}
	}
	if p := b.Get("/admin/tasks?before=x"); p.Status != http.StatusNotFound {
		t.Errorf("a cursor that is none: %d", p.Status)
	}
}

func TestTheOperatorsPagesAreOfNoOrganizationWhicheverTheyWorkIn(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := asOperator(t, s)
	jobs := b.Submit(b.Get("/organizations"), `form[action="/organizations"][method=post]`, url.Values{"name": {"Tarrow"}})
	if jobs.H1() != "Jobs" || jobs.Find(`.top a[href="/admin"]`).Length() != 1 {
		t.Fatalf("an operator in an organization is at %q", jobs.H1())
	}
	for _, path := range hidden() {
		p := b.Get(path)
		if p.Status != http.StatusOK || p.Find("[class*=accent-], .switcher").Not(".samples li").Length() != 0 || strings.Contains(p.Find("title").Text()+p.Find("header .top").Text(), "Tarrow") {
			t.Errorf("%s: %d, %q, or it looks like an organization's", path, p.Status, p.Find("title").Text())
		}
	}
}
