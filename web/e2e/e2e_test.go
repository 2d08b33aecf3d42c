// Package e2e opens the app in a real browser, for what only a browser shows. Everything else is tested without one.
package e2e_test

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"upwork-ai-agent/app/command"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// axe is axe-core 4.10.3 (MPL-2.0, https://github.com/dequelabs/axe-core).
//
//go:embed testdata/axe.min.js
var axe string

// start runs the app over the demo, with what tune changes of its options.
func start(t *testing.T, tune ...func(*web.Options)) *webtest.Site {
	t.Helper()
	d := dbtest.Own(t)
	if err := demo.Load(t.Context(), d.DB, time.Now(), io.Discard); err != nil {
		t.Fatal(err)
	}
	return webtest.Start(t, d, command.SandboxSeed(), tune...)
}

// browser opens Chromium. Its own background traffic is off: the tests reach nothing but this machine.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	for _, path := range []string{"/usr/bin/chromium", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(path); err == nil {
			options = append(options, chromedp.ExecPath(path))
			break
		}
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	// The first call opens the browser, which lives as long as its context: the limit comes after it. It is generous: a busy
	// machine draws slowly.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("no browser (on Debian: apt-get install chromium): %v", err)
	}
	limited, done := context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(done)
	return limited
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func get[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// click follows a link or sends a form, and waits until the next page has been read.
func click(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		t.Fatalf("click %s: %v", selector, err)
	}
}

// open goes to an address and waits until it has been read.
func open(t *testing.T, ctx context.Context, address string) {
	t.Helper()
	if _, err := chromedp.RunResponse(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("open %s: %v", address, err)
	}
}

func here(t *testing.T, ctx context.Context) string {
	t.Helper()
	return get(t, ctx, chromedp.Location())
}

// signIn goes through the sandbox's page as a person and returns that page's address.
func signIn(t *testing.T, ctx context.Context, s *webtest.Site, person string) (hosted string) {
	t.Helper()
	open(t, ctx, s.URL+"/sign-in")
	hosted = here(t, ctx)
	click(t, ctx, `form:has(input[value="`+person+`"]) button`)
	return hosted
}

// tour opens every kind of page once and returns their addresses by name.
func tour(t *testing.T, ctx context.Context, s *webtest.Site) map[string]string {
	t.Helper()
	at := map[string]string{"sandbox": signIn(t, ctx, s, demo.People()[0].ID)}
	for name, path := range map[string]string{
		"organizations": "/organizations", "jobs": "/jobs", "jobs-none": "/jobs?q=nothingmatchesthis&pay=x&country=Atlantis",
		"import": "/jobs/import", "proposals": "/proposals", "board": "/proposals?view=board", "change": "/jobs/change?do=archived&address=triage%3D", "not-found": "/jobs/00000000-0000-0000-0000-000000000000",
		"audit": "/organization/audit", "isolation": "/organization/isolation", "isolation-week": "/organization/isolation?period=7d",
	} {
		at[name] = s.URL + path
	}
	for name, path := range map[string][2]string{
		"job": {"/jobs", ".row h2 a"}, "editor": {"/proposals?status=draft", "tbody a"}, "hired": {"/proposals?status=hired", "tbody a"},
	} {
		open(t, ctx, s.URL+path[0])
		click(t, ctx, path[1])
		at[name] = here(t, ctx)
	}
	at["history"] = at["hired"] + "/history"
	open(t, ctx, at["import"])
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#text"), "title,budget,link\nA job,300 USD,\n,5,\n"))
	click(t, ctx, "main form button")
	if at["import-result"] = here(t, ctx); at["import-result"] == at["import"] {
		t.Fatalf("the import was not previewed: %s", get(t, ctx, chromedp.Text(chromedp.CSS("main"))))
	}
	return at
}

// themes and widths in which every page must hold.
var (
	themes = []string{"light", "dark"}
	widths = []int64{1280, 360}
)

func setTheme(theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			// Without motion: a colour on its way from one theme to the other is neither.
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
}

func TestEveryPageIsAccessibleInBothThemesAndFitsASmallScreen(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	pages := tour(t, ctx, s)
	lookAt(t, ctx, map[string]string{"isolation-none": pages["isolation"]})
	happen(t, s)
	lookAt(t, ctx, pages)
	fail(t, s)
	lookAt(t, ctx, map[string]string{"isolation-broken": pages["isolation"]})
}

// lookAt opens every page and looks at it.
func lookAt(t *testing.T, ctx context.Context, pages map[string]string) {
	t.Helper()
	for name, address := range pages {
		open(t, ctx, address)
		lookInAllSizes(t, ctx, name)
	}
}

// lookInAllSizes runs axe on the page as it stands, in every theme and width, with what is folded away unfolded: that must
// hold too.
func lookInAllSizes(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	do(t, ctx, chromedp.Evaluate[chromedp.Void](axe))
	for _, theme := range themes {
		for _, width := range widths {
			do(t, ctx, chromedp.EmulateViewport(width, 900), setTheme(theme), fold(true))
			if shots := os.Getenv("SHOTS"); shots != "" {
				shoot(t, ctx, filepath.Join(shots, fmt.Sprintf("%s-%s-%d.png", name, theme, width)))
			}
			do(t, ctx, fold(false))
			if get(t, ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
				t.Errorf("%s is wider than %d px", name, width)
			}
			for _, finding := range check(t, ctx) {
				t.Errorf("%s, %s, %d px: %s", name, theme, width, finding)
			}
		}
	}
}

// fold folds what can be folded on the page, or unfolds it.
func fold(away bool) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelectorAll("main details").forEach(d => d.open = %t)`, !away))
}

// check runs axe, which is on the page already.
func check(t *testing.T, ctx context.Context) []string {
	t.Helper()
	return get(t, ctx, chromedp.Evaluate[[]string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary).slice(0, 3).join(" | ")))`, chromedp.EvalAwaitPromise))
}

// shoot keeps a picture of the first screens of a page.
func shoot(t *testing.T, ctx context.Context, file string) {
	t.Helper()
	picture := get(t, ctx, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
