package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web/webtest"
)

// networkConditions are those of https://chromedevtools.github.io/devtools-protocol/tot/Network/#method-emulateNetworkConditions,
// which the library no longer knows and the browsers of distributions still do.
type networkConditions struct {
	Offline  bool    `json:"offline"`
	Latency  float64 `json:"latency"`
	Download float64 `json:"downloadThroughput"`
	Upload   float64 `json:"uploadThroughput"`
}

var emulateNetwork = cdp.Command[networkConditions, cdp.Empty]{Method: "Network.emulateNetworkConditions"}

// offline takes the network away from a browser's tab, or gives it back.
func offline(t *testing.T, ctx context.Context, off bool) {
	t.Helper()
	do(t, ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulateNetwork, networkConditions{Offline: off, Download: -1, Upload: -1})
		return err
	}))
}

// until waits for an expression of the page to be true.
func until(t *testing.T, ctx context.Context, what, expression string) {
	t.Helper()
	for range 150 {
		if get(t, ctx, chromedp.Evaluate[bool](expression)) {
			return
		}
		do(t, ctx, chromedp.Sleep(100*time.Millisecond))
	}
	t.Fatalf("never: %s; the page says %q", what, get(t, ctx, chromedp.Text(chromedp.CSS("main"))))
}

func state(words string) string {
	return fmt.Sprintf("document.querySelector('.state [role=status]').textContent.startsWith(%q)", words)
}

func letter(t *testing.T, ctx context.Context) string {
	t.Helper()
	return get(t, ctx, chromedp.Evaluate[string](`document.querySelector("#letter").value`))
}

// retype writes over the letter that is there.
func retype(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#letter").value = ""`), chromedp.SendKeys(chromedp.CSS("#letter"), text))
}

// kept is how many texts of ours the browser keeps.
func kept(t *testing.T, ctx context.Context) int {
	t.Helper()
	return get(t, ctx, chromedp.Evaluate[int](`Object.keys(localStorage).filter(k => k.startsWith("kept ")).length`))
}

// write signs in, and opens the editor of a draft of the person's own organization.
func write(t *testing.T, ctx context.Context, s *webtest.Site, person, organization string) string {
	t.Helper()
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	signIn(t, ctx, s, person)
	choose(t, ctx, organization)
	open(t, ctx, s.URL+"/proposals?status=draft")
	click(t, ctx, "tbody a")
	return here(t, ctx)
}

