package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/views"
)

// request is a signed-in request: the echo.Context that handlers get.
type request struct {
	echo.Context
	cookie   cookie
	news     news // of the last write, for this page
	done     news // of this write, for the next page
	session  control.Session
	tokens   *tokens
	sandbox  bool
	operator bool                                       // the person operates the platform
	shown    bool                                       // the news have been put on a page
	form     form                                       // of a POST
	then     func(context.Context, *db.ControlTx) error // what an action leaves to do on the control plane once it is committed
	ended    bool                                       // the session is over: the cookie goes
	none     []uuid.UUID                                // of the jobs that a form has named: those that this tenant has not
}

// signedIn is the request behind a handler's context. Only the adapters of signed-in doors make contexts, so it is there.
func signedIn(c echo.Context) *request { return c.(*request) }

// errSignIn sends a person to sign in and back.
var errSignIn = errors.New("not signed in")

// elsewhere sends a person to another page of ours.
type elsewhere struct{ path string }

// Error is never shown.
func (e elsewhere) Error() string { return "go to " + e.path }

// enter is the first of a page's two round trips: the cookie's session and the tenant it names. Both are looked up anew in
// every request, so a sign-out or a removal holds at once. Whose request is one too many comes with the error.
func (s *Server) enter(c echo.Context) (*request, error) {
	ck, ok := s.cookies.read(c.Request())
	if !ok {
		return nil, s.stranger(c)
	}
	session, err := control.LoadSession(c.Request().Context(), s.db, ck.sid, ck.tenant)
	if errors.Is(err, db.ErrNotFound) {
		return nil, s.stranger(c)
	}
	if err != nil {
		return nil, err
	}
	r := &request{Context: c, cookie: ck, news: s.cookies.hear(c.Request(), ck.sid), session: session, tokens: s.tokens, sandbox: s.sandbox, operator: s.operators[session.ClerkUser]}
	if err := s.limits.admit(session.ClerkUser, session.Tenant.ID); err != nil {
		return r, err
	}
	note(c, session.ClerkUser, session.Tenant.ID)
	if !background[c.Path()] {
		s.touch(c.Request().Context(), session)
	}
	return r, nil
}

// stranger is the answer to somebody who is not signed in.
func (s *Server) stranger(c echo.Context) error {
	if err := s.limits.admitStranger(household(s.proxies.client(c.Request())), false); err != nil {
		return err
	}
	return errSignIn
}

// enterTenant is enter for a door that needs an active tenant.
func (s *Server) enterTenant(c echo.Context) (*request, error) {
	r, err := s.enter(c)
	if err == nil && r.session.Tenant.ID == uuid.Nil {
		err = elsewhere{"/organizations"}
	}
	return r, err
}

// enterPlatform is enter for a door of those who operate the platform. Whoever does not, or is not signed in, learns no
// more than at an address where there is nothing.
func (s *Server) enterPlatform(c echo.Context) (*request, error) {
	if r, err := s.enter(c); r != nil && r.operator {
		return r, err // also too many requests: an operator knows that the page is there
	}
	return nil, echo.ErrNotFound
}

// actor is the person of this session in its active tenant.
func (r *request) actor(least db.Role) db.Actor { return r.actorIn(r.session.Tenant, least) }

// actorIn is the person of this session in a tenant. This is the only place that makes a member actor; the users row of that
// tenant decides what it may do.
func (r *request) actorIn(t db.Tenant, least db.Role) db.Actor {
	return db.NewMember(t, r.session.ClerkUser, least)
}

// shell is what stands around a page of this request.
func (r *request) shell(title, section string, role db.Role) views.Shell {
	r.shown = true
	administers := r.session.Role.AtLeast(db.Admin)
	return views.Shell{
		Title: title, Section: section,
		PersonName: r.session.Name, PersonEmail: r.session.Email,
		Token: r.tokens.draw(r.session.ID), Tenant: r.session.Tenant.ID, TenantName: r.session.TenantName, Role: role,
		Administers: administers, Alarm: administers && r.session.AlertAt != nil, Operator: r.operator,
		Organizations: r.session.Organizations, Sandbox: r.sandbox,
		Message: r.news.message, Undo: r.news.undo, Now: time.Now(), Return: local(r.Request().URL),
	}
}

// say sets the message that the next page shows.
func (r *request) say(message string) { r.done = news{message: message} }

// offerUndo sets the message that the next page shows, beside a form that is sent to undo and takes the write back. Undo is a
// path of this site that names what was done: the form has no fields of its own.
func (r *request) offerUndo(message, undo string) { r.done = news{message, undo} }

// errWrongTenant is a form that was drawn for another organization than the session is in now.
var errWrongTenant = errors.New("written for another organization")

// guard refuses a form of another organization: the session has moved on in another tab. A form without a tenant is none
// of ours: it is damaged, or empty.
func (r *request) guard(f form) error {
	if !f.values.Has("tenant") {
		return errForm
	}
	if id, err := uuid.Parse(f.get("tenant")); err != nil || id != r.session.Tenant.ID {
		return errWrongTenant
	}
	return nil
}

// wrongTenant is the page that keeps what was written and shows both ways out. It names the other organization only to
// somebody whose directory has it.
func (r *request) wrongTenant(f form) views.WrongTenantPage {
	p := views.WrongTenantPage{Shell: r.shell("Another organization", "", ""), WrittenForPath: "/jobs"}
	written, _ := uuid.Parse(f.get("tenant"))
	for _, o := range r.session.Organizations {
		if o.ID == written && o.ID != uuid.Nil {
			p.WrittenFor, p.WrittenForID = o.Name, o.ID
			if back, ok := referer(r.Request()); ok {
				p.WrittenForPath = back
			}
		}
	}
	p.Kept = f.kept()
	return p
}

// local is a URL's path and query.
func local(u *url.URL) string { return u.RequestURI() }

// referer is the path of the page of ours that a form was sent from.
func referer(r *http.Request) (string, bool) {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || u.Path == "" {
		return "", false
	}
	return localPath(u.RequestURI())
}
