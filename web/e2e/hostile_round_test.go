package e2e_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"upwork-ai-agent/web/webtest"
)

// noPages are answers that no browser draws as a page of ours. What is drawn of a download is looked at apart.
var noPages = []string{"/healthz", "/readyz", "/static/*", "/jobs/export.csv", "/organization/audit/export.csv", "/organization/isolation/proof.html", "/organization/isolation/proof.json", "/proposals/:id/stand"}

// round is one browser's way through the hostile site.
type round struct {
	*witness
	t      *testing.T
	site   *webtest.Site
	p      *planter
	sample int // one in so many of what is asked and sent is tried
	visits int
	been   map[string]bool // patterns
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// see visits a path, under another name of the organization and of the person each time.
func (r *round) see(path string) {
	r.t.Helper()
	name := strings.ReplaceAll(payloads()[r.visits%len(attacks)], "\x00", "")
	short := string([]rune(name)[:min(100, len([]rune(name)))])
	r.p.must("UPDATE control.registry SET name = $1 WHERE tenant_id = $2", short, r.p.tenant)
	r.p.must("UPDATE tenants SET name = $1 WHERE id = $2", short, r.p.tenant)
	r.p.must("UPDATE control.sessions SET name = $1, email = $1 WHERE clerk_user_id IN ($2, $3)", name, lookers[0], lookers[1])
	r.visits++
	pattern, _, _ := strings.Cut(path, "?")
	r.been[ids.ReplaceAllString(pattern, ":id")] = true
	r.visit(r.t, r.site.URL+path)
}

// links are the addresses of the page at hand that selector finds.
func (r *round) links(selector string) []string {
	r.t.Helper()
	return get(r.t, r.ctx, chromedp.Evaluate[[]string](fmt.Sprintf(`[...new Set([...document.querySelectorAll(%q)].map(a => a.pathname + a.search))]`, selector)))
}

// leaf visits every page of a list and returns what its links lead to.
func (r *round) leaf(path, selector string) (found []string) {
	r.t.Helper()
	for path != "" {
		r.see(path)
		found = append(found, r.links(selector)...)
		if next := r.links(`nav.pages a[rel=next]`); len(next) == 1 {
			path = next[0]
		} else {
			path = ""
		}
	}
	return found
}

// texts are the hostile texts, as many in one as a field of the given length takes.
func texts(most int) (all []string) {
	for _, text := range payloads() {
		if n := len(all) - 1; n >= 0 && len([]rune(all[n]+text)) < most {
			all[n] += "\n" + text
		} else {
			all = append(all, text)
		}
	}
	return all
}

// everything is all of them in one.
func everything() string { return texts(1 << 20)[0] }

// TestHostileTextsAreOnlyEverShown puts every hostile text into everything that is stored, typed or asked, and looks at every
// page in a browser that must not have to refuse anything. A second browser has no policy that would: escaping must hold
// alone. What is stored it looks at as well, and at a part of the rest, for the sake of time.
func TestHostileTextsAreOnlyEverShown(t *testing.T) {
	t.Parallel()
	s, tenant := hostileSite(t)
	for name, sample := range map[string]int{"by escaping alone": 5, "without a refusal of the policy": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &round{witness: newWitness(t, browser(t), sample == 1, s.URL, s.Sandbox.URL()), sample: sample, t: t, site: s, p: newPlanter(t, s, tenant, lookers), been: map[string]bool{}}
			r.enter()
			r.organization()
			r.ask("/jobs", "/organizations", "/proposals", "/organization/audit", "/organization/isolation")
			r.swap()
			r.upload()
			r.send()
			r.operate()
			r.report(t)
			for _, way := range ways(t) {
				if !r.been[way] && !slices.Contains(noPages, way) {
					t.Errorf("nobody looked at %s", way)
				}
			}
			t.Logf("%d pages", r.visits)
		})
	}
}

// enter signs in, and looks at what there is before.
func (r *round) enter() {
	r.t.Helper()
	r.visit(r.t, r.site.URL+"/sign-in")
	r.push(`form:has(input[value="user_hostile10"]) button`)
	r.look(r.t)
	r.as(lookers[0])
	r.been["/sign-in"] = true
	open(r.t, r.ctx, r.site.URL+"/organizations")
	if there := fmt.Sprintf("main .card form:has([name=tenant_id][value=%q]) button", r.p.tenant.String()); count(r.t, r.ctx, there) > 0 {
		r.push(there)
	}
	if at := get(r.t, r.ctx, chromedp.Evaluate[string](`document.body.dataset.tenant ?? ""`)); at != r.p.tenant.String() {
		r.t.Fatalf("in %q, not in %s: %s %s", at, r.p.tenant, here(r.t, r.ctx), get(r.t, r.ctx, chromedp.Text(chromedp.CSS("body"))))
	}
}

