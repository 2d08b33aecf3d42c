package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"upwork-ai-agent/db/demo"
)

// keys sends keys to wherever the focus is, each with its text, as a keyboard does: a key that a page takes for itself types
// nothing. (chromedp sends the text apart.)
func keys(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		for _, r := range text {
			sent := kb.Encode(r)
			for _, k := range sent {
				if k.Type == kb.KeyChar {
					sent[0].Text, sent[0].UnmodifiedText = k.Text, k.UnmodifiedText
				}
			}
			for _, k := range sent {
				if k.Type == kb.KeyChar {
					continue
				}
				if _, err := cdp.Call(ctx, tab, input.DispatchKeyEvent, *k); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func press(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	do(t, ctx, keys(text))
}

// pressThrough presses a key and waits until the page that it leads to has been read.
func pressThrough(t *testing.T, ctx context.Context, key string) {
	t.Helper()
	if _, err := chromedp.RunResponse(ctx, keys(key)); err != nil {
		t.Fatalf("press %q: %v", key, err)
	}
}

func focused(t *testing.T, ctx context.Context) string {
	t.Helper()
	return get(t, ctx, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.textContent.trim()`))
}

func TestTheSwitcherByKeyboardOnly(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	was := get(t, ctx, chromedp.Evaluate[string](`document.body.dataset.tenant`))
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`
		const { tenant, person } = document.body.dataset, entry = (at) => JSON.stringify({text: "of one", path: "/jobs", at});
		localStorage.setItem("kept " + tenant + " " + person + " letter", entry(Date.now()));
		localStorage.setItem("kept " + tenant + " " + person + " old", entry(Date.now() - 8 * 24 * 3600e3));
		localStorage.setItem("kept " + tenant + " somebody@example.com letter", entry(Date.now()));
		localStorage.setItem("theirs", "stays")`))
	open(t, ctx, s.URL+"/jobs?q=secret")
	if n := get(t, ctx, chromedp.Evaluate[int](`localStorage.length`)); n != 2 {
		t.Errorf("%d things are kept within one organization", n)
	}
	press(t, ctx, "o")
	if got := focused(t, ctx); got != "switcher-search" {
		t.Fatalf("o leads to %q", got)
	}
	press(t, ctx, "quill")
	if n := count(t, ctx, ".switcher li:not([hidden])"); n != 1 {
		t.Errorf("%d organizations are found", n)
	}
	press(t, ctx, kb.Escape)
	if n := count(t, ctx, ".switcher[open]"); n != 0 {
		t.Error("Escape leaves it open")
	}
	press(t, ctx, "o")
	all := count(t, ctx, ".switcher li:not([hidden])")
	if all < 2 {
		t.Fatalf("%d organizations are offered", all)
	}
	press(t, ctx, kb.ArrowDown+kb.ArrowDown+kb.ArrowUp)
	if got := focused(t, ctx); !strings.Contains(got, "Owner") && !strings.Contains(got, "Admin") {
		t.Errorf("the arrows lead to %q", got)
	}
	press(t, ctx, kb.ArrowUp+"quill")
	pressThrough(t, ctx, kb.Enter)
	says(t, ctx, ".message", "You are now working in “Quillmoor Studio”.")
	// What was kept for one organization waits for it, and is told of nowhere else but by its name.
	if left := get(t, ctx, chromedp.Evaluate[string](`JSON.stringify([Object.keys(localStorage).sort(), sessionStorage])`)); left != `[["kept `+was+` mara@example.com letter","theirs"],{"htmx-current-path-for-history":"/jobs"}]` {
		t.Errorf("after the switch the browser keeps %s", left)
	}
	says(t, ctx, ".toast.away", "Text that you wrote in Brindlewick Collective was not saved.")
	do(t, ctx, chromedp.Click(chromedp.CSS(".toast.away > button")))
	open(t, ctx, s.URL+"/jobs")
	if n := count(t, ctx, ".toast.away"); n != 0 {
		t.Error("it is told again to somebody who wants to stay")
	}
	press(t, ctx, "g")
	pressThrough(t, ctx, "p")
	if at := here(t, ctx); !strings.HasSuffix(at, "/proposals") {
		t.Errorf("g p leads to %s", at)
	}
	press(t, ctx, "o")
	pressThrough(t, ctx, kb.Enter)
	if back := get(t, ctx, chromedp.Evaluate[string](`document.body.dataset.tenant`)); back != was {
		t.Errorf("o and Enter lead to %s, not back to %s", back, was)
	}
}

func TestTheSwitcherOffersInvitations(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, "user_demoBenOstrowen")
	open(t, ctx, s.URL+"/organizations/invitations")
	lookInAllSizes(t, ctx, "invitations")
	press(t, ctx, "o")
	until(t, ctx, "the invitation is there", `(document.querySelector(".guests")?.textContent ?? "").includes("Accept: Quillmoor Studio Member")`)
	step(t, ctx, 29, "switcher-invited")
	lookInAllSizes(t, ctx, "switcher-invited")
	open(t, ctx, s.URL+"/jobs")
	press(t, ctx, "o")
	until(t, ctx, "the invitation is there", `document.querySelector(".guests a") !== null`)
	press(t, ctx, "zzz")
	press(t, ctx, kb.Enter) // nothing has this in its name
	press(t, ctx, kb.Escape+"o"+kb.ArrowDown+kb.ArrowDown)
	if got := focused(t, ctx); got != "Accept: Quillmoor Studio Member" {
		t.Errorf("the arrows lead to %q", got)
	}
	pressThrough(t, ctx, kb.Enter)
	if at := here(t, ctx); at != s.URL+"/organizations" {
		t.Errorf("accepting leads to %s", at)
	}
	choose(t, ctx, "Quillmoor Studio")
	says(t, ctx, ".message", "You are now working in “Quillmoor Studio”.")
}

func TestTheSwitcherWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	do(t, ctx, call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	signIn(t, ctx, s, demo.People()[0].ID)
	if n := count(t, ctx, ".toast .dismiss, .switcher .field:not([hidden]), [data-keys]:not([hidden])"); n != 0 {
		t.Errorf("%d things are offered that need scripts, or scripts run", n)
	}
	choose(t, ctx, "Quillmoor Studio")
	says(t, ctx, ".message", "You are now working in “Quillmoor Studio”.")
}

func TestKeysDoNothingWhileSomebodyTypesOrWhenTheyAreOff(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/jobs")
	at := here(t, ctx)
	still := func(what string) {
		t.Helper()
		if here(t, ctx) != at || count(t, ctx, ".switcher[open], dialog[open]") != 0 {
			t.Errorf("%s: the keys do something", what)
		}
	}
	do(t, ctx, chromedp.Focus(chromedp.CSS("#q")))
	press(t, ctx, "go?p")
	still("in a field")
	if typed := get(t, ctx, chromedp.Evaluate[string](`document.querySelector("#q").value`)); typed != "go?p" {
		t.Errorf("what arrives in the field is %q", typed)
	}
	do(t, ctx, chromedp.Blur(chromedp.CSS("#q")))
	for _, held := range []string{"ctrlKey", "altKey", "metaKey"} {
		do(t, ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "o", %s: true, bubbles: true}))`, held)))
		still(held)
	}
	press(t, ctx, "?")
	says(t, ctx, "dialog.keys", "Choose the organization")
	press(t, ctx, "o")
	if count(t, ctx, ".switcher[open]") != 0 {
		t.Error("a key reaches the page behind the list")
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("#keys-off")), chromedp.Click(chromedp.CSS(".keys form button")))
	press(t, ctx, "o")
	still("turned off")
}

