package sandbox

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"
)

// Bounds of what anybody on this machine could make the sandbox keep.
const (
	maxPeople        = 500
	maxOrganizations = 1000
	maxSessions      = 1000
)

// errFull says that a bound is reached.
const errFull = problem("The sandbox is full. Remove its state file to begin anew.")

// The statuses of a session that occur here, as Clerk names them.
const (
	active   = "active"
	replaced = "replaced" // the browser has signed in as somebody else
	ended    = "ended"    // by the person
	revoked  = "revoked"  // by the app
)

// sessionLife is how long a session lasts, as at Clerk.
const sessionLife = 7 * 24 * time.Hour

// session is one signed-in browser.
type session struct {
	ID           string    `json:"id"` // sess_…
	Person       string    `json:"person"`
	Organization string    `json:"organization"` // the one chosen, or empty
	Status       string    `json:"status"`
	CreatedAt    time.Time `json:"created_at"`
}

func (s *session) active(now time.Time) bool {
	return s.Status == active && now.Before(s.CreatedAt.Add(sessionLife))
}

func digest(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

var errNobody = errors.New("there is no such person")

// signIn makes a session of a person and returns the new cookie of the browser that had old. A cookie that somebody else
// may have planted is never taken over. The oldest sessions make room.
func (d *saved) signIn(old, person string, now time.Time) (string, error) {
	if _, ok := d.People[person]; !ok {
		return "", errNobody
	}
	d.signOut(old, replaced)
	d.prune()
	s := &session{ID: "sess_" + rand.Text(), Person: person, Status: active, CreatedAt: now}
	d.choose(s, d.usual(person))
	cookie := rand.Text() + rand.Text()
	d.Sessions[s.ID], d.Clients[digest(cookie)] = s, s.ID
	return cookie, nil
}

// signOut ends the session of a browser and forgets its cookie.
func (d *saved) signOut(cookie, status string) {
	if s, ok := d.Sessions[d.Clients[digest(cookie)]]; ok && s.Status == active {
		s.Status = status
	}
	delete(d.Clients, digest(cookie))
}

func (d *saved) prune() {
	if len(d.Sessions) < maxSessions {
		return
	}
	all := make([]*session, 0, len(d.Sessions))
	for _, s := range d.Sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *session) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, s := range all[:len(all)/2] {
		delete(d.Sessions, s.ID)
	}
	for client, id := range d.Clients {
		if _, ok := d.Sessions[id]; !ok {
			delete(d.Clients, client)
		}
	}
}

// of is the session of a browser, if it is one that counts.
func (d *saved) of(cookie string, now time.Time) (*session, bool) {
	s, ok := d.Sessions[d.Clients[digest(cookie)]]
	if !ok || !s.active(now) {
		return nil, false
	}
	return s, true
}

// choose makes an organization the session's. One that the person is not in, and none, leave it without: so does Clerk.
func (d *saved) choose(s *session, org string) {
	s.Organization = ""
	if o, ok := d.Organizations[org]; ok && o.Members[s.Person] != "" {
		s.Organization, d.Chosen[s.Person] = org, org
	}
}

// usual is the organization that a sign-in begins with: the one chosen last, else the first.
func (d *saved) usual(person string) string {
	all := d.memberships(person)
	for _, o := range all {
		if o.ID == d.Chosen[person] {
			return o.ID
		}
	}
	if len(all) > 0 {
		return all[0].ID
	}
	return ""
}

// memberships lists the organizations of a person in a stable order.
func (d *saved) memberships(person string) []*organization {
	var all []*organization
	for _, o := range d.Organizations {
		if _, ok := o.Members[person]; ok {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *organization) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// add makes somebody new.
func (d *saved) add(name, email string) (Person, error) {
	if len(d.People) >= maxPeople {
		return Person{}, errFull
	}
	for _, p := range d.People {
		if strings.EqualFold(p.Email, email) {
			return Person{}, errTaken
		}
	}
	p := Person{ID: "user_" + rand.Text(), Name: name, Email: email, Note: "Added on this page"}
	d.People[p.ID] = p
	return p, nil
}

const errTaken = problem("Somebody has this email address already.")
