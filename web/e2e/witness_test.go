package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	logs "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// witness notes what a tab does that no page of ours may make it do.
type witness struct {
	ctx context.Context

	mu       sync.Mutex
	hosts    []string          // what is asked of others is foreign
	at       string            // the page that is open
	run      map[string]bool   // calls of __xss and dialogs: a hostile text was executed
	refused  map[string]bool   // by the content security policy
	asked    map[string]bool   // requests that no page of ours makes
	examples map[string]string // where each was seen first
}

// tell is on every page from its first moment: it tells what is executed, and what the policy refuses.
const tell = `window.__xss = n => { __executed(String(n)); };
	document.addEventListener("securitypolicyviolation", e => __refused(e.effectiveDirective + " " + e.blockedURI + " " + e.sample));`

// newWitness watches a tab. Where the policy is off, only escaping stands between a hostile text and being executed.
func newWitness(t *testing.T, ctx context.Context, policy bool, sites ...string) *witness {
	t.Helper()
	w := &witness{ctx: ctx, run: map[string]bool{}, refused: map[string]bool{}, asked: map[string]bool{}, examples: map[string]string{}}
	for _, site := range sites {
		w.know(site)
	}
	do(t, ctx, call(logs.Enable, cdp.Empty{}), call(page.SetBypassCSP, page.SetBypassCSPParams{Enabled: !policy}),
		call(runtime.AddBinding, runtime.AddBindingParams{Name: "__executed"}), call(runtime.AddBinding, runtime.AddBindingParams{Name: "__refused"}),
		call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: tell}))
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *witness) hear(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventBindingCalled:
		if ev.Name == "__refused" {
			w.note(w.refused, "the policy refused "+ev.Payload)
		} else {
			w.note(w.run, "executed: "+ev.Payload)
		}
	case *page.EventJavascriptDialogOpening:
		if ev.Type == page.DialogTypeBeforeunload {
			return
		}
		w.note(w.run, "dialog: "+ev.Message)
		go func() { // the tab stands still until somebody has answered
			_ = chromedp.Do(w.ctx, call(page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})) // the test ends anyway
		}()
	case *logs.EventEntryAdded:
		if ev.Entry.Source == logs.EntrySourceSecurity || strings.Contains(ev.Entry.Text, "Content Security Policy") {
			w.note(w.refused, "the log says "+ev.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		if w.foreign(ev.Request.URL) {
			w.note(w.asked, "asked for "+ev.Request.URL)
		}
	}
}

// foreign tells whether no page of ours asks for an address.
func (w *witness) foreign(address string) bool {
	scheme, rest, _ := strings.Cut(address, ":")
	host, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	w.mu.Lock()
	defer w.mu.Unlock()
	if scheme == "http" && slices.Contains(w.hosts, host) {
		return strings.HasPrefix(path, "beacon")
	}
	return scheme != "data" && scheme != "blob" && scheme != "about"
}

func (w *witness) note(in map[string]bool, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in[what] = true
	if w.examples[what] == "" {
		w.examples[what] = w.at
	}
}

// know has the witness take another site for one of ours.
func (w *witness) know(site string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = append(w.hosts, strings.TrimPrefix(site, "http://"))
}

// noted is how much was noted so far of each kind.
func (w *witness) noted() (run, asked, refused int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.run), len(w.asked), len(w.refused)
}

// stand says which page is open from now on.
func (w *witness) stand(at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = at
}

// planted finds what a text has made of itself on the page: elements and attributes that no page of ours has. It also
// opens what can be opened, and touches everything, so that what waits for it runs.
const planted = `((hosts) => {
	const found = [];
	document.querySelectorAll("details").forEach(d => { d.open = true; });
	for (const e of document.querySelectorAll("*")) {
		const name = e.localName, own = [...e.attributes].map(a => a.name);
		if (["iframe", "object", "embed", "base", "marquee", "math", "applet", "style", "video", "audio", "foreignobject", "animate", "img", "template", "noscript"].includes(name.toLowerCase())) found.push("an element: " + e.outerHTML.slice(0, 200));
		if (name === "script" && !(e.src ?? "").startsWith(location.origin + "/static/")) found.push("a script: " + e.outerHTML.slice(0, 200));
		if (name === "meta" && e.httpEquiv) found.push("a command: " + e.outerHTML);
		if (name === "link" && e.rel === "stylesheet" && new URL(e.href, location).origin !== location.origin) found.push("a style sheet: " + e.outerHTML);
		for (const a of own) {
			if (/^on|^srcdoc$|^style$|^srcset$/.test(a) || /^(data-)?hx-/.test(a) && e !== document.body) found.push("an attribute: " + a + " of " + e.outerHTML.slice(0, 200));
			if (/^(href|src|action|formaction|xlink:href|data)$/.test(a)) {
				let u;
				try { u = new URL(e.getAttribute(a), document.baseURI); } catch { continue; }
				const ours = u.protocol === "data:" ? name === "link" : /^https?:$/.test(u.protocol) && (hosts.includes(u.host) || /^([a-z]+\.)*upwork\.com$/.test(u.host) && u.protocol === "https:" && !u.username);
				if (!ours || u.pathname.startsWith("/beacon")) found.push("an address: " + u + " of " + e.outerHTML.slice(0, 200));
			}
		}
		for (const type of ["mouseover", "focus", "toggle", "animationstart"]) e.dispatchEvent(new Event(type));
	}
	document.querySelectorAll("dialog").forEach(d => { if (!d.open) d.showModal(); d.close(); });
	return {Found: found, Headings: document.querySelectorAll("h1").length, Text: document.body.innerText.slice(0, 300), At: location.href};
})(%s)`

// sight is what is found on a page.
type sight struct {
	Found    []string
	Headings int
	Text, At string
}

// look looks at the page that is open, and says where it is.
func (w *witness) look(t *testing.T) string {
	t.Helper()
	hosts, err := json.Marshal(w.hosts)
	if err != nil {
		t.Fatal(err)
	}
	seen := get(t, w.ctx, chromedp.Evaluate[sight](fmt.Sprintf(planted, hosts)))
	for _, found := range seen.Found {
		w.note(w.run, "planted "+found)
	}
	if seen.Headings != 1 || strings.Contains(seen.Text, "Something went wrong here") {
		t.Errorf("%.200s has %d headings: %s", seen.At, seen.Headings, seen.Text)
	}
	return seen.At
}

// visit opens an address and looks at it. Nothing on a page may lead away from it by itself.
func (w *witness) visit(t *testing.T, address string) {
	t.Helper()
	w.stand(address)
	open(t, w.ctx, address)
	was := w.look(t)
	if now := here(t, w.ctx); now != was {
		w.note(w.run, fmt.Sprintf("from %s the page led to %s", was, now))
	}
}

// report fails the test for everything that was noted.
func (w *witness) report(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range []map[string]bool{w.run, w.refused, w.asked} {
		sorted := make([]string, 0, len(all))
		for what := range all {
			sorted = append(sorted, what)
		}
		slices.Sort(sorted)
		for i, what := range sorted {
			if i == 10 {
				t.Errorf("and %d more", len(sorted)-i)
				break
			}
			t.Errorf("%s: %.400s", w.examples[what], what)
		}
	}
}
