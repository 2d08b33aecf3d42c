package e2e_test

import (
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
		"invalid":      `document.querySelector("#bid_amount").value = "a lot"`,
	} {
		open(t, ctx, s.URL+"/proposals?status=draft")
		click(t, ctx, "tbody a")
		do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), "What I typed. "), chromedp.Evaluate[chromedp.Void](prepare))
		click(t, ctx, "form:has(#letter) .primary")
		lookInAllSizes(t, ctx, name)
	}
}
