package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"upwork-ai-agent/db/demo"
)

// step keeps a picture of where the test is, when pictures are wanted.
func step(t *testing.T, ctx context.Context, number int, name string) {
	t.Helper()
	if dir := os.Getenv("SHOTS"); dir != "" {
		shoot(t, ctx, filepath.Join(dir, fmt.Sprintf("main-%02d-%s.png", number, name)))
	}
}

func count(t *testing.T, ctx context.Context, selector string) int {
	t.Helper()
	return get(t, ctx, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", selector)))
}

func says(t *testing.T, ctx context.Context, selector, want string) {
	t.Helper()
	if got := get(t, ctx, chromedp.Text(chromedp.CSS(selector))); !strings.Contains(got, want) {
		t.Errorf("%s says %q, want %q", selector, got, want)
	}
}

// choose opens the switcher and works in another organization.
func choose(t *testing.T, ctx context.Context, organization string) {
	t.Helper()
	do(t, ctx, chromedp.Click(chromedp.CSS(".switcher summary")))
	step(t, ctx, 90, "switcher-"+strings.Fields(organization)[0])
	n := get(t, ctx, chromedp.Evaluate[int](fmt.Sprintf(`[...document.querySelectorAll(".switcher button .name")].findIndex(e => e.textContent === %q) + 1`, organization)))
	click(t, ctx, fmt.Sprintf(".switcher li:nth-child(%d) button", n))
}

func TestTheMainJobInABrowser(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	fixture, err := filepath.Abs("../../app/upwork/testdata/vollna_webhook.json")
	if err != nil {
		t.Fatal(err)
	}

	signIn(t, ctx, s, demo.People()[0].ID)
	choose(t, ctx, "Brindlewick Collective")
	says(t, ctx, ".message", "You are now working in “Brindlewick Collective”.")

	click(t, ctx, ".bar a.button")
	do(t, ctx, chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{fixture}))
	click(t, ctx, "main form button")
	says(t, ctx, "h1", "What importing would do")
	says(t, ctx, ".counts", "2 new")
	step(t, ctx, 1, "preview")
	click(t, ctx, "main form button")
	says(t, ctx, ".message", "Imported: 2 new.")

	open(t, ctx, s.URL+`/jobs?q="tenant-aware billing API"`)
	step(t, ctx, 2, "found")
	click(t, ctx, ".row h2 a")
	says(t, ctx, "h1", "Go developer for a tenant-aware billing API")
	job := here(t, ctx)
	click(t, ctx, ".actions-card .primary")
	proposal := here(t, ctx)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#letter"), "MERIDIAN. Last year I moved a billing API to one database."),
		chromedp.SendKeys(chromedp.CSS("#answer-0"), "Since 9.5."), chromedp.SendKeys(chromedp.CSS("#answer-1"), "Monday."),
		chromedp.SetValue(chromedp.CSS("#bid"), "hourly"), chromedp.SendKeys(chromedp.CSS("#bid_amount"), "65"))
	click(t, ctx, "form:has(#letter) .primary")
	says(t, ctx, ".message", "The proposal was saved.")
	step(t, ctx, 3, "written")
	click(t, ctx, "form:has(input[value=submitted]) button")
	says(t, ctx, ".bar .badge", "Submitted")

	choose(t, ctx, "Quillmoor Studio")
	open(t, ctx, s.URL+`/jobs?q="tenant-aware billing API"`)
	if n := count(t, ctx, ".row"); n != 0 {
		t.Errorf("Quillmoor finds %d jobs of Brindlewick", n)
	}
	step(t, ctx, 4, "other-organization")
	for _, address := range []string{job, proposal} {
		open(t, ctx, address)
		says(t, ctx, "h1", "This is in Brindlewick Collective")
		if text := get(t, ctx, chromedp.Evaluate[string](`document.querySelector("main").innerText`)); strings.Contains(text, "billing") {
			t.Errorf("%s shows %q", address, text)
		}
	}
	step(t, ctx, 5, "own")
}
