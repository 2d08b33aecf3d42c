package clerk

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/organization"
	"github.com/clerk/clerk-sdk-go/v2/session"
	"github.com/clerk/clerk-sdk-go/v2/user"
)

// idPattern is what Clerk's ids look like. The SDK puts ids into paths unescaped, so nothing else may get there.
var idPattern = regexp.MustCompile(`^(user|org|sess)_[A-Za-z0-9]{1,64}$`)

func checkID(kind, id string) error {
	if !idPattern.MatchString(id) || !strings.HasPrefix(id, kind+"_") {
		return fmt.Errorf("clerk: %q is not an id that begins with %s_", clip(id), kind)
	}
	return nil
}

// Person is somebody whom Clerk knows.
type Person struct {
	ID       string // user_…
	Email    string // the primary one, lower case; empty when there is none
	Name     string // first and last; may be empty
	ImageURL string // on Clerk's host; may be empty
}

// Person reads a person. The error wraps ErrNotFound or ErrUnavailable.
func (c *Client) Person(ctx context.Context, id string) (Person, error) {
	if err := checkID("user", id); err != nil {
		return Person{}, err
	}
	u, err := c.users.Get(ctx, id)
	if err != nil {
		return Person{}, classify("person", err)
	}
	if u.ID != id {
		return Person{}, fmt.Errorf("%w: asked for %s, it sent another person", ErrUnavailable, id)
	}
	p := Person{ID: u.ID, Name: strings.TrimSpace(text(u.FirstName) + " " + text(u.LastName)), ImageURL: text(u.ImageURL)}
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
	ID               string // orgmem_…; another one when a person leaves and joins again
	OrganizationID   string // org_…
	OrganizationName string
	Slug             string // empty where slugs are disabled: no address may be built on it
	CreatedBy        string // user_… who made the organization; may be empty
	Role             string // Clerk's key: org:admin, org:member, or a custom one
	UpdatedAt        time.Time
}

const (
	pageSize       = 500   // the most that Clerk gives at once; without asking it gives ten
	maxMemberships = 10000 // of one person; more is a broken server
)

// Memberships lists every organization of a person, page by page to the end. A list that Clerk leaves incomplete is an
// error: whoever reads the end of a list as the end of a membership would take access away.
func (c *Client) Memberships(ctx context.Context, person string) ([]Membership, error) {
	if err := checkID("user", person); err != nil {
		return nil, err
	}
	var all []Membership
	for len(all) < maxMemberships {
		limit, offset := int64(pageSize), int64(len(all))
		page, err := c.users.ListOrganizationMemberships(ctx, person, &user.ListOrganizationMembershipsParams{
			ListParams: sdk.ListParams{Limit: &limit, Offset: &offset}})
		if err != nil {
			return nil, classify("memberships", err)
		}
		for _, m := range page.OrganizationMemberships {
			v, err := newMembership(m)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		if int64(len(all)) >= page.TotalCount {
			return all, nil
		}
		if len(page.OrganizationMemberships) == 0 {
			break
		}
	}
	return nil, fmt.Errorf("%w: the memberships of %s end before their count", ErrUnavailable, person)
}

func newMembership(m *sdk.OrganizationMembership) (Membership, error) {
	if m == nil || m.Organization == nil || checkID("org", m.Organization.ID) != nil {
		return Membership{}, fmt.Errorf("%w: a membership without an organization", ErrUnavailable)
	}
	o := m.Organization
	return Membership{ID: m.ID, OrganizationID: o.ID, OrganizationName: o.Name, Slug: o.Slug, CreatedBy: o.CreatedBy,
		Role: m.Role, UpdatedAt: time.UnixMilli(m.UpdatedAt)}, nil
}

// Invitation is an organization that waits for a person's answer.
type Invitation struct {
	ID               string // orginv_…
	OrganizationName string
	Role             string // Clerk's key, as in a Membership
	URL              string // on Clerk's own host, where it is accepted; empty when Clerk gave none that is
}

// maxInvitations is how many invitations of a person are asked for.
const maxInvitations = 50

// Invitations lists what a person is invited to and has not answered, at most 50. Clerk lets only the person accept one, on
// its own pages.
func (c *Client) Invitations(ctx context.Context, person string) ([]Invitation, error) {
	if err := checkID("user", person); err != nil {
		return nil, err
	}
	limit := int64(maxInvitations)
	page, err := c.users.ListOrganizationInvitations(ctx, &user.ListOrganizationInvitationsParams{
		UserID: person, Statuses: &[]string{"pending"}, ListParams: sdk.ListParams{Limit: &limit}})
	if err != nil {
		return nil, classify("invitations", err)
	}
	var all []Invitation
	for _, i := range page.OrganizationInvitations {
		if i == nil || i.PublicOrganizationData == nil {
			return nil, fmt.Errorf("%w: an invitation without an organization", ErrUnavailable)
		}
		if i.Status == "pending" {
			all = append(all, Invitation{ID: i.ID, OrganizationName: i.PublicOrganizationData.Name, Role: i.Role, URL: c.own(i.URL)})
		}
	}
	return all, nil
}

// own is an address of Clerk's pages or its Frontend API; any other is none.
func (c *Client) own(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Scheme+"://"+u.Host != c.frontend && u.Scheme+"://"+u.Host != c.accounts {
		return ""
	}
	return u.String()
}

// Organization is an organization as Clerk has it.
type Organization struct {
	ID   string // org_…
	Name string
	Slug string // may be empty
}

// CreateOrganization makes an organization; createdBy becomes its administrator. Clerk does not ask whether createdBy may:
// the caller has. It returns a *RejectedError when Clerk does not take the name. It is never tried twice: an answer that
// was lost may have made one.
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

// SessionActive tells whether a session still counts at Clerk. One that Clerk does not know does not.
func (c *Client) SessionActive(ctx context.Context, id string) (bool, error) {
	if err := checkID("sess", id); err != nil {
		return false, err
	}
	s, err := c.sessions.Get(ctx, id)
	if err = classify("session", err); errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.ID == id && s.Status == "active", nil
}

// RevokeSession ends a session at Clerk, so that its hosted pages ask again. It is no error when Clerk does not know it.
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
