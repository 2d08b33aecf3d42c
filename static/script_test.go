package static

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// htmx.js is dist/htmx.min.js of the npm package htmx.org 2.0.11, byte for byte; htmx.LICENSE is its licence.
const htmxDigest = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"

func TestHtmxIsWhatItsMakersPublished(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("htmx.js")
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	if got := hex.EncodeToString(digest[:]); got != htmxDigest || !bytes.Contains(content, []byte(`version:"2.0.11"`)) {
		t.Errorf("htmx.js is %s", got)
	}
	licence, err := os.ReadFile("htmx.LICENSE")
	if err != nil || !bytes.Contains(licence, []byte("Zero-Clause BSD")) {
		t.Errorf("its licence: %.40s, %v", licence, err)
	}
}

// modules are our own scripts by name.
func modules(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(files, "*.js")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		if name != "htmx.js" {
			all[name] = string(served[URL(name)].content)
		}
	}
	return all
}

func TestAModuleImportsWhatBelongsToIt(t *testing.T) {
	t.Parallel()
	lines := regexp.MustCompile(`(?m)^import\b.*"([^"\n]*)"`)
	for name, content := range modules(t) {
		for _, m := range lines.FindAllStringSubmatch(content, -1) {
			if _, ok := served[m[1]]; !ok {
				t.Errorf("%s imports %s", name, m[1])
			}
		}
	}
}

func TestOurModulesAreSmallAndBuildNoMarkupFromText(t *testing.T) {
	t.Parallel()
	for name, content := range modules(t) {
		if n := strings.Count(content, "\n"); n > 300 {
			t.Errorf("%s has %d lines", name, n)
		}
		for _, forbidden := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "cssText", `"style"`, "http:", "https:"} {
			if strings.Contains(content, forbidden) {
				t.Errorf("%s has %s", name, forbidden)
			}
		}
	}
}

func packed(name string) int { return len(served[URL(name)].packed) }

func TestWhatEveryPageLoadsIsLight(t *testing.T) {
	t.Parallel()
	scripts := packed("htmx.js") + packed("app.js")
	styles := packed("app.css")
	t.Logf("compressed: %d bytes of scripts, %d of styles", scripts, styles)
	// Of the 30 kB that the jobs list may load, its own module has 7.
	if scripts > 23_000 {
		t.Errorf("scripts: %d bytes", scripts)
	}
	if styles > 15_000 {
		t.Errorf("styles: %d bytes", styles)
	}
}
