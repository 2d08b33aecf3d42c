//go:build contract

package sandbox_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Clerk's own JavaScript library is the judge of what the sandbox says. It is no dependency, so this runs on demand only:
//
//	npm install --prefix /tmp/judge @clerk/backend@3.25.0
//	JUDGE=/tmp/judge go test -tags contract -run Contract ./app/clerk/sandbox
func TestContractWithClerksOwnLibrary(t *testing.T) {
	judge := os.Getenv("JUDGE")
	if judge == "" {
		t.Fatal("JUDGE names the directory where @clerk/backend is installed")
	}
	script, err := os.ReadFile("testdata/contract.mjs")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(judge, "contract.mjs") // modules are looked for beside the script
	if err := os.WriteFile(copied, script, 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBackend(t, seed)
	cookie := b.enter("user_zoe")
	secret, publishable := b.Keys()

	node := exec.CommandContext(t.Context(), "node", copied)
	node.Env = append(os.Environ(), "API="+b.URL(), "SECRET="+secret, "PUBLISHABLE="+publishable,
		"BY_TOKEN="+b.comeBack(cookie, "token"), "BY_NONCE="+b.comeBack(cookie, "nonce"))
	out, err := node.CombinedOutput()

	if t.Logf("%s", out); err != nil {
		t.Error(err)
	}
}

// comeBack is the address to which a handshake sends a browser.
func (b *backend) comeBack(cookie, format string) string {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.URL()+"/v1/client/handshake?format="+format+"&redirect_url=http://localhost:1/cb", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "__client", Value: cookie})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	response.Body.Close()
	return response.Header.Get("Location")
}
