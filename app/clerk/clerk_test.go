package clerk

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
)

const (
	testFrontend = "https://clerk.lab.test"
	testOrigin   = "https://app.lab.test"
)

var testNow = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// signingKey is generated once: making one costs more than all tests together.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// instance is a Backend API that serves keys, and whatever else a test adds, and the client of it.
type instance struct {
	*Client
	mux     *http.ServeMux
	fetches atomic.Int64 // of keys
	down    atomic.Bool  // keys are answered with 503
	clock   atomic.Int64 // seconds since testNow
}

func publishable(kind, host string) string {
	return "pk_" + kind + "_" + base64.StdEncoding.EncodeToString([]byte(host+"$"))
}

// start makes an instance of a kind: test or live.
func start(t testing.TB, kind string) *instance {
	t.Helper()
	i := &instance{mux: http.NewServeMux()}
	i.mux.HandleFunc("GET /v1/jwks", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &signingKey().PublicKey, KeyID: "ins_1", Algorithm: "RS256", Use: "sig"}}})
	})
	server := httptest.NewServer(i.mux)
	t.Cleanup(server.Close)
	c, err := New(Config{SecretKey: "sk_" + kind + "_x", PublishableKey: publishable(kind, "clerk.lab.test"), APIURL: server.URL, BaseURL: testOrigin,
		Now: func() time.Time { return testNow.Add(time.Duration(i.clock.Load()) * time.Second) }})
	if err != nil {
		t.Fatal(err)
	}
	i.Client = c
	return i
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

// token signs claims with the key that the instance publishes, under header values that replace the usual ones.
func token(t testing.TB, claims map[string]any, headers map[jose.HeaderKey]any) string {
	t.Helper()
	return sign(t, signingKey(), claims, headers)
}

func sign(t testing.TB, key *rsa.PrivateKey, claims any, headers map[jose.HeaderKey]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": "ins_1", "typ": "JWT", "cat": "cl_B7d4PD111AAA"}}
	for k, v := range headers {
		if options.ExtraHeaders[k] = v; v == nil {
			delete(options.ExtraHeaders, k)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// good are the claims of a session token that is right in every way, with changes; nil removes a claim.
func good(changes map[string]any) map[string]any {
	now := testNow.Unix()
	claims := map[string]any{"v": 2, "iss": testFrontend, "azp": testOrigin, "sub": "user_1", "sid": "sess_1", "sts": "active",
		"iat": now, "nbf": now - 10, "exp": now + 60, "o": map[string]any{"id": "org_1", "slg": "one", "rol": "admin"}}
	for k, v := range changes {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	return claims
}

func TestNewNamesTheFieldThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	sandbox := publishable("test", "127.0.0.1:4000")
	for name, tt := range map[string]struct {
		change func(*Config)
		field  string // empty: is taken
	}{
		"a whole configuration":                 {func(*Config) {}, ""},
		"no secret key":                         {func(c *Config) { c.SecretKey = "" }, "SecretKey"},
		"the publishable key as the secret one": {func(c *Config) { c.SecretKey = c.PublishableKey }, "SecretKey"},
		"a secret key with a line break":        {func(c *Config) { c.SecretKey += "\n" }, "SecretKey"},
		"a test and a live key":                 {func(c *Config) { c.SecretKey = "sk_test_x" }, "SecretKey"},
		"no publishable key":                    {func(c *Config) { c.PublishableKey = "" }, "PublishableKey"},
		"half a publishable key":                {func(c *Config) { c.PublishableKey = c.PublishableKey[:14] }, "PublishableKey"},
		"a publishable key with a path in it":   {func(c *Config) { c.PublishableKey = publishable("live", "evil.test/clerk.lab.test") }, "PublishableKey"},
		"a publishable key with a user in it":   {func(c *Config) { c.PublishableKey = publishable("live", "clerk.lab.test@evil.test") }, "PublishableKey"},
		"a live key of this machine":            {func(c *Config) { c.PublishableKey = publishable("live", "127.0.0.1:4000") }, "PublishableKey"},
		"the sandbox behind a public address":   {func(c *Config) { c.SecretKey, c.PublishableKey = "sk_test_x", sandbox }, "PublishableKey"},
		"the sandbox on this machine": {func(c *Config) {
			c.SecretKey, c.PublishableKey, c.BaseURL = "sk_test_x", sandbox, "http://localhost:8080"
		}, ""},
		"no address of ours":                      {func(c *Config) { c.BaseURL = "" }, "BaseURL"},
		"an address of ours with a path":          {func(c *Config) { c.BaseURL += "/app" }, "BaseURL"},
		"a Backend API in the clear":              {func(c *Config) { c.APIURL = "http://api.example.com" }, "APIURL"},
		"a Backend API in the clear at localhost": {func(c *Config) { c.APIURL = "http://127.0.0.1:9/v1/" }, ""},
		"a Backend API that is no address":        {func(c *Config) { c.APIURL = "api.clerk.com" }, "APIURL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := Config{SecretKey: "sk_live_x", PublishableKey: publishable("live", "clerk.lab.test"), BaseURL: testOrigin}
			tt.change(&config)

			_, err := New(config)

			var bad *ConfigError
			if errors.As(err, &bad); (err == nil) != (tt.field == "") || bad != nil && bad.Field != tt.field {
				t.Errorf("got %v, want a complaint about %q", err, tt.field)
			}
		})
	}
}

func TestOurOriginIsWrittenAsABrowserDoes(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://App.Lab.test/": "https://app.lab.test", "https://app.lab.test:443": "https://app.lab.test",
		"https://app.lab.test:8443": "https://app.lab.test:8443", "http://localhost:80": "http://localhost",
	} {
		if got, err := appOrigin(base, testFrontend); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", base, got, err, want)
		}
	}
}

func TestHostedPagesAreFoundByTheKey(t *testing.T) {
	t.Parallel()
	for frontend, want := range map[string]string{
		"https://happy-cat-12.clerk.accounts.dev": "https://happy-cat-12.accounts.dev",
		"https://clerk.example.com":               "https://accounts.example.com",
		"http://127.0.0.1:4000":                   "http://127.0.0.1:4000",
	} {
		c := &Client{accounts: hostedPages(frontend)}
		u, err := url.Parse(c.SignInURL("https://app.example.com/auth/callback?state=a&b=c"))
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Scheme + "://" + u.Host; got != want || u.Path != "/sign-in" {
			t.Errorf("%s: got %s, want it at %s", frontend, u, want)
		}
		if got := u.Query().Get("redirect_url"); got != "https://app.example.com/auth/callback?state=a&b=c" {
			t.Errorf("%s: comes back to %s", frontend, got)
		}
	}
}