func TestAMessageIsDismissedByKeyboard(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	choose(t, ctx, "Brindlewick Collective")
	says(t, ctx, ".toast .message", "You are now working in")
	press(t, ctx, kb.Escape)
	if n := count(t, ctx, ".toast"); n != 0 {
		t.Error("Escape leaves the message")
	}
}

// call sends a command to the browser.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, command, params)
		return err
	})
}

// watch counts what moves and what the policy refuses, from the first byte of every page.
const watch = `window.moved = 0; window.refused = [];
	new PerformanceObserver(l => l.getEntries().forEach(e => { window.moved += e.value; })).observe({type: "layout-shift", buffered: true});
	document.addEventListener("securitypolicyviolation", e => window.refused.push(e.effectiveDirective + " " + e.blockedURI));`

// load is what a page costs.
type load struct {
	Requests, Scripts, Styles int
	Names                     []string
	Moved                     float64
	Refused                   []string
}

// weigh adds up what the page at hand has loaded, without what its modules ask later. It waits for a frame, so that what moves has moved.
const weigh = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
	const all = performance.getEntriesByType("resource"), sum = type => all.filter(e => new URL(e.name).pathname.endsWith(type)).reduce((n, e) => n + e.encodedBodySize, 0);
	done({Requests: all.filter(e => e.initiatorType !== "fetch").length + 1, Names: all.map(e => e.name), Scripts: sum(".js"), Styles: sum(".css"), Moved: window.moved, Refused: window.refused});
})))`

// The network is slow, so that pages arrive in parts: what a browser draws of the first must not be moved by the next.
func TestAPageIsLightAndNothingOnItMovesOrIsRefused(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/proposals?status=draft")
	click(t, ctx, "tbody a")
	editor := here(t, ctx)
	do(t, ctx, call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}), call(emulateNetwork, networkConditions{Latency: 5, Download: 15_000, Upload: -1}))
	for _, address := range []string{s.URL + "/jobs", s.URL + "/organizations", s.URL + "/jobs/import", s.URL + "/proposals", editor, s.URL + "/organization/isolation"} {
		for _, width := range widths {
			do(t, ctx, chromedp.EmulateViewport(width, 900))
			open(t, ctx, address)
			l := get(t, ctx, chromedp.Evaluate[load](weigh, chromedp.EvalAwaitPromise))
			if l.Requests > 5 || l.Scripts > 30_000 || l.Styles > 15_000 || l.Moved > 0 || len(l.Refused) > 0 {
				t.Errorf("%s at %d px: %+v", address, width, l)
			}
			if l.Requests < 4 || l.Scripts == 0 || l.Styles == 0 {
				t.Errorf("%s at %d px is not weighed: %+v", address, width, l)
			}
		}
	}
}

func TestAnAnswerToHtmxIsDrawnWholeAlsoWhenItIsARefusal(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/jobs")
	do(t, ctx, call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}))
	open(t, ctx, s.URL+"/jobs")
	// The form of the first row, sent by htmx, with a field more.
	send := func(more, options string) {
		t.Helper()
		do(t, ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`new Promise(done => {
			const button = document.querySelector(".row .decisions button"), form = button.form;
			document.addEventListener("htmx:afterSettle", () => done(), {once: true});
			htmx.ajax("POST", button.getAttribute("formaction"), {source: "#content", target: "#content",
				values: {...Object.fromEntries(new FormData(form, button)), ...%s}%s});
		})`, more, options), chromedp.EvalAwaitPromise))
	}
	send(`{tenant: "00000000-0000-0000-0000-000000000000"}`, "")
	says(t, ctx, "main#content h1", "This was written in another organization")
	if n := count(t, ctx, "main"); n != 1 {
		t.Errorf("the refusal has %d contents", n)
	}
	open(t, ctx, s.URL+"/jobs")
	send("{}", `, swap: "outerHTML", select: "#content"`)
	says(t, ctx, "main#content h1", "Jobs")
	if text := get(t, ctx, chromedp.Evaluate[string](`document.querySelector("#toasts .message")?.textContent ?? ""`)); text == "" {
		t.Error("what was written is not said")
	}
	if n := count(t, ctx, "#toasts .dismiss"); n != 1 {
		t.Errorf("the message has %d ways to be dismissed", n)
	}
	if got := get(t, ctx, chromedp.Evaluate[string](`JSON.stringify([window.refused, htmx.config.allowEval, htmx.config.includeIndicatorStyles, htmx.config.historyCacheSize])`)); got != "[[],false,false,0]" {
		t.Errorf("refused by the policy, and htmx's settings: %s", got)
	}
}

func TestWhatScriptsOpenIsAccessibleToo(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/jobs")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](axe))
	for _, theme := range themes {
		do(t, ctx, setTheme(theme))
		for what, key := range map[string]string{"the switcher": "o", "the list of keys": "?"} {
			press(t, ctx, key)
			step(t, ctx, 80, "open-"+theme+"-"+strings.ReplaceAll(what, " ", "-"))
			for _, finding := range check(t, ctx) {
				t.Errorf("%s, %s: %s", what, theme, finding)
			}
			press(t, ctx, kb.Escape)
			if count(t, ctx, "dialog[open], .switcher[open]") != 0 {
				t.Errorf("Escape leaves %s open", what)
			}
		}
	}
}
