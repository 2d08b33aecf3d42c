package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/views"
)

// handlers are the verbs of the front. They have no database: a door hands each the transaction it may use.
type handlers struct {
	cookies *cookies
	clerk   *clerk.Client
	orgs    *app.Organizations
	base    *url.URL
	sandbox bool
	ping    func(context.Context) error
	see     func(control.Try)                                                   // takes notice of a try at another organization
	proof   func(context.Context) (control.Proof, error)                        // the last; db.ErrNotFound when none has run
	posture func(context.Context) (isolation.Findings, error)                   // of all places, now
	why     func(context.Context, isolation.Question) (isolation.Answer, error) // *isolation.BadQuestion for one that is not understood
	assets  http.Handler
}

// errCallback is an answer of Clerk that does not belong to this browser's sign-in.
var errCallback = errors.New("callback without a sign-in of this browser")

// errHandshake is an answer of Clerk that could not be taken: damaged, or of keys or an address that are not ours.
var errHandshake = errors.New("handshake not taken")

// signIn sends a person to Clerk's hosted pages, and remembers in this browser that it did.
func (h *handlers) signIn(c echo.Context) error {
	back, ok := localPath(c.QueryParam("return_to"))
	if !ok {
		back = "/"
	}
	begun := entry{state: rand.Text(), returnTo: back}
	begun.tenant, begun.named = h.wish(c)
	if err := h.cookies.begin(c.Response(), c.Request(), begun); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	if c.QueryParam("again") != "" { // somebody who is signed in at Clerk is not asked who they are
		return c.Redirect(http.StatusSeeOther, h.callbackURL(begun.state))
	}
	return c.Redirect(http.StatusSeeOther, h.clerk.SignInURL(h.callbackURL(begun.state)))
}

// wish is the organization that somebody wants to be in after a sign-in: the one that the address names, or else the one they
// were in; uuid.Nil for no wish. Whether they may is asked later. An address of another site names none: it would choose where
// somebody works who is signed in at Clerk, and so is asked for nothing.
func (h *handlers) wish(c echo.Context) (tenant uuid.UUID, named bool) {
	ck, _ := h.cookies.read(c.Request()) // zero without one
	tenant, err := uuid.Parse(c.QueryParam("organization"))
	if err != nil || otherSite(c.Request()) {
		return ck.tenant, false
	}
	return tenant, tenant != ck.tenant
}

func (h *handlers) callbackURL(state string) string {
	return h.base.JoinPath("auth", "callback").String() + "?" + url.Values{"state": {state}}.Encode()
}

// callback is the only place where a token of Clerk counts: it is verified once, the person's memberships are brought in
// step, and our own session takes over. An answer is taken only in the browser that asked for it, or somebody could sign
// another person in as themselves.
func (h *handlers) callback(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	pending, ok := h.cookies.pending(c.Request())
	if !ok || subtle.ConstantTimeCompare([]byte(pending.state), []byte(c.QueryParam("state"))) != 1 {
		return errCallback
	}
	decision, err := h.clerk.Authenticate(c.Request().Context(), c.Request())
	if err != nil {
		return unavailable(err)
	}
	for _, ck := range decision.Cookies {
		http.SetCookie(c.Response(), ck)
	}
	switch decision.Status {
	case clerk.SignedIn:
		return h.enterApp(c, pending, decision.Claims)
	case clerk.Handshake:
		return c.Redirect(http.StatusTemporaryRedirect, decision.Location.String())
	}
	if decision.Cause != nil {
		// Clerk's pages would send somebody who is signed in there straight back here, and round and round.
		return fmt.Errorf("%w: %s: %w", errHandshake, decision.Reason, decision.Cause)
	}
	return c.Redirect(http.StatusSeeOther, h.clerk.SignInURL(h.callbackURL(pending.state)))
}

// enterApp mints our session for a person whom Clerk has just vouched for.
func (h *handlers) enterApp(c echo.Context, pending entry, claims *clerk.Claims) error {
	ctx := c.Request().Context()
	person, tenant, err := h.orgs.SignIn(ctx, claims, pending.tenant)
	if err != nil {
		return err
	}
	sid := control.NewSID()
	var before *control.SID
	if ck, ok := h.cookies.read(c.Request()); ok {
		before = &ck.sid
	}
	switch err := h.orgs.OpenSession(ctx, sid, before, person, claims.IssuedAt, time.Now()); {
	case errors.Is(err, control.ErrEnded):
		return fmt.Errorf("%w: %w", errCallback, err)
	case err != nil:
		return err
	}
	if pending.named && tenant != pending.tenant {
		h.see(control.Try{Kind: control.Switching, Entity: control.EntityOrganization, ID: pending.tenant,
			Person: person.ClerkUser, Own: tenant, RequestID: requestID(c), At: time.Now()})
	}
	if err := h.cookies.end(c.Response(), c.Request()); err != nil {
		return err
	}
	if err := h.cookies.write(c.Response(), c.Request(), cookie{sid: sid, tenant: tenant}); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, pending.returnTo)
}

// unavailable says that Clerk does not answer.
func unavailable(err error) error {
	return &app.Error{Code: app.Unavailable, Message: "The sign-in service does not answer. Try again in a moment.", Cause: err}
}

// signOut ends the session for every copy of its cookie, at once, and then at Clerk.
func (h *handlers) signOut(c echo.Context) (string, error) {
	r := signedIn(c)
	if err := r.form.only(); err != nil {
		return "", err
	}
	r.ended = true
	return "/signed-out", h.orgs.CloseSession(c.Request().Context(), r.cookie.sid, r.session.Person)
}

func (h *handlers) signedOut(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return draw(c, http.StatusOK, views.SignedOut(views.Shell{Title: "Signed out", Sandbox: h.sandbox}))
}

// health says that the process answers.
func (h *handlers) health(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// ready says that the database answers too, and that the process is not about to end.
func (h *handlers) ready(c echo.Context) error {
	switch err := h.ping(c.Request().Context()); {
	case err == nil:
		return c.String(http.StatusOK, "ready\n")
	case errors.Is(err, errDraining):
		return c.String(http.StatusServiceUnavailable, "stopping\n")
	}
	c.Response().Header().Set(echo.HeaderRetryAfter, "3")
	return c.String(http.StatusServiceUnavailable, "database unavailable\n")
}

func (h *handlers) static(c echo.Context) error {
	h.assets.ServeHTTP(c.Response(), c.Request())
	return nil
}
