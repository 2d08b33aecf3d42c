package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"upwork-ai-agent/db/demo"
)

// press sends keys to wherever the focus is.
func press(t *testing.T, ctx context.Context, keys string) {
	t.Helper()
	do(t, ctx, chromedp.KeyEvent(keys))
}

// pressThrough presses a key and waits until the page that it leads to has been read.
func pressThrough(t *testing.T, ctx context.Context, keys string) {
	t.Helper()
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(keys)); err != nil {
		t.Fatalf("press %q: %v", keys, err)
	}
}

func focused(t *testing.T, ctx context.Context) string {
	t.Helper()
	return get(t, ctx, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.textContent.trim()`))
}

func TestTheSwitcherByKeyboardOnly(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	signIn(t, ctx, s, demo.People()[0].ID)
	was := get(t, ctx, chromedp.Evaluate[string](`document.body.dataset.tenant`))
	do(t, ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`localStorage.setItem("kept %s x@example.com letter", "of one"); localStorage.setItem("theirs", "stays")`, was)))
	press(t, ctx, "o")
	if got := focused(t, ctx); got != "switcher-search" {
		t.Fatalf("o leads to %q", got)
	}
	press(t, ctx, "brindle")
	if n := count(t, ctx, ".switcher li:not([hidden])"); n != 1 {
		t.Errorf("%d organizations are found", n)
	}
	press(t, ctx, kb.Escape)
	if n := count(t, ctx, ".switcher[open]"); n != 0 {
		t.Error("Escape leaves it open")
	}
	press(t, ctx, "o")
	all := count(t, ctx, ".switcher li:not([hidden])")
	if all < 2 {
		t.Fatalf("%d organizations are offered", all)
	}
	press(t, ctx, kb.ArrowDown+kb.ArrowDown+kb.ArrowUp)
	if got := focused(t, ctx); !strings.Contains(got, "Owner") && !strings.Contains(got, "Admin") {
		t.Errorf("the arrows lead to %q", got)
	}
	press(t, ctx, kb.ArrowUp+"brindle")
	pressThrough(t, ctx, kb.Enter)
	says(t, ctx, ".message", "You are now working in “Brindlewick Collective”.")
	if left := get(t, ctx, chromedp.Evaluate[string](`JSON.stringify([localStorage, sessionStorage])`)); left != `[{"theirs":"stays"},{"htmx-current-path-for-history":"/jobs"}]` {
		t.Errorf("after the switch the browser keeps %s", left)
	}
	press(t, ctx, "g")
	pressThrough(t, ctx, "p")
	if at := here(t, ctx); !strings.HasSuffix(at, "/proposals") {
		t.Errorf("g p leads to %s", at)
	}
}
