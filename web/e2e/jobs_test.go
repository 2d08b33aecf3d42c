package e2e_test

import (
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