// as signs in as somebody else.
func (r *round) as(person string) {
	r.t.Helper()
	do(r.t, r.ctx, call(network.ClearBrowserCookies, cdp.Empty{}))
	open(r.t, r.ctx, r.site.URL+"/sign-in")
	r.push(`form:has(input[value="` + person + `"]) button`)
}

// push pushes a button, wherever on the page it is, and waits for what comes of it.
func (r *round) push(selector string) {
	r.t.Helper()
	r.follow(fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// follow runs a script that leads to another page, and waits for that.
func (r *round) follow(script string) {
	r.t.Helper()
	if _, err := chromedp.RunResponse(r.ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		r.t.Fatalf("%.300s: %v", script, err)
	}
}

// organization looks at everything that the organization has.
func (r *round) organization() {
	r.t.Helper()
	for _, path := range append(r.leaf("/jobs?triage=", ".row h2 a"), r.leaf("/proposals", "tbody a")...) {
		r.see(path)
	}
	r.leaf("/organization/audit", "main a")
	for _, path := range append(r.leaf("/jobs/import", `main li a[href^="/jobs/import/"]`), "/", "/organizations", "/organizations/invitations", "/proposals?view=board", "/signed-out", "/organization/isolation") {
		r.see(path)
	}
	r.see("/proposals?status=draft")
	latest := r.links("tbody a")[0]
	for n := range len(attacks) / 8 {
		r.see(fmt.Sprintf("%s/history?with=%d&version=%d", latest, 8*n+1, 8*n+9))
	}
	proof := get(r.t, r.ctx, chromedp.Evaluate[string](`fetch("/organization/isolation/proof.html").then(a => a.text())`, chromedp.EvalAwaitPromise))
	if !strings.Contains(proof, "&lt;script") {
		r.t.Errorf("the proof shows no hostile text: %.300s", proof)
	}
	kept := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, proof)
	}))
	defer kept.Close()
	r.know(kept.URL)
	r.stand("the downloaded proof")
	open(r.t, r.ctx, kept.URL+"/proof.html")
}

// ask puts the texts into every field that pages read from their address, and into addresses of nothing.
func (r *round) ask(paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		r.see(path)
		names := get(r.t, r.ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll("form[method=get] [name]")].map(e => e.name)`))
		if count(r.t, r.ctx, `form[method=get] :is([type=search], input:not([type]))`) == 0 {
			for _, name := range append(names, "before", "period") {
				r.see(path + "?" + url.Values{name: {everything()}}.Encode())
			}
			continue
		}
		for n, text := range texts(190) {
			if n%r.sample > 0 {
				continue
			}
			q := url.Values{}
			for _, name := range append(names, "before", "state", "sort") {
				q.Set(name, text)
			}
			r.put(n, path+"?"+q.Encode())
		}
	}
	for n, text := range texts(190) {
		if n%r.sample == 0 && slices.Contains(paths, "/jobs") {
			r.put(n, "/jobs/change?"+url.Values{"do": {"shortlisted"}, "address": {"q=" + url.QueryEscape(text)}, "return_to": {text}}.Encode())
		}
	}
	for _, path := range []string{"/%s", "/jobs/%s", "/proposals/%s", "/auth/callback?state=%[1]s&code=%[1]s", "/jobs/import/%s", "/proposals/%s/history"} {
		r.see(fmt.Sprintf(path, url.PathEscape(everything())))
		r.been[regexp.MustCompile(`%.*`).ReplaceAllString(path, "")] = true
	}
	r.been["/auth/callback"] = true
}

// put opens the first of a row of pages that differ in one text only, and has htmx put the others into it: that is quicker.
func (r *round) put(n int, path string) {
	r.t.Helper()
	if n == 0 {
		r.see(path)
	} else {
		r.swapIn(path)
	}
}

// swap has htmx put pages into the page at hand.
func (r *round) swap() {
	r.t.Helper()
	r.see("/jobs?triage=")
	for _, path := range append(r.links(".row h2 a")[:10], "/jobs?triage=", "/organizations", "/proposals", "/organization/audit", "/organization/isolation", "/jobs?q="+url.QueryEscape(texts(190)[0])) {
		r.swapIn(path)
	}
}

// swapIn has htmx put a page into the page at hand.
func (r *round) swapIn(path string) {
	r.t.Helper()
	r.stand("swapped in: " + path)
	do(r.t, r.ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`new Promise(done => {
		for (const end of ["htmx:afterSettle", "htmx:responseError", "htmx:sendError"]) document.addEventListener(end, () => done(), {once: true});
		htmx.ajax("GET", %q, {target: "#content", select: "#content", swap: "outerHTML"});
	})`, path), chromedp.EvalAwaitPromise))
	r.look(r.t)
	r.visits++
}

// upload imports a file that is hostile by its name and in its fields.
func (r *round) upload() {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), `"><img src=x onerror=__xss(7)>.csv`)
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"title", "url", "description", "skills", "country", "category", "questions"}) // into memory
	for _, text := range payloads() {
		_ = w.Write(slices.Repeat([]string{strings.ReplaceAll(text, "\x00", "")}, 7))
	}
	w.Flush()
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.see("/jobs/import")
	do(r.t, r.ctx, chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	r.push(`form[action="/jobs/import"] button`)
	r.look(r.t)
	says(r.t, r.ctx, ".facts", "onerror=__xss(7)")
	if n := count(r.t, r.ctx, "tbody tr"); n != len(attacks) {
		r.t.Errorf("%d rows are previewed", n)
	}
	r.push(`main form[action^="/jobs/import/"] button`)
	r.look(r.t)
	r.leaf("/jobs?sort=new", ".row h2 a")
}

