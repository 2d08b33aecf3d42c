package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// How long a session lasts: Lifetime at most, however much it is used, and Idle without being used.
const (
	Lifetime = 30 * 24 * time.Hour
	Idle     = 7 * 24 * time.Hour
)

// touchEvery is how old the last use of a session may be before it is written down anew.
const touchEvery = 5 * time.Minute

// SID is a session's id: 256 random bits, known to the cookie only. The database has its digest.
type SID [32]byte

// NewSID draws a session id.
func NewSID() SID {
	var s SID
	rand.Read(s[:]) // never fails: it ends the program when the system has no randomness
	return s
}

func (s SID) digest() []byte {
	d := sha256.Sum256(s[:])
	return d[:]
}

// Person is somebody who has signed in.
type Person struct {
	ClerkUser    string
	ClerkSession string
	Email        string
	Name         string
}

// Session is a signed-in browser with the tenant that its cookie names, if the person's directory has that tenant.
type Session struct {
	Person
	ID            uuid.UUID    // of the session: unlike the SID it stays the same through a switch, and opens nothing
	SeenAt        time.Time    // when it was last used, to a few minutes
	Tenant        place.Tenant // zero without an active tenant
	TenantName    string       // as the registry has it
	Role          sealed.Role  // in the active tenant as the directory has it: it chooses what is offered and grants nothing
	AlertAt       *time.Time   // when the active tenant's oldest alert that nobody has seen was raised; nil: there is none
	Organizations []Choice     // the nine last used, for the switcher
}

// Due tells whether the last use has to be written down: Touch.
func (s Session) Due(now time.Time) bool { return now.Sub(s.SeenAt) > touchEvery }

// sessionRow is read for every page, so it has only what is read without a plan: names as texts, and lists as arrays.
type sessionRow struct {
	ID           uuid.UUID   `db:"id"`
	SeenAt       time.Time   `db:"seen_at"`
	ClerkUser    string      `db:"clerk_user_id"`
	ClerkSession string      `db:"clerk_session_id"`
	Email        string      `db:"email"`
	Name         string      `db:"name"`
	Tenant       *uuid.UUID  `db:"tenant_id"`
	Isolation    *string     `db:"isolation"`
	Place        *string     `db:"place"`
	Epoch        *int        `db:"epoch"`
	TenantName   *string     `db:"tenant_name"`
	Role         *string     `db:"role"`
	AlertAt      *time.Time  `db:"alert_at"`
	IDs          []uuid.UUID `db:"ids"` // of the switcher's organizations; Names and Roles are theirs
	Names        []string    `db:"names"`
	Roles        []string    `db:"roles"`
}

func (r *sessionRow) choices() []Choice {
	all := make([]Choice, len(r.IDs))
	for i, id := range r.IDs {
		all[i] = Choice{id, r.Names[i], sealed.Role(r.Roles[i])}
	}
	return all
}

// LoadSession is the first of a page's two round trips: session, active tenant and switcher in one statement.
// sealed.ErrNotFound: no such session, or it has ended. A tenant outside the person's directory stays zero.
func LoadSession(ctx context.Context, d *sealed.DB, sid SID, tenant uuid.UUID) (Session, error) {
	var r sessionRow
	err := sealed.Peek(ctx, d, "control.session", `
		SELECT s.id, s.seen_at, s.clerk_user_id, s.clerk_session_id, s.email, s.name,
		       r.tenant_id, r.isolation, r.place, r.epoch, r.name AS tenant_name, d.role, r.alert_at, o.ids, o.names, o.roles
		FROM control.sessions s
		LEFT JOIN control.directory d ON d.clerk_user_id = s.clerk_user_id AND d.tenant_id = $2
		LEFT JOIN control.registry r ON r.tenant_id = d.tenant_id
		CROSS JOIN LATERAL (
		  SELECT array_agg(c.tenant_id) AS ids, array_agg(c.name) AS names, array_agg(c.role) AS roles
		  FROM (SELECT r2.tenant_id, r2.name, d2.role
		        FROM control.directory d2 JOIN control.registry r2 USING (tenant_id)
		        WHERE d2.clerk_user_id = s.clerk_user_id
		        ORDER BY d2.last_used_at DESC NULLS LAST, r2.name LIMIT 9) c) o
		WHERE s.digest = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND s.seen_at > now() - $3::interval`, &r, sid.digest(), tenant, Idle)
	if err != nil {
		return Session{}, err
	}
	s := Session{ID: r.ID, SeenAt: r.SeenAt, Person: Person{r.ClerkUser, r.ClerkSession, r.Email, r.Name}, AlertAt: r.AlertAt, Organizations: r.choices()}
	if r.Tenant != nil {
		s.Tenant = registered{*r.Tenant, place.Model(*r.Isolation), *r.Place, *r.Epoch}.tenant()
		s.TenantName, s.Role = *r.TenantName, sealed.Role(*r.Role)
	}
	return s, nil
}

