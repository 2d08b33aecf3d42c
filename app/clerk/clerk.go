// Package clerk is the adapter over Clerk: who has signed in, and in which organizations they are. Clerk vouches for a
// person once, at the door; afterwards our own session carries them. The package hardens what the SDK (clerk-sdk-go v2.4.2)
// leaves open, and never uses its package-global key or backend.
package clerk

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/organization"
	"github.com/clerk/clerk-sdk-go/v2/session"
	"github.com/clerk/clerk-sdk-go/v2/user"
)

// Config says which Clerk instance to talk to.
type Config struct {
	SecretKey      string           // sk_test_… or sk_live_…
	PublishableKey string           // pk_test_… or pk_live_…, of the same kind; it names the Frontend API
	APIURL         string           // Backend API; empty is Clerk's own
	BaseURL        string           // our origin: the only authorized party of a token
	HTTPClient     *http.Client     // whose transport and time-out to use; nil is a client with a time-out of 10 s
	Now            func() time.Time // nil is the clock
}

// ConfigError says which field of a Config cannot be used, and why.
type ConfigError struct{ Field, Message string }

// Error names the field.
func (e *ConfigError) Error() string { return "clerk: " + e.Field + " " + e.Message }

// Client is one Clerk instance. It is safe for concurrent use.
type Client struct {
	frontend    string // origin of the Frontend API, which is also the issuer of tokens
	accounts    string // origin of the hosted pages
	party       string // our origin
	development bool
	suffix      string // of cookies, by publishable key
	now         func() time.Time
	keys        *keySet
	backend     sdk.Backend
	users       *user.Client
	orgs        *organization.Client
	sessions    *session.Client
}

// New checks the configuration and makes a client. It does not call Clerk. The error is a *ConfigError.
func New(c Config) (*Client, error) {
	frontend, err := frontendAPI(c.PublishableKey)
	if err != nil {
		return nil, err
	}
	development := strings.HasPrefix(c.PublishableKey, "pk_test_")
	if err := checkSecret(c.SecretKey, development); err != nil {
		return nil, err
	}
	party, err := appOrigin(c.BaseURL, frontend)
	if err != nil {
		return nil, err
	}
	api, err := apiURL(c.APIURL)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	config := &sdk.ClientConfig{BackendConfig: sdk.BackendConfig{Key: &c.SecretKey, URL: &api, HTTPClient: hardened(c.HTTPClient)}}
	fetch := jwks.NewClient(config)
	return &Client{
		frontend: frontend, accounts: hostedPages(frontend), party: party, development: development,
		suffix: cookieSuffix(c.PublishableKey), now: c.Now,
		keys:    newKeySet(c.Now, func(ctx context.Context) (*sdk.JSONWebKeySet, error) { return fetch.Get(ctx, &jwks.GetParams{}) }),
		backend: sdk.NewBackend(&config.BackendConfig),
		users:   user.NewClient(config), orgs: organization.NewClient(config), sessions: session.NewClient(config),
	}, nil
}

// frontendAPI is the origin that a publishable key names: its rest is the host in base64, ended by a dollar sign.
func frontendAPI(key string) (string, error) {
	rest, test := strings.CutPrefix(key, "pk_test_")
	live := false
	if !test {
		rest, live = strings.CutPrefix(key, "pk_live_")
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
	host, ended := strings.CutSuffix(string(raw), "$")
	if !test && !live || err != nil || !ended || !isHost(host) {
		return "", &ConfigError{"PublishableKey", "is not one of Clerk's (pk_test_… or pk_live_…, whole)"}
	}
	if !loopbackIP(host) {
		return "https://" + host, nil
	}
	if live {
		return "", &ConfigError{"PublishableKey", "is a live one of a server on this machine, which could only be reached in the clear"}
	}
	return "http://" + host, nil // the sandbox
}

// isHost tells whether text is a host with or without a port and nothing else.
func isHost(text string) bool {
	u, err := url.Parse("https://" + text)
	return err == nil && u.Host == text && u.Hostname() != ""
}

func loopbackIP(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func checkSecret(key string, development bool) error {
	test, live := strings.HasPrefix(key, "sk_test_"), strings.HasPrefix(key, "sk_live_")
	switch {
	case !test && !live:
		return &ConfigError{"SecretKey", "does not begin with sk_test_ or sk_live_"}
	case strings.ContainsAny(key, " \t\r\n"):
		return &ConfigError{"SecretKey", "contains a space or a line break"}
	case test != development:
		return &ConfigError{"SecretKey", "and PublishableKey are of different instances: one is test, the other is live"}
	}
	return nil
}

// appOrigin is our origin as a browser writes it: tokens name it as their authorized party.
func appOrigin(base, frontend string) (string, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return "", &ConfigError{"BaseURL", "is not an origin like https://app.example.com"}
	case u.Scheme == "https" && strings.HasPrefix(frontend, "http://"):
		return "", &ConfigError{"PublishableKey", "is the sandbox's, which signs anybody in, and BaseURL is https"}
	}
	host := strings.ToLower(u.Host)
	if port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]; strings.HasSuffix(host, port) {
		host = strings.TrimSuffix(host, port)
	}
	return u.Scheme + "://" + host, nil
}

// apiURL is the Backend API's address with its version. The secret key is sent there, so in the clear only on this machine.
func apiURL(address string) (string, error) {
	if address == "" {
		return sdk.APIURL, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "", &ConfigError{"APIURL", "is not an address like https://api.clerk.com"}
	case u.Scheme != "https" && (u.Scheme != "http" || !loopbackIP(u.Host)):
		return "", &ConfigError{"APIURL", "must be https: the secret key goes there"}
	}
	return strings.TrimSuffix(strings.TrimRight(address, "/"), "/v1") + "/v1", nil
}

// hostedPages is the origin of the Account Portal (https://clerk.com/docs/account-portal): a development instance
// x.clerk.accounts.dev has x.accounts.dev, a production instance clerk.example.com has accounts.example.com. The sandbox
// serves its own.
func hostedPages(frontend string) string {
	host, ok := strings.CutPrefix(frontend, "https://")
	if !ok {
		return frontend
	}
	if name, ok := strings.CutSuffix(host, ".clerk.accounts.dev"); ok {
		return "https://" + name + ".accounts.dev"
	}
	return "https://accounts." + strings.TrimPrefix(host, "clerk.")
}

// SignInURL is the hosted page where a person signs in and comes back to returnTo, an address of ours.
func (c *Client) SignInURL(returnTo string) string {
	return c.accounts + "/sign-in?" + url.Values{"redirect_url": {returnTo}}.Encode()
}
