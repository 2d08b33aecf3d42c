// Package lighthouse_test has Google's Lighthouse judge the two pages that are open all day. `make lighthouse` runs it.
package lighthouse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/chromedp/chromedp"

	"upwork-ai-agent/app/command"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web/webtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	version = "12.8.2" // the last that runs on Node 20
	least   = 95       // of 100, in every category
)

var categories = []string{"performance", "accessibility", "best-practices"}

// devices are Lighthouse's own: a slow telephone on a slow network, and a computer.
var devices = map[string][]string{"telephone": nil, "computer": {"--preset=desktop"}}

// verdict is what we read of a report.
type verdict struct {
	Categories map[string]struct {
		Score     *float64 // 0 to 1; null when it could not be judged
		AuditRefs []struct {
			ID     string
			Weight float64
		}
	}
	Audits map[string]struct {
		Title, DisplayValue string
		Score               *float64
		Details             json.RawMessage
	}
	FinalDisplayedURL string
	RuntimeError      *struct{ Message string }
}

// BenchmarkLighthouse signs in to the demo, and fails when a page gets less than it must.
func BenchmarkLighthouse(b *testing.B) {
	d := dbtest.Own(b)
	if err := demo.Load(b.Context(), d.DB, time.Now(), io.Discard); err != nil {
		b.Fatal(err)
	}
	s := webtest.Start(b, d, command.SandboxSeed())
	profile := b.TempDir()
	pages := map[string]string{"jobs": s.URL + "/jobs", "editor": signIn(b, profile, s.URL)}
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "page\tdevice\t"+strings.Join(categories, "\t"))
	for page, address := range pages {
		for device, options := range devices {
			v := judge(b, address, profile, options)
			fmt.Fprintf(w, "%s\t%s", page, device)
			for _, c := range categories {
				score := v.Categories[c].Score
				if score == nil {
					b.Fatalf("%s, %s: %s was not judged", page, device, c)
				}
				fmt.Fprintf(w, "\t%.0f", *score*100)
				if *score*100 < least {
					b.Errorf("%s, %s: %s is %.0f, and must be %d:%s", page, device, c, *score*100, least, v.faults(c))
				}
			}
			fmt.Fprintln(w)
		}
	}
	_ = w.Flush() // into memory
	b.Logf("Lighthouse %s\n%s", version, table.String())
	b.ReportMetric(0, "ns/op") // how long it took says nothing
}

// chromium is where Debian and Google put it.
func chromium(b *testing.B) string {
	b.Helper()
	for _, path := range []string{"/usr/bin/chromium", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	b.Fatal("chromium is missing; `make lighthouse` installs it")
	return ""
}

// signIn signs in through the sandbox, in a browser of its own that leaves the cookie in dir, and returns the address of an editor.
func signIn(b *testing.B, dir, site string) string {
	b.Helper()
	alloc, stop := chromedp.NewExecAllocator(b.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.ExecPath(chromium(b)), chromedp.UserDataDir(dir))...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	for _, steps := range [][2]string{
		{site + "/sign-in", `form:has(input[value="` + demo.People()[0].ID + `"]) button`},
		{site + "/proposals?status=draft", "tbody a"},
	} {
		if _, err := chromedp.RunResponse(ctx, chromedp.Navigate(steps[0])); err != nil {
			b.Fatal(err)
		}
		if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(steps[1]))); err != nil {
			b.Fatal(err)
		}
	}
	editor, err := chromedp.Run(ctx, chromedp.Location())
	if err = errors.Join(err, chromedp.Cancel(ctx)); err != nil { // it writes the cookie down as it closes
		b.Fatal(err)
	}
	return editor
}

// judge runs Lighthouse on an address, as whoever is signed in with the profile. That is kept, so that the cookie is; what the
// browser has loaded before is not, so that a first visit is judged.
func judge(b *testing.B, address, profile string, options []string) verdict {
	b.Helper()
	if err := os.RemoveAll(filepath.Join(profile, "Default", "Cache")); err != nil {
		b.Fatal(err)
	}
	c := exec.Command("npx", append([]string{"--yes", "lighthouse@" + version, address, "--quiet", "--output=json", "--output-path=stdout",
		"--only-categories=" + strings.Join(categories, ","), "--disable-storage-reset",
		"--chrome-flags=--headless=new --no-sandbox --disable-gpu --user-data-dir=" + profile}, options...)...)
	c.Dir, c.Env = b.TempDir(), append(os.Environ(), "CHROME_PATH="+chromium(b)) // it leaves nothing in our folder
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		b.Fatalf("lighthouse: %v\n%s", err, said.String())
	}
	var v verdict
	if err := json.Unmarshal(out, &v); err != nil {
		b.Fatal(err)
	}
	if v.RuntimeError != nil {
		b.Fatalf("%s: %s", address, v.RuntimeError.Message)
	}
	if v.FinalDisplayedURL != address {
		b.Fatalf("%s led to %s", address, v.FinalDisplayedURL)
	}
	return v
}

// faults are what takes points away in a category.
func (v verdict) faults(category string) string {
	var text strings.Builder
	for _, ref := range v.Categories[category].AuditRefs {
		if a := v.Audits[ref.ID]; ref.Weight > 0 && a.Score != nil && *a.Score < 1 {
			fmt.Fprintf(&text, "\n  %s: %.2f %s %s %.600s", ref.ID, *a.Score, a.Title, a.DisplayValue, a.Details)
		}
	}
	return text.String()
}
