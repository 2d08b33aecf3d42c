package e2e_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web"
)

// TestEveryErrorPageIsAccessible brings every kind of error about in a browser, and looks at its page.
func TestEveryErrorPageIsAccessible(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	conn := s.Connect(t, "postgres")
	sql := func(statement string) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	signIn(t, ctx, s, demo.People()[0].ID)
	choose(t, ctx, "Brindlewick Collective")
	open(t, ctx, s.URL+"/proposals?status=draft")
	draft := get(t, ctx, chromedp.Evaluate[string](`document.querySelector("tbody a").pathname`))
	choose(t, ctx, "Quillmoor Studio")
	open(t, ctx, s.URL+draft)
	says(t, ctx, "h1", "This is in Brindlewick Collective")
	lookInAllSizes(t, ctx, "own")
	click(t, ctx, "main form button")
	if at := here(t, ctx); at != s.URL+draft {
		t.Errorf("switching leads to %s", at)
	}
	// In this order: the last ones break what the first ones need.
	for _, e := range []struct{ name, page, selector, prepare, sql, heading string }{
		{"error-400", "/jobs/import", `form[action="/jobs/import"]`, `form.append(Object.assign(document.createElement("input"), {name: "another", value: "x"}))`, "", "This form was not understood"},
		{"error-400-sign-in", "/auth/callback?state=x", "", "", "", "Signing in did not work"},
		{"error-403", "/organizations", "main section form", `form.elements.token.value = "x"; form.elements.name.value = "Typed before"`, "", "This page is older than your sign-in"},
		{"error-405", "/organizations", "main section form", `form.action = "/jobs"`, "", "This address does not work that way"},
		{"error-409", draft, `form[action$="/move"]`, `form.elements.version.value = "999"`, "", "Changed meanwhile"},
		{"error-413", "/organizations", "main section form", `form.elements.name.removeAttribute("maxlength"); form.elements.name.value = "x".repeat(5e6)`, "", "Too large"},
		{"error-422", "/organizations", "main section form", `form.elements.name.value = " "`, "", "Organizations"},
		{"error-422-characters", "/jobs?q=go", ".keep form", `form.elements.address.value = "q=%00\u0000"; form.elements.name.value = "a\u0000b"`, "", "This cannot be done"},
		{"error-503", "/jobs/import", `form[action="/jobs/import"]`, `form.elements.text.value = "title\nA job\n"`, "UPDATE app.fence SET state = 'read_only'", "Read only for a moment"},
		{"error-500", "/proposals", "", "", "ALTER TABLE proposals RENAME COLUMN letter TO letter_away; ALTER TABLE proposals RENAME COLUMN status TO status_away", "Something went wrong here"},
	} {
		if e.selector == "" {
			sql(e.sql)
			open(t, ctx, s.URL+e.page)
		} else {
			open(t, ctx, s.URL+e.page)
			sql(e.sql)
			submit(t, ctx, e.selector, e.prepare)
		}
		says(t, ctx, "h1", e.heading)
		lookInAllSizes(t, ctx, e.name)
	}
	do(t, ctx, call(network.ClearBrowserCookies, cdp.Empty{}))
	open(t, ctx, s.URL+"/signed-out")
	lookInAllSizes(t, ctx, "signed-out")
}

// submit sends the form that selector finds, after it has been prepared, as it would not send itself.
func submit(t *testing.T, ctx context.Context, selector, prepare string) {
	t.Helper()
	if _, err := chromedp.RunResponse(ctx, chromedp.Evaluate[chromedp.Void](`{
		const form = document.querySelector(`+"`"+selector+"`"+`);
		`+prepare+`;
		form.noValidate = true;
		form.requestSubmit(form.querySelector("button:not([type=button])"));
	}`)); err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
}

func TestThePageOfThoseWhoAskTooOftenIsAccessible(t *testing.T) {
	t.Parallel()
	s, ctx := start(t, func(o *web.Options) { o.RateLimit = 5 }), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	open(t, ctx, s.URL+"/jobs")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`(async () => {
		for (let answers = []; !answers.includes(429); ) answers = await Promise.all(Array.from({length: 20}, () => fetch("/organizations").then(a => a.status)));
	})()`, chromedp.EvalAwaitPromise))
	open(t, ctx, s.URL+"/jobs")
	says(t, ctx, "h1", "A moment, please")
	lookInAllSizes(t, ctx, "error-429")
}
