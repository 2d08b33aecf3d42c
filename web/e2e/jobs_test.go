package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"upwork-ai-agent/db/demo"
)

func TestTheJobsListByKeyboardOnly(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/jobs?triage=new")
	title := func(n string) string {
		return get(t, ctx, chromedp.Evaluate[string](`document.querySelector(".row:nth-child(`+n+`) h2").textContent.trim()`))
	}
	first, second, third := title("1"), title("2"), title("3")
	press(t, ctx, "j")
	if got := focused(t, ctx); got != first {
		t.Errorf("j leads to %q, want %q", got, first)
	}
	press(t, ctx, "jjk")
	if got := focused(t, ctx); got != second {
		t.Errorf("jjjk leads to %q, want %q", got, second)
	}
	press(t, ctx, "xj")
	press(t, ctx, "x")
	if n := count(t, ctx, ".tick :checked"); n != 2 {
		t.Errorf("x ticked %d rows", n)
	}
	pressThrough(t, ctx, "e")
	says(t, ctx, ".message", "2 jobs were archived.")
	if got := title("1") + title("2"); got != first+title("2") || strings.Contains(got, second) || strings.Contains(got, third) {
		t.Errorf("the list begins with %q", got)
	}
	press(t, ctx, "j")
	pressThrough(t, ctx, "s")
	says(t, ctx, ".message", "1 job was shortlisted.")
	press(t, ctx, "/")
	if got := focused(t, ctx); got != "q" {
		t.Errorf("/ leads to %q", got)
	}
	open(t, ctx, s.URL+"/jobs?triage=new")
	press(t, ctx, "ja")
	if got := focused(t, ctx); got != "assign-to" {
		t.Errorf("a leads to %q", got)
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#tick-all").click()`))
	if all, ticked := count(t, ctx, ".tick input"), count(t, ctx, ".tick :checked"); all == 0 || all != ticked {
		t.Errorf("%d of %d rows are ticked", ticked, all)
	}
	open(t, ctx, s.URL+"/jobs?triage=new")
	want := title("1")
	press(t, ctx, "j")
	pressThrough(t, ctx, "o")
	says(t, ctx, "h1", want)
}

func TestANoteThatWasNotSavedIsThereAgain(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/jobs?triage=new")
	click(t, ctx, ".row h2 a")
	job := here(t, ctx)
	field := `form[action$="/notes"] textarea`
	typed := func() string {
		return get(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).value`, field)))
	}
	do(t, ctx, chromedp.SendKeys(chromedp.CSS(field), "half a thought"))
	open(t, ctx, s.URL+"/proposals")
	open(t, ctx, job)
	if got := typed(); got != "half a thought" {
		t.Errorf("after leaving the page the note is %q", got)
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`(async () => {
		const form = document.querySelector('form[action="/sign-out"]');
		await fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual"});
	})()`, chromedp.EvalAwaitPromise)) // as another tab would
	click(t, ctx, `form[action$="/notes"] button`)
	says(t, ctx, "h1", "You are signed out")
	if shown := get(t, ctx, chromedp.Evaluate[string](`document.querySelector("main textarea").value`)); shown != "half a thought" {
		t.Errorf("the page that refuses it shows %q", shown)
	}
	click(t, ctx, `main a[href^="/sign-in"]`)
	click(t, ctx, `form:has(input[value="`+demo.People()[0].ID+`"]) button`)
	if at, got := here(t, ctx), typed(); at != job || got != "half a thought" {
		t.Errorf("signed in again at %s the note is %q", at, got)
	}
	step(t, ctx, 31, "note-again")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](axe))
	for _, finding := range check(t, ctx) {
		t.Errorf("a job with a note that waits: %s", finding)
	}
	click(t, ctx, `form[action$="/notes"] button[type=submit]`)
	says(t, ctx, ".message", "The note was added.")
	says(t, ctx, ".notes", "half a thought")
	if n := kept(t, ctx); n != 0 || typed() != "" {
		t.Errorf("%d texts stay in the browser, and the field has %q", n, typed())
	}
	lookInAllSizes(t, ctx, "job-noted")

	// What is thrown away does not come again.
	do(t, ctx, chromedp.SendKeys(chromedp.CSS(field), "nothing worth"))
	open(t, ctx, job)
	do(t, ctx, chromedp.Click(chromedp.CSS(`form[action$="/notes"] .soft button`)))
	open(t, ctx, job)
	if n := kept(t, ctx); n != 0 || typed() != "" {
		t.Errorf("thrown away, %d texts stay, and the field has %q", n, typed())
	}
}
