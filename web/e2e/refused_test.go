package e2e_test

import (
	"fmt"
	"path"
	"testing"

	"github.com/chromedp/chromedp"

	"upwork-ai-agent/db/demo"
)

// TestThePagesOfRefusedFormsHoldToo looks at the pages that only a form leads to, and that cannot be opened again.
func TestThePagesOfRefusedFormsHoldToo(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	choose(t, ctx, "Brindlewick Collective")
	for name, prepare := range map[string]string{
		"conflict":     `document.querySelector("form:has(#letter) [name=version]").value = "0"`,
		"wrong-tenant": `document.querySelector("form:has(#letter) [name=tenant]").value = [...document.querySelectorAll(".switcher button")].find(b => !b.hasAttribute("aria-current")).value`,
		"damaged":      `document.querySelector("form:has(#letter) [name=version]").value = "x"`,
		"invalid":      `document.querySelector("#bid_amount").value = "a lot"`,
	} {
		open(t, ctx, s.URL+"/proposals?status=draft")
		click(t, ctx, "tbody a")
		do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), "What I typed. "), chromedp.Evaluate[chromedp.Void](prepare))
		click(t, ctx, "form:has(#letter) .primary")
		lookInAllSizes(t, ctx, name)
	}
}

// TestThePagesOfRefusedFormsThatAreGoneHoldToo looks at pages that keep what was typed into a form that they do not have: the
// job or the proposal has moved on.
func TestThePagesOfRefusedFormsThatAreGoneHoldToo(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	choose(t, ctx, "Brindlewick Collective")
	const long, fitting = 16, 6 // sentences
	for name, c := range map[string]struct {
		triage    string
		sentences int
	}{"reason-refused": {"shortlisted", long}, "reason-refused-archived": {"archived", long}, "reason-second": {"skipped", fitting}} {
		open(t, ctx, s.URL+"/jobs?triage=new")
		click(t, ctx, ".row h2 a")
		do(t, ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`reason.maxLength = 1000; reason.value = "They want it for nothing, by tomorrow. ".repeat(%d).trim()`, c.sentences)))
		id := path.Base(here(t, ctx))
		if _, err := s.Connect(t, "postgres").Exec(ctx, "UPDATE jobs SET triage = $1 WHERE id = $2", c.triage, id); err != nil {
			t.Fatal(err)
		}
		click(t, ctx, "form:has(#reason) button")
		lookInAllSizes(t, ctx, name)
	}
	open(t, ctx, s.URL+"/proposals?status=hired")
	click(t, ctx, "tbody a")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`for (const [name, value] of [["contract_value", "a lot"], ["note", "They have signed, and they pay after the first week."]])
		document.querySelector("form:has([value=archived])").append(Object.assign(document.createElement("input"), {type: "hidden", name, value}))`))
	click(t, ctx, "form:has([value=archived]) button")
	lookInAllSizes(t, ctx, "move-refused")
}