// forms are the page's forms that change something, each by where it goes and what it has.
const forms = `[...document.querySelectorAll("main form[method=post]")].map(f => [(f.getAttribute("action") ?? "").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ":id"), ...[...f.elements].map(e => e.name)].join(" "))`

// fillIn types a text into every field of the n-th of them, and into the hidden ones if it is told to, and sends it.
const fillIn = `((n, text, hidden, tenant) => {
	const form = document.querySelectorAll("main form[method=post]")[n];
	form.noValidate = true;
	for (const e of form.elements) {
		if (["token", "tenant"].includes(e.name)) continue;
		if (e.localName === "textarea" || e.localName === "input" && !["checkbox", "radio", "file", "hidden"].includes(e.type) || hidden && e.type === "hidden") e.value = text;
		if (hidden && e.localName === "select") { const o = new Option(text, text); e.append(o); e.value = text; }
	}
	if (tenant) form.elements.tenant.value = tenant;
	const button = [...form.elements].find(e => e.type === "submit");
	if (hidden && button.name) button.value = text;
	form.requestSubmit(button);
})(%d, %q, %t, %q)`

// send fills every form with the texts: as it is, with what it hides, and as if it had been drawn for another organization.
func (r *round) send() {
	r.t.Helper()
	other := idOf(r.p.query(`SELECT tenant_id FROM control.registry WHERE slug = 'quillmoor'`)[0][0])
	r.see("/proposals?status=draft")
	draft := r.links("tbody a")[0]
	r.see("/proposals?status=declined")
	declined := r.links("tbody a")[0]
	r.see("/jobs?triage=")
	known := map[string]bool{}
	for _, path := range []string{"/jobs?q=x", "/jobs?triage=", r.links(".row h2 a")[0], "/jobs/import", "/jobs/change?do=shortlisted&address=q%3Dx", "/organizations", draft, declined, draft + "/history", "/organization/isolation"} {
		r.see(path)
		for _, form := range get(r.t, r.ctx, chromedp.Evaluate[[]string](forms)) {
			if known[form] {
				continue
			}
			known[form] = true
			for _, way := range []struct {
				hidden bool
				tenant string
			}{{false, ""}, {true, ""}, {false, other}, {false, "00000000-0000-0000-0000-000000000000"}}[:max(1, 4/r.sample)] {
				if strings.HasPrefix(form, "/organizations/switch") && !way.hidden {
					continue // leads away
				}
				r.see(path)
				n := slices.Index(get(r.t, r.ctx, chromedp.Evaluate[[]string](forms)), form)
				if n < 0 {
					break // it has done what it is for
				}
				r.stand(fmt.Sprintf("%s of %s, sent %+v", form, path, way))
				r.follow(fmt.Sprintf(fillIn, n, everything(), way.hidden, way.tenant))
				r.look(r.t)
				r.visits++
			}
		}
	}
	if len(known) < 12 {
		r.t.Errorf("only %d forms: %v", len(known), known)
	}
}

// operate looks at the operator's pages.
func (r *round) operate() {
	r.t.Helper()
	r.as(lookers[1])
	for _, way := range ways(r.t) {
		if strings.HasPrefix(way, "/admin") {
			r.see(way)
		}
	}
	r.leaf("/admin/tasks?state=discarded", "main a")
	r.ask("/admin/tenants", "/admin/why", "/admin/tasks", "/admin/isolation")
}
