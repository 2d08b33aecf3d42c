// Package clerk is the adapter over Clerk: who has signed in, and in which organizations they are. Clerk vouches for a
// person once, at the door; afterwards our own session carries them. The package hardens what the SDK (clerk-sdk-go v2.4.2)
// leaves open, and never uses its package-global key or backend.
package clerk

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
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
	SecretKey      string // sk_test_… or sk_live_…
	PublishableKey string // pk_test_… or pk_live_…, of the same kind
	APIURL         string // Backend API; empty is Clerk's own
	BaseURL        string // our origin: the only authorized party of a token
	HTTPClient     *http.Client
	Now            func() time.Time // nil is the clock
}

// Client is one Clerk instance.
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

// New checks the configuration and makes a client. It does not call Clerk.
func New(c Config) (*Client, error) {
	frontend, err := frontendAPI(c.PublishableKey)
	if err != nil {
		return nil, err
	}
	development := strings.HasPrefix(c.PublishableKey, "pk_test_")
	switch {
	case !strings.HasPrefix(c.SecretKey, "sk_test_") && !strings.HasPrefix(c.SecretKey, "sk_live_"):
		return nil, errors.New("clerk: the secret key does not begin with sk_test_ or sk_live_")
	case strings.HasPrefix(c.SecretKey, "sk_test_") != development:
		return nil, errors.New("clerk: the secret key and the publishable key are of different instances: one is test, one is live")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	config := &sdk.ClientConfig{BackendConfig: sdk.BackendConfig{Key: &c.SecretKey, HTTPClient: hardened(c.HTTPClient)}}
	if c.APIURL != "" {
		api := strings.TrimSuffix(c.APIURL, "/")
		if !strings.HasSuffix(api, "/v1") {
			api += "/v1"
		}
		config.URL = &api
	}
	fetch := jwks.NewClient(config)
	return &Client{
		frontend: frontend, accounts: hostedPages(frontend), party: strings.TrimSuffix(c.BaseURL, "/"), development: development,
		suffix: cookieSuffix(c.PublishableKey), now: c.Now,
		keys:    newKeySet(c.Now, func(ctx context.Context) (*sdk.JSONWebKeySet, error) { return fetch.Get(ctx, &jwks.GetParams{}) }),
		backend: sdk.NewBackend(&config.BackendConfig),
		users:   user.NewClient(config), orgs: organization.NewClient(config), sessions: session.NewClient(config),
	}, nil
}

// frontendAPI is the origin that a publishable key names: its rest is the host in base64, ended by a dollar sign.
func frontendAPI(key string) (string, error) {
	rest, ok := strings.CutPrefix(key, "pk_test_")
	if !ok {
		rest, ok = strings.CutPrefix(key, "pk_live_")
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
	host, ended := strings.CutSuffix(string(raw), "$")
	if !ok || err != nil || !ended || host == "" || strings.ContainsAny(host, "/?#@ ") {
		return "", errors.New("clerk: the publishable key is not one of Clerk's (pk_test_… or pk_live_…)")
	}
	if loopback(host) {
		return "http://" + host, nil // the sandbox
	}
	return "https://" + host, nil
}

func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// hostedPages is the origin of the Account Portal. A development instance's is derived from x.clerk.accounts.dev, a
// production instance's from clerk.example.com (https://clerk.com/docs/account-portal); the sandbox serves its own.
func hostedPages(frontend string) string {
	u, err := url.Parse(frontend)
	if err != nil || u.Scheme == "http" {
		return frontend
	}
	if name, ok := strings.CutSuffix(u.Host, ".clerk.accounts.dev"); ok {
		return "https://" + name + ".accounts.dev"
	}
	return "https://accounts." + strings.TrimPrefix(u.Host, "clerk.")
}

// SignInURL is the hosted page where a person signs in and comes back to returnTo.
func (c *Client) SignInURL(returnTo string) string {
	return c.accounts + "/sign-in?" + url.Values{"redirect_url": {returnTo}}.Encode()
}

// idPattern is what Clerk's ids look like. The SDK puts ids into paths unescaped, so nothing else may get there.
var idPattern = regexp.MustCompile(`^(user|org|sess)_[A-Za-z0-9]{1,64}$`)

func checkID(kind, id string) error {
	if !idPattern.MatchString(id) || !strings.HasPrefix(id, kind+"_") {
		return fmt.Errorf("clerk: %q is not the id of a %s", id, kind)
	}
	return nil
}

// Person is somebody whom Clerk knows.
type Person struct {
	ID    string
	Email string // the primary one, lower case; empty when there is none
	Name  string // may be empty
}

// Person reads a person.
func (c *Client) Person(ctx context.Context, id string) (Person, error) {
	if err := checkID("user", id); err != nil {
		return Person{}, err
	}
	u, err := c.users.Get(ctx, id)
	if err != nil {
		return Person{}, classify("person", err)
	}
	p := Person{ID: u.ID, Name: strings.TrimSpace(text(u.FirstName) + " " + text(u.LastName))}
	for _, e := range u.EmailAddresses {
		if e != nil && e.ID == text(u.PrimaryEmailAddressID) {
			p.Email = strings.ToLower(e.EmailAddress)
		}
	}
	return p, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Membership is one person in one organization.
type Membership struct {
	OrganizationID   string
	OrganizationName string
	Slug             string // empty where slugs are disabled: no address may be built on it
	CreatedBy        string // who made the organization
	Role             string // Clerk's key: org:admin, org:member, or a custom one
}

// pageSize is the most that Clerk gives at once.
const pageSize = 500

// Memberships lists every organization of a person, page by page to the end.
func (c *Client) Memberships(ctx context.Context, person string) ([]Membership, error) {
	if err := checkID("user", person); err != nil {
		return nil, err
	}
	var all []Membership
	for {
		limit, offset := int64(pageSize), int64(len(all))
		page, err := c.users.ListOrganizationMemberships(ctx, person, &user.ListOrganizationMembershipsParams{
			ListParams: sdk.ListParams{Limit: &limit, Offset: &offset}})
		if err != nil {
			return nil, classify("memberships", err)
		}
		for _, m := range page.OrganizationMemberships {
			if m == nil || m.Organization == nil || checkID("org", m.Organization.ID) != nil {
				return nil, errors.New("clerk: a membership without an organization")
			}
			o := m.Organization
			all = append(all, Membership{OrganizationID: o.ID, OrganizationName: o.Name, Slug: o.Slug, CreatedBy: o.CreatedBy, Role: m.Role})
		}
		if len(page.OrganizationMemberships) == 0 || int64(len(all)) >= page.TotalCount {
			return all, nil
		}
	}
}

// Organization is an organization as Clerk has it.
type Organization struct{ ID, Name, Slug string }

// CreateOrganization makes an organization; createdBy becomes its administrator. It returns a *RejectedError when Clerk
// does not take the name.
func (c *Client) CreateOrganization(ctx context.Context, name, createdBy string) (Organization, error) {
	if err := checkID("user", createdBy); err != nil {
		return Organization{}, err
	}
	o, err := c.orgs.Create(ctx, &organization.CreateParams{Name: &name, CreatedBy: &createdBy})
	if err != nil {
		return Organization{}, classify("create organization", err)
	}
	return Organization{ID: o.ID, Name: o.Name, Slug: o.Slug}, checkID("org", o.ID)
}

// RevokeSession ends a session at Clerk, so that its hosted pages ask again. It is no error when it has ended already.
func (c *Client) RevokeSession(ctx context.Context, id string) error {
	if err := checkID("sess", id); err != nil {
		return err
	}
	_, err := c.sessions.Revoke(ctx, &session.RevokeParams{ID: id})
	if err = classify("revoke session", err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