// ErrEnded says that the session at Clerk which vouches for a person was signed out here since it did.
var ErrEnded = errors.New("control: signed out since")

// Vouched returns ErrEnded for a token that is older than a sign-out of the session at Clerk that it is of. A token is good
// for a minute, and whoever has a copy of it, or of the address that brought it, shall not come back with it.
func Vouched(ctx context.Context, t *sealed.ControlTx, p Person, issued time.Time) error {
	var r struct {
		Ended bool `db:"ended"`
	}
	err := sealed.ControlGet(ctx, t, "control.vouched", `
		SELECT EXISTS (SELECT FROM control.sessions
		  WHERE clerk_user_id = $1 AND clerk_session_id = $2 AND date_trunc('second', revoked_at) > $3) AS ended`, &r, p.ClerkUser, p.ClerkSession, issued)
	if err == nil && r.Ended {
		err = ErrEnded
	}
	return err
}

// SignIn makes the server row of a new session.
func SignIn(ctx context.Context, t *sealed.ControlTx, sid SID, p Person, now time.Time) error {
	return sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "session.signed_in", Person: p.ClerkUser},
		sealed.Exec("control.sign_in", `
			INSERT INTO control.sessions (digest, clerk_user_id, clerk_session_id, email, name, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6)`, sid.digest(), p.ClerkUser, p.ClerkSession, p.Email, p.Name, now.Add(Lifetime)),
		// Ended sessions are of no use to anybody: each sign-in clears the person's own.
		sealed.Exec("control.expire", `
			DELETE FROM control.sessions
			WHERE clerk_user_id = $1 AND (expires_at < now() OR seen_at < now() - $2::interval OR revoked_at < now() - interval '1 day')`, p.ClerkUser, Idle))
}

// Replace ends the session that a browser had before person signed in there. It is no error when it had ended before.
func Replace(ctx context.Context, t *sealed.ControlTx, sid SID, person string) error {
	return sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "session.replaced", Person: person},
		sealed.Exec("control.replace", `
			DELETE FROM control.sessions WHERE digest = $1 AND revoked_at IS NULL`, sid.digest())) // the session at Clerk goes on
}

// Touch writes down that a session is used.
func Touch(ctx context.Context, t *sealed.ControlTx, id uuid.UUID) error {
	return sealed.ControlRecord(ctx, t, sealed.Exec("control.touch", `
		UPDATE control.sessions SET seen_at = now() WHERE id = $1 AND revoked_at IS NULL AND seen_at < now() - $2::interval`, id, touchEvery/2))
}

// SignOut ends a session at once, for every copy of its cookie, and with it all that the same session at Clerk vouched for.
// It is no error when it had ended before.
func SignOut(ctx context.Context, t *sealed.ControlTx, sid SID, person string) error {
	return sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "session.signed_out", Person: person},
		sealed.Exec("control.sign_out", `
			UPDATE control.sessions SET revoked_at = now() WHERE clerk_user_id = $2 AND revoked_at IS NULL
			  AND clerk_session_id = (SELECT s.clerk_session_id FROM control.sessions s WHERE s.digest = $1)`, sid.digest(), person))
}

// Switch moves a session to another tenant of the person's directory under a new id, so that a cookie that leaked before
// the switch is worth nothing after it, and returns the tenant's name. It returns sealed.ErrNotFound, changing nothing,
// for a tenant that is not in the directory or does not exist, and for a session that has ended: one answer.
func Switch(ctx context.Context, t *sealed.ControlTx, from, to SID, person string, tenant uuid.UUID) (name string, err error) {
	err = sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "session.switched", Person: person, Tenant: tenant},
		sealed.ExecOne(sealed.ErrNotFound, "control.switch", `
			UPDATE control.directory SET last_used_at = now() WHERE clerk_user_id = $1 AND tenant_id = $2`, person, tenant),
		sealed.ExecOne(sealed.ErrNotFound, "control.rotate", `
			UPDATE control.sessions SET digest = $2 WHERE digest = $1 AND clerk_user_id = $3 AND revoked_at IS NULL AND expires_at > now()`,
			from.digest(), to.digest(), person))
	if err != nil {
		return "", err
	}
	var r struct {
		Name string `db:"name"`
	}
	err = sealed.ControlGet(ctx, t, "control.name", `SELECT name FROM control.registry WHERE tenant_id = $1`, &r, tenant)
	return r.Name, err
}
