package e2e_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web/webtest"
)

// tabTo presses Tab until the focus is on what selector finds, as somebody without a mouse does.
func tabTo(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	for range 150 {
		if get(t, ctx, chromedp.Evaluate[bool](`!!document.activeElement?.matches(`+strconv.Quote(selector)+`)`)) {
			return
		}
		press(t, ctx, kb.Tab)
	}
	t.Fatalf("Tab does not lead to %s on %s", selector, here(t, ctx))
}

// heard waits until a screen reader is told a text: by a live region that was there before.
func heard(t *testing.T, ctx context.Context, region, text string) {
	t.Helper()
	until(t, ctx, text+" is announced", `[...document.querySelectorAll(`+strconv.Quote(region)+`)].some(e => e.closest("[role=status], [role=alert], [aria-live]") && e.textContent.includes(`+strconv.Quote(text)+`))`)
}

func TestTheWholeJobByKeyboardOnly(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	open(t, ctx, s.URL+"/sign-in")
	tabTo(t, ctx, `form:has(input[value="`+demo.People()[0].ID+`"]) button`)
	pressThrough(t, ctx, kb.Enter)

	press(t, ctx, "o")
	press(t, ctx, "brindle")
	pressThrough(t, ctx, kb.Enter)
	says(t, ctx, ".message", "You are now working in “Brindlewick Collective”.")
	heard(t, ctx, "#live", "You are now working in")

	press(t, ctx, "g")
	pressThrough(t, ctx, "j")
	press(t, ctx, "/")
	pressThrough(t, ctx, `"Progressive web app for field staff"`+kb.Enter)
	press(t, ctx, "j")
	title := focused(t, ctx)
	pressThrough(t, ctx, "s")
	says(t, ctx, ".message", "1 job was shortlisted.")
	heard(t, ctx, "#live", "1 job was shortlisted.")

	press(t, ctx, "j")
	pressThrough(t, ctx, "o")
	says(t, ctx, "h1", title)
	tabTo(t, ctx, `form[action="/proposals"] button`)
	pressThrough(t, ctx, kb.Enter)
	tabTo(t, ctx, "#letter")
	press(t, ctx, "Written without a mouse.")
	heard(t, ctx, ".state [role=status]", "Saved")
	tabTo(t, ctx, "#bid")
	press(t, ctx, "h") // a list takes the first letter of what it holds
	tabTo(t, ctx, "#bid_amount")
	press(t, ctx, "65")
	for n := range count(t, ctx, "textarea[name^=answer-]") {
		do(t, ctx, chromedp.Focus(chromedp.CSS("#letter")))
		tabTo(t, ctx, "#answer-"+strconv.Itoa(n))
		press(t, ctx, "An answer.")
	}
	tabTo(t, ctx, "#editor .primary")
	pressThrough(t, ctx, kb.Enter)
	says(t, ctx, ".message", "The proposal was saved.")
	heard(t, ctx, "#live", "The proposal was saved.")
	tabTo(t, ctx, "form:has(input[value=submitted]) button")
	pressThrough(t, ctx, kb.Enter)
	says(t, ctx, ".bar .badge", "Submitted")
	proposal := here(t, ctx)

	press(t, ctx, "o")
	press(t, ctx, "quill")
	pressThrough(t, ctx, kb.Enter)
	says(t, ctx, ".message", "You are now working in “Quillmoor Studio”.")
	open(t, ctx, proposal)
	says(t, ctx, "h1", "This is in Brindlewick Collective")
}

// withoutScripts turns JavaScript off in a tab.
func withoutScripts(t *testing.T, ctx context.Context) {
	t.Helper()
	do(t, ctx, call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

func TestTheWholeJobWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	do(t, ctx, chromedp.EmulateViewport(360, 900))
	withoutScripts(t, ctx)
	signIn(t, ctx, s, demo.People()[0].ID)
	choose(t, ctx, "Brindlewick Collective")
	says(t, ctx, ".message", "You are now working in “Brindlewick Collective”.")

	click(t, ctx, ".bar a.button")
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#text"), "title,description\nGo developer without scripts,A job that needs none.\n"))
	click(t, ctx, "main form button")
	says(t, ctx, ".counts", "1 new")
	click(t, ctx, "main form button")
	says(t, ctx, ".message", "Imported: 1 new.")

	open(t, ctx, s.URL+"/jobs")
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#q"), `"without scripts"`))
	click(t, ctx, ".filter .actions .primary")
	if n := count(t, ctx, ".row"); n != 1 {
		t.Fatalf("%d jobs are found", n)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(".tick input")))
	click(t, ctx, "#change button[value=shortlisted]")
	says(t, ctx, ".message", "1 job was shortlisted.")
	click(t, ctx, ".row h2 a")
	says(t, ctx, "h1", "Go developer without scripts")
	finish(t, ctx, s)
}

// finish writes a proposal for the job at hand, sends it, and leaves the organization.
func finish(t *testing.T, ctx context.Context, s *webtest.Site) {
	t.Helper()
	click(t, ctx, ".actions-card .primary")
	proposal := here(t, ctx)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), "Written without scripts."), chromedp.SendKeys(chromedp.CSS("#bid_amount"), "a lot"))
	click(t, ctx, "#editor .primary")
	says(t, ctx, ".problem.summary", "Some fields need another look.")
	if got := letter(t, ctx); got != "Written without scripts." {
		t.Errorf("the letter is %q", got)
	}
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#bid"), "hourly"), chromedp.SetValue(chromedp.CSS("#bid_amount"), "65"))
	click(t, ctx, "#editor .primary")
	says(t, ctx, ".message", "The proposal was saved.")
	click(t, ctx, "form:has(input[value=submitted]) button")
	says(t, ctx, ".bar .badge", "Submitted")
	choose(t, ctx, "Quillmoor Studio")
	says(t, ctx, ".message", "You are now working in “Quillmoor Studio”.")
	open(t, ctx, proposal)
	says(t, ctx, "h1", "This is in Brindlewick Collective")
	do(t, ctx, chromedp.Click(chromedp.CSS(".person summary")))
	click(t, ctx, `form[action="/sign-out"] button`)
	if at := here(t, ctx); !strings.HasSuffix(at, "/signed-out") {
		t.Errorf("signing out leads to %s", at)
	}
}
