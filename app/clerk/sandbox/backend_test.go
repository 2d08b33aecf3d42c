package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"upwork-ai-agent/app/clerk/sandbox"
)

// backend is a sandbox with a clock that a test moves, and calls of its Backend API.
type backend struct {
	*sandbox.Server
	t     *testing.T
	clock atomic.Int64 // seconds from now
}

func newBackend(t *testing.T, s sandbox.Seed) *backend {
	t.Helper()
	b := &backend{t: t}
	began := time.Now()
	var err error
	b.Server, err = sandbox.Start(sandbox.Options{AppOrigin: "http://localhost:1", Seed: s,
		Now: func() time.Time { return began.Add(time.Duration(b.clock.Load()) * time.Second) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(t.Context()) })
	return b
}

// call returns the status and the decoded body of a call under a key; empty is the right one.
func (b *backend) call(method, path, body, authorization string) (int, map[string]any) {
	b.t.Helper()
	r, err := http.NewRequest(method, b.URL()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if secret, _ := b.Keys(); authorization == "" {
		authorization = "Bearer " + secret
	}
	r.Header.Set("Authorization", authorization)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	decoded := map[string]any{"location": response.Header.Get("Location"), "cookie": response.Header.Get("Set-Cookie")}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &decoded); err != nil {
			b.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return response.StatusCode, decoded
}

func TestErrorsHaveClerksShape(t *testing.T) {
	t.Parallel()
	b := newBackend(t, seed)
	for _, tt := range []struct {
		method, path, body, authorization string
		status                            int
		code                              string
	}{
		{"GET", "/v1/jwks", "", "Bearer sk_test_wrong", 401, "clerk_key_invalid"},
		{"GET", "/v1/jwks", "", "Basic x", 401, "authorization_header_format_invalid"},
		{"GET", "/v1/users/user_nobody", "", "", 404, "resource_not_found"},
		{"GET", "/v1/users/user_nobody/organization_memberships", "", "", 404, "resource_not_found"},
		{"GET", "/v1/organizations/org_none", "", "", 404, "resource_not_found"},
		{"GET", "/v1/organizations/org_none/memberships", "", "", 404, "resource_not_found"},
		{"GET", "/v1/sessions/sess_none", "", "", 404, "resource_not_found"},
		{"POST", "/v1/sessions/sess_none/revoke", "", "", 404, "resource_not_found"},
		{"GET", "/v1/clients/handshake_payload?nonce=none", "", "", 404, "resource_not_found"},
		{"GET", "/v1/what/there/is/not", "", "", 404, "resource_not_found"},
		{"GET", "/v1/users/user_zoe/organization_memberships?limit=501", "", "", 422, "form_param_format_invalid"},
		{"GET", "/v1/users/user_zoe/organization_memberships?limit=0", "", "", 422, "form_param_format_invalid"},
		{"GET", "/v1/users/user_zoe/organization_memberships?offset=-1", "", "", 422, "form_param_format_invalid"},
		{"POST", "/v1/organizations", "{", "", 400, "request_body_invalid"},
		{"POST", "/v1/organizations", `{"name":" ","created_by":"user_zoe"}`, "", 422, "form_param_missing"},
		{"POST", "/v1/organizations", `{"name":"` + strings.Repeat("é", 257) + `","created_by":"user_zoe"}`, "", 422, "form_param_max_length_exceeded"},
		{"POST", "/v1/organizations", `{"name":"A","created_by":"user_nobody"}`, "", 404, "resource_not_found"},
		{"POST", "/v1/organizations", `{"name":"A","slug":"alpha","created_by":"user_zoe"}`, "", 422, "form_identifier_exists"},
		{"POST", "/v1/organizations", `{"name":"` + strings.Repeat("x", 100<<10) + `"}`, "", 400, "request_body_invalid"},
	} {
		status, body := b.call(tt.method, tt.path, tt.body, tt.authorization)
		code := ""
		if list, ok := body["errors"].([]any); ok && len(list) == 1 {
			code = list[0].(map[string]any)["code"].(string)
		}
		if status != tt.status || code != tt.code || body["clerk_trace_id"] == "" {
			t.Errorf("%s %s: got %d %v, want %d %s", tt.method, tt.path, status, body, tt.status, tt.code)
		}
	}
}

func TestListsComeInPagesOfTenThatDoNotOverlap(t *testing.T) {
	t.Parallel()
	big := sandbox.Seed{Organizations: []sandbox.Organization{{ID: "org_big", Name: "Big", Members: map[string]string{}}}}
	for n := range 23 {
		id := fmt.Sprintf("user_%02d", n)
		big.People = append(big.People, sandbox.Person{ID: id, Name: id})
		big.Organizations[0].Members[id] = "org:member"
		big.Organizations = append(big.Organizations, sandbox.Organization{ID: fmt.Sprintf("org_%02d", n), Members: map[string]string{"user_00": "org:admin"}})
	}
	b := newBackend(t, big)
	for _, path := range []string{"/v1/organizations/org_big/memberships", "/v1/users/user_00/organization_memberships"} {
		seen := map[string]bool{}
		for _, page := range []struct {
			query string
			want  int
		}{{"", 10}, {"?offset=10", 10}, {"?offset=20&limit=500", 4}, {"?offset=24", 0}} {
			status, body := b.call("GET", path+page.query, "", "")
			data, _ := body["data"].([]any)
			// Twenty-three are members of the big one; the first of them is in twenty-four.
			if path == "/v1/organizations/org_big/memberships" && page.want == 4 {
				page.want = 3
			}
			if status != 200 || data == nil || len(data) != page.want {
				t.Errorf("%s%s: got %d with %d, want %d", path, page.query, status, len(data), page.want)
			}
			for _, m := range data {
				seen[m.(map[string]any)["id"].(string)] = true
			}
		}
		if _, body := b.call("GET", path, "", ""); body["total_count"] != float64(len(seen)) {
			t.Errorf("%s: saw %d of %v", path, len(seen), body["total_count"])
		}
	}
}

// enter signs somebody in and returns the browser's cookie.
func (b *backend) enter(person string) string {
	b.t.Helper()
	form := url.Values{"redirect_url": {"http://localhost:1/"}, "user_id": {person}}
	r, err := http.NewRequest(http.MethodPost, b.URL()+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	response.Body.Close()
	for _, ck := range response.Cookies() {
		if ck.Name == "__client" && ck.HttpOnly && ck.SameSite == http.SameSiteLaxMode {
			return ck.Value
		}
	}
	b.t.Fatalf("no cookie: %d %v", response.StatusCode, response.Header)
	return ""
}

// handshake returns the directives by name that a browser with a cookie brings to the app.
func (b *backend) handshake(cookie, query string) map[string]string {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.URL()+"/v1/client/handshake?format=nonce&redirect_url=http://localhost:1/cb"+query, nil)
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
	to, err := response.Location()
	if err != nil || response.StatusCode != http.StatusTemporaryRedirect {
		b.t.Fatalf("%d %v", response.StatusCode, err)
	}
	path := "/v1/clients/handshake_payload?nonce=" + to.Query().Get("__clerk_handshake_nonce")
	_, body := b.call("GET", path, "", "")
	if status, _ := b.call("GET", path, "", ""); status != http.StatusNotFound {
		b.t.Errorf("a nonce was taken twice: %d", status)
	}
	values := map[string]string{}
	lines, _ := body["directives"].([]any)
	for _, line := range lines {
		ck, err := http.ParseSetCookie(line.(string))
		if err != nil {
			b.t.Fatal(err)
		}
		values[ck.Name] = ck.Value
	}
	return values
}

func TestANonceIsGoodForAMinute(t *testing.T) {
	t.Parallel()
	b := newBackend(t, seed)
	_, body := b.call("GET", "/v1/client/handshake?format=nonce&redirect_url=http://localhost:1/", "", "")
	to, err := url.Parse(body["location"].(string))
	if err != nil {
		t.Fatal(err)
	}
	b.clock.Store(61)
	if status, _ := b.call("GET", "/v1/clients/handshake_payload?nonce="+to.Query().Get("__clerk_handshake_nonce"), "", ""); status != http.StatusNotFound {
		t.Errorf("got %d", status)
	}
}

func TestASessionLastsSevenDays(t *testing.T) {
	t.Parallel()
	b := newBackend(t, seed)
	cookie := b.enter("user_zoe")
	b.clock.Store(7*24*3600 - 5)
	if got := b.handshake(cookie, ""); got["__session"] == "" || got["__client_uat"] == "0" {
		t.Errorf("before: %v", got)
	}
	b.clock.Store(7*24*3600 + 5)
	if got := b.handshake(cookie, ""); got["__session"] != "" || got["__client_uat"] != "0" || got["__clerk_db_jwt"] == "" {
		t.Errorf("after: %v", got)
	}
}

func TestSuffixedCookiesAreHandedOverWhenAskedFor(t *testing.T) {
	t.Parallel()
	b := newBackend(t, seed)
	cookie := b.enter("user_zoe")
	if got := b.handshake(cookie, "&suffixed_cookies=false"); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	got := b.handshake(cookie, "&suffixed_cookies=true&__clerk_db_jwt=dvb_mine")
	if len(got) != 6 || got["__clerk_db_jwt"] != "dvb_mine" {
		t.Errorf("got %v", got)
	}
}

func TestWhatIsMadeIsBounded(t *testing.T) {
	t.Parallel()
	b := newBackend(t, seed)
	first := b.enter("user_zoe")
	b.clock.Store(1) // the test's clock stands still: the first shall be older than the others
	for range 1100 {
		b.enter("user_abe")
	}
	if got := b.handshake(first, ""); got["__session"] != "" {
		t.Error("the oldest of a thousand sessions is still kept")
	}
	for range 998 {
		if status, body := b.call("POST", "/v1/organizations", `{"name":"A","created_by":"user_zoe"}`, ""); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
	}
	if status, _ := b.call("POST", "/v1/organizations", `{"name":"A","created_by":"user_zoe"}`, ""); status != http.StatusForbidden {
		t.Errorf("organization 1001 was made: %d", status)
	}
}

func TestAnInvitationIsAcceptedOnceByWhoeverItIsFor(t *testing.T) {
	t.Parallel()
	b := newBackend(t, sandbox.Seed{
		People:        []sandbox.Person{{ID: "user_zoe", Email: "zoe@example.com", Name: "Zoe"}, {ID: "user_abe", Email: "abe@example.com", Name: "Abe"}},
		Organizations: []sandbox.Organization{{ID: "org_a", Name: "Alpha", Slug: "alpha", CreatedBy: "user_zoe", Members: map[string]string{"user_zoe": "org:admin"}, Invited: map[string]string{"user_abe": "org:viewer"}}},
	})
	pending := func(person string) []any {
		_, body := b.call(http.MethodGet, "/v1/users/"+person+"/organization_invitations?status=pending", "", "")
		return body["data"].([]any)
	}
	if n := len(pending("user_zoe")); n != 0 {
		t.Errorf("%d invitations of somebody else", n)
	}
	all := pending("user_abe")
	if len(all) != 1 {
		t.Fatalf("%d invitations", len(all))
	}
	address := strings.TrimPrefix(all[0].(map[string]any)["url"].(string), b.URL())
	for path, want := range map[string]string{"/v1/tickets/accept": "failed", "/v1/tickets/accept?ticket=orginv_azoe": "failed", address: "complete"} {
		if status, body := b.call(http.MethodGet, path, "", ""); status != http.StatusSeeOther || body["location"] != "http://localhost:1/?__clerk_status="+want {
			t.Errorf("%s: %d to %v", path, status, body["location"])
		}
	}
	if _, body := b.call(http.MethodGet, address, "", ""); body["location"] != "http://localhost:1/?__clerk_status=failed" || len(pending("user_abe")) != 0 {
		t.Errorf("accepted again: %v", body["location"])
	}
	if _, body := b.call(http.MethodGet, "/v1/users/user_abe/organization_memberships", "", ""); body["total_count"] != 1.0 {
		t.Errorf("abe is in %v organizations", body["total_count"])
	}
}