func TestWhatIsTypedIsSavedByItselfAndSurvivesAReload(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	editor := write(t, ctx, s, demo.People()[0].ID, "Quillmoor Studio")
	retype(t, ctx, "Typed and never sent 👋")
	says(t, ctx, "#count-letter", "23 of 5,000 characters")
	says(t, ctx, ".first", "Typed and never sent")
	until(t, ctx, "it is saved", state("Saved"))
	step(t, ctx, 20, "editor-saved")
	if n := kept(t, ctx); n != 0 {
		t.Errorf("%d texts stay in the browser after saving", n)
	}
	open(t, ctx, editor)
	if got := letter(t, ctx); got != "Typed and never sent 👋" {
		t.Errorf("after a reload the letter is %q", got)
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = async (text) => { window.copied = text }`)) // asks for no permission
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-copy=letter]")))
	until(t, ctx, "it is copied", `window.copied === "Typed and never sent 👋" && `+state("Copied"))
	// The button saves over what was saved by itself: that is no conflict.
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), ", and more"))
	until(t, ctx, "it is saved", state("Saved"))
	click(t, ctx, "#editor .primary")
	says(t, ctx, ".message", "The proposal was saved.")
}

func TestALostNetworkKeepsWhatIsTypedInThisBrowserUntilItIsSaved(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	editor := write(t, ctx, s, demo.People()[0].ID, "Quillmoor Studio")
	offline(t, ctx, true)
	retype(t, ctx, "written in a tunnel")
	until(t, ctx, "it says that it is offline", state("Offline, kept in this browser"))
	step(t, ctx, 21, "editor-offline")
	if n := kept(t, ctx); n != 1 {
		t.Errorf("%d texts are kept", n)
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("proposal-editor").remove()`)) // as a crash would: it saves nothing more
	offline(t, ctx, false)
	open(t, ctx, editor)
	if got := letter(t, ctx); got == "written in a tunnel" {
		t.Fatal("it was saved after all: this test tests nothing")
	}
	until(t, ctx, "it is offered", `!document.querySelector(".card.kept").hidden`)
	step(t, ctx, 22, "editor-offered")
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-take]")))
	until(t, ctx, "it is saved", state("Saved"))
	if n := kept(t, ctx); n != 0 {
		t.Errorf("%d texts stay in the browser after saving", n)
	}
	open(t, ctx, editor)
	if got := letter(t, ctx); got != "written in a tunnel" {
		t.Errorf("the letter is %q", got)
	}

	// It comes back by itself too, and nothing of it outlasts the session.
	offline(t, ctx, true)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), ", and out of it"))
	until(t, ctx, "it says that it is offline", state("Offline"))
	offline(t, ctx, false)
	until(t, ctx, "it is saved when the network is back", state("Saved"))
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`localStorage.setItem("kept x y proposal z", "of another organization")`))
	open(t, ctx, s.URL+"/jobs")
	if n := kept(t, ctx); n != 0 {
		t.Errorf("%d texts of others stay in the browser", n)
	}
	open(t, ctx, editor)
	offline(t, ctx, true)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), " left"))
	until(t, ctx, "it says that it is offline", state("Offline"))
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("proposal-editor").remove()`)) // or it would ask whether to leave
	offline(t, ctx, false)
	do(t, ctx, chromedp.Click(chromedp.CSS(".person summary")))
	click(t, ctx, `form[action="/sign-out"] button`)
	if n := kept(t, ctx); n != 0 {
		t.Errorf("%d texts stay in the browser after signing out", n)
	}
}

func TestTwoBrowsersAreToldOfEachOtherAndOfTheirConflict(t *testing.T) {
	t.Parallel()
	s, ana, ben := start(t), browser(t), browser(t)
	editor := write(t, ana, s, demo.People()[0].ID, "Quillmoor Studio")
	colleague := ""
	for _, o := range demo.Organizations(time.Now()) {
		for _, m := range o.Members {
			if o.Name == "Quillmoor Studio" && m.Person.ID != demo.People()[0].ID && m.Role != "viewer" {
				colleague = m.Person.ID
			}
		}
	}
	write(t, ben, s, colleague, "Quillmoor Studio")
	open(t, ben, editor)
	until(t, ben, "he is told who is here", `document.querySelector("proposal-editor > .here").textContent.endsWith("is here too")`)

	retype(t, ben, "the letter of the second")
	until(t, ben, "it is saved", state("Saved"))
	retype(t, ana, "the letter of the first")
	until(t, ana, "she is told", state("Somebody else changed this"))
	if got := letter(t, ana); got != "the letter of the first" {
		t.Errorf("her letter is %q", got)
	}
	step(t, ana, 23, "editor-conflict")
	click(t, ana, ".refused button")
	says(t, ana, "h1", "Somebody saved while you were writing")
	step(t, ana, 24, "conflict")
	do(t, ana, chromedp.Evaluate[chromedp.Void](axe))
	for _, finding := range check(t, ana) {
		t.Errorf("the conflict: %s", finding)
	}
	do(t, ana, chromedp.Click(chromedp.CSS("#theirs-letter")))
	click(t, ana, ".merge .primary")
	if got := letter(t, ana); got != "the letter of the second" {
		t.Errorf("chosen was theirs, and the letter is %q", got)
	}
	open(t, ana, editor+"/history")
	step(t, ana, 25, "history")
	do(t, ana, chromedp.Evaluate[chromedp.Void](axe))
	for _, finding := range check(t, ana) {
		t.Errorf("the history: %s", finding)
	}
}

func TestTheEditorOfAnotherOrganizationKeepsItsTextAndLeadsBack(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	editor := write(t, ctx, s, demo.People()[0].ID, "Quillmoor Studio")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`(async () => {
		const form = document.querySelector('.switcher form'), body = new URLSearchParams(new FormData(form));
		body.set("tenant_id", [...form.querySelectorAll("button")].find(b => !b.hasAttribute("aria-current")).value);
		await fetch(form.action, {method: "POST", body, redirect: "manual"});
	})()`, chromedp.EvalAwaitPromise)) // as another tab would
	retype(t, ctx, "for Quillmoor only")
	until(t, ctx, "it is refused", `document.querySelector(".refused").textContent.includes("This was written in Quillmoor Studio")`)
	step(t, ctx, 26, "editor-wrong-tenant")
	if n := count(t, ctx, ".refused form, .refused a"); n != 2 || letter(t, ctx) != "for Quillmoor only" || kept(t, ctx) != 1 {
		t.Errorf("%d ways out, the letter is %q, %d texts in the browser", n, letter(t, ctx), kept(t, ctx))
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(".refused form button")))
	until(t, ctx, "it is saved", state("Saved"))
	open(t, ctx, editor)
	if got := letter(t, ctx); got != "for Quillmoor only" {
		t.Errorf("back in Quillmoor the letter is %q", got)
	}
}

func TestASessionThatEndedLeavesTheTextAndLeadsBackToIt(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/proposals?status=draft")
	click(t, ctx, "tbody a")
	editor := here(t, ctx)
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`(async () => {
		const form = document.querySelector('form[action="/sign-out"]');
		await fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual"});
	})()`, chromedp.EvalAwaitPromise)) // as another tab would
	retype(t, ctx, "after the end")
	until(t, ctx, "it is refused", `document.querySelector(".refused").textContent.includes("You are signed out")`)
	step(t, ctx, 27, "editor-signed-out")
	if got := letter(t, ctx); got != "after the end" {
		t.Errorf("the letter is %q", got)
	}
	click(t, ctx, `.refused a[href^="/sign-in"]`)
	click(t, ctx, `form:has(input[value="`+demo.People()[0].ID+`"]) button`)
	if got := here(t, ctx); got != editor {
		t.Errorf("signing in led to %s", got)
	}
	until(t, ctx, "it is offered", `document.querySelector(".card.kept").hidden === false`)
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-take]")))
	until(t, ctx, "it is saved", state("Saved"))
	open(t, ctx, editor)
	if got := letter(t, ctx); got != "after the end" {
		t.Errorf("signed in again the letter is %q", got)
	}
}

func TestATextWaitsInItsOrganizationWhileThePersonIsInAnother(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	editor := write(t, ctx, s, demo.People()[0].ID, "Quillmoor Studio")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`(async () => {
		const form = document.querySelector('form[action="/sign-out"]');
		await fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual"});
	})()`, chromedp.EvalAwaitPromise)) // as another tab would
	retype(t, ctx, "waiting for Quillmoor")
	until(t, ctx, "it is refused", `document.querySelector(".refused").textContent.includes("You are signed out")`)
	signIn(t, ctx, s, demo.People()[0].ID)
	choose(t, ctx, "Brindlewick Collective")
	says(t, ctx, ".toast.away", "Text that you wrote in Quillmoor Studio was not saved.")
	if strings.Contains(get(t, ctx, chromedp.Text(chromedp.CSS("body"))), "waiting for Quillmoor") {
		t.Error("the text itself is shown in another organization")
	}
	step(t, ctx, 28, "kept-elsewhere")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](axe))
	for _, finding := range check(t, ctx) {
		t.Errorf("with a text waiting elsewhere: %s", finding)
	}
	open(t, ctx, editor) // a link to it leads nowhere here
	says(t, ctx, ".toast.away", "Quillmoor Studio")
	click(t, ctx, ".toast.away form button")
	if got := here(t, ctx); got != editor {
		t.Errorf("the way back leads to %s", got)
	}
	until(t, ctx, "it is offered", `document.querySelector(".card.kept").hidden === false`)
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-take]")))
	until(t, ctx, "it is saved", state("Saved"))
	if n := kept(t, ctx); n != 0 {
		t.Errorf("%d texts stay in the browser", n)
	}
	open(t, ctx, editor)
	if got := letter(t, ctx); got != "waiting for Quillmoor" {
		t.Errorf("the letter is %q", got)
	}
}

func TestTheEditorWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	do(t, ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	b := s.Browser(t) // the colleague
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/proposals?status=draft")
	click(t, ctx, "tbody a")
	editor := here(t, ctx)
	b.SignIn(demo.People()[0].ID)
	theirs := b.Get(strings.TrimPrefix(editor, s.URL))
	b.Submit(theirs, "#editor", map[string][]string{"letter": {"saved by the other"}})
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), "mine"))
	click(t, ctx, "#editor .primary")
	says(t, ctx, "h1", "Somebody saved while you were writing")
	do(t, ctx, chromedp.Click(chromedp.CSS("#theirs-letter")))
	click(t, ctx, ".merge .primary")
	says(t, ctx, ".message", "The proposal was saved.")
	says(t, ctx, ".first", "saved by the other")
}
