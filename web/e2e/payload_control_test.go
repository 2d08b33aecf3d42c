package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/static"
	"upwork-ai-agent/web/webtest"
)

// places are where a text could stand on a page, as they would be without escaping: several to a page, or this takes long.
var places = []string{
	`<div>%[1]s</div><p title="x">x</p><p title='x'>x</p>`,
	`<input value=%[1]s><input value="%[1]s"><input value='%[1]s'>`,
	`<a href="%[1]s">x</a>`,
	`<select><option>%[1]s</select><noscript>%[1]s</noscript><!-- %[1]s --><style>b{x:y}%[1]s</style><textarea>%[1]s</textarea>`,
	`<title>%[1]s</title>`,
	`<script>var x = "%[1]s";</script><script>var x = '%[1]s';</script>`,
}

// touch does to an unescaped text what a person might.
const touch = `addEventListener("load", () => setTimeout(() => {
	for (const e of document.querySelectorAll("*")) for (const type of ["mouseover", "focus", "click"]) e.dispatchEvent(new MouseEvent(type, {bubbles: true, cancelable: true}));
	document.querySelectorAll("form button").forEach(b => b.click());
}));`

// bare is a site without any escaping. Its pages have htmx, as ours do, with the settings that it comes with.
func bare(policy string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/static/", static.Handler(func(http.Header) bool { return false }))
	mux.HandleFunc("/touch.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, touch)
	})
	mux.HandleFunc("/beacon/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/all/{n}/{from}/{to}", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.PathValue("from"))
		to, _ := strconv.Atoi(r.PathValue("to"))
		fmt.Fprint(w, "<!DOCTYPE html><h1>All</h1>")
		for p := from; p < to; p++ {
			fmt.Fprintf(w, `<iframe src="/one/%s/%d"></iframe>`, r.PathValue("n"), p)
		}
	})
	mux.HandleFunc("/every", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "<!DOCTYPE html><h1>Every</h1>")
		for n := range attacks {
			fmt.Fprintf(w, `<iframe src="/one/%d/0"></iframe>`, n)
		}
	})
	mux.HandleFunc("/one/{n}/{place}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		place, _ := strconv.Atoi(r.PathValue("place"))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		fmt.Fprint(w, `<!DOCTYPE html><head><script src=/touch.js></script></head><body>`)
		if place == 0 {
			fmt.Fprintf(w, `<script src="%s" defer></script>`, static.URL("htmx.js"))
		}
		fmt.Fprintf(w, places[place], payloads()[n])
	})
	return mux
}

// TestEveryHostileTextDoesSomethingWhereNothingHoldsIt is what the other tests of hostile texts rest on: where neither escaping
// nor a policy stands before a text, it does something, and the witness sees it. Under our policy it is not executed either,
// and that is seen too.
func TestEveryHostileTextDoesSomethingWhereNothingHoldsIt(t *testing.T) {
	t.Parallel()
	answer := webtest.Start(t, dbtest.Own(t), sandbox.Seed{}).Browser(t).Get("/healthz")
	policy := strings.Replace(answer.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors 'self'", 1)
	free, held := httptest.NewServer(bare("")), httptest.NewServer(bare(policy))
	t.Cleanup(free.Close)
	t.Cleanup(held.Close)
	ctx := browser(t)
	w := newWitness(t, ctx, true, free.URL)
	var wrong []string
	for n, a := range attacks {
		// Most do it in the text of a page already.
		if did := w.provoke(t, free.URL, n, 0, 1) || w.provoke(t, free.URL, n, 1, len(places)); did == a.quiet {
			wrong = append(wrong, fmt.Sprintf("%d %s", n, a.kind))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("these are not as the table says: %s", strings.Join(wrong, "; "))
	}
	if len(attacks) < 60 || slices.ContainsFunc(attacks, func(a hostile) bool { return a.kind == "" }) {
		t.Errorf("%d hostile texts", len(attacks))
	}
	free.Close()
	under := newWitness(t, browser(t), true, held.URL)
	open(t, under.ctx, held.URL+"/every")
	do(t, under.ctx, chromedp.Sleep(time.Second))
	run, _, refused := under.noted()
	if run > 0 || refused < 40 {
		t.Errorf("under our policy %d are executed, and %d refused", run, refused)
	}
	run, asked, _ := w.noted()
	t.Logf("%d texts; without a policy %d executions, %d requests; under ours %d refusals", len(attacks), run, asked, refused)
}

// provoke puts a text in some of the places and tells whether that did anything.
func (w *witness) provoke(t *testing.T, site string, n, from, to int) bool {
	t.Helper()
	ran, asked, _ := w.noted()
	open(t, w.ctx, fmt.Sprintf("%s/all/%d/%d/%d", site, n, from, to))
	for range 10 {
		if run, more, _ := w.noted(); run+more > ran+asked {
			return true
		}
		do(t, w.ctx, chromedp.Sleep(20*time.Millisecond))
	}
	return false
}
