package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
	"upwork-ai-agent/views"
)

// public is a door that everybody may pass.
func public(h echo.HandlerFunc) door {
	return door{policy: "public", handle: func(*Server) echo.HandlerFunc { return h }}
}

// entrance is a public door to the sign-in, where each request costs somebody else something.
func entrance(h echo.HandlerFunc) door {
	return door{policy: "public", handle: func(s *Server) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := s.limits.admitStranger(household(s.proxies.client(c.Request())), true); err != nil {
				return err
			}
			return h(c)
		}
	}}
}

// signedInPage is a door for whoever is signed in, to a page of the control plane.
func signedInPage(h controlPage) door {
	return door{policy: "signed in", handle: func(s *Server) echo.HandlerFunc { return s.controlled(s.enter, h) }}
}

// platformPage is a door for those who operate the platform, to a page of theirs. To everybody else there is nothing at
// this address, in the very words of an address where there is nothing, however they ask.
func platformPage(h controlPage) door {
	return door{policy: "platform admin", hidden: true, handle: func(s *Server) echo.HandlerFunc { return s.controlled(s.enterPlatform, h) }}
}

// platformLook is platformPage for a page that asks elsewhere than in the control plane.
func platformLook(h lookPage) door {
	return door{policy: "platform admin", hidden: true, handle: func(s *Server) echo.HandlerFunc { return s.looked(s.enterPlatform, h) }}
}

// signedInLook is signedInPage for a page that asks elsewhere than in the control plane.
func signedInLook(h lookPage) door {
	return door{policy: "signed in", handle: func(s *Server) echo.HandlerFunc { return s.looked(s.enter, h) }}
}

// looked runs a page that opens no transaction.
func (s *Server) looked(enter func(echo.Context) (*request, error), h lookPage) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, err := enter(c)
		if err != nil {
			return err
		}
		component, err := h(r)
		if err != nil {
			return s.refuse(r, form{}, err)
		}
		return s.show(r, http.StatusOK, component)
	}
}

// controlled runs a page of the control plane.
func (s *Server) controlled(enter func(echo.Context) (*request, error), h controlPage) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, err := enter(c)
		if err != nil {
			return err
		}
		var component templ.Component
		err = s.db.Control(c.Request().Context(), func(tx *db.ControlTx) (err error) {
			component, err = h(r, tx)
			return err
		})
		if err != nil {
			return s.refuse(r, form{}, err)
		}
		return s.show(r, http.StatusOK, component)
	}
}

// signedInAction is a door for whoever is signed in, to a change of the control plane.
func signedInAction(h controlAction) door {
	return door{policy: "signed in", body: maxForm, handle: func(s *Server) echo.HandlerFunc {
		return s.posted(s.enter, maxForm, func(r *request) (next string, err error) {
			err = s.db.Control(r.Request().Context(), func(tx *db.ControlTx) (err error) {
				next, err = h(r, tx)
				return err
			})
			return next, err
		})
	}}
}

// signedInRule is a door for whoever is signed in, to a rule that makes its own transactions.
func signedInRule(h ruleAction) door {
	return door{policy: "signed in", body: maxForm, handle: func(s *Server) echo.HandlerFunc {
		return s.posted(s.enter, maxForm, func(r *request) (string, error) { return h(r) })
	}}
}

// tenantPage is a door for members of the active tenant with at least the role least, to one of its pages.
func tenantPage(least db.Role, h page) door {
	return door{policy: "tenant " + string(least), handle: func(s *Server) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, err := s.enterTenant(c)
			if err != nil {
				return err
			}
			component, err := s.read(r, least, h)
			if err != nil {
				return s.refuse(r, form{}, err)
			}
			return s.show(r, http.StatusOK, component)
		}
	}}
}

// tenantDownload is a door for members of the active tenant with at least the role least, to a file.
func tenantDownload(least db.Role, h download) door {
	return door{policy: "tenant " + string(least), handle: func(s *Server) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, err := s.enterTenant(c)
			if err != nil {
				return err
			}
			release, err := s.limits.turn(c.Request().Context(), r.session.ClerkUser, r.session.Tenant.ID)
			if err != nil {
				return err
			}
			var f file
			err = s.db.Read(c.Request().Context(), r.actor(least), func(v *db.View) (err error) {
				f, err = h(r, v)
				return err
			})
			release()
			if err != nil {
				return s.refuse(r, form{}, err)
			}
			private(c)
			c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+f.name+`"`)
			return c.Blob(http.StatusOK, f.kind, f.body)
		}
	}}
}

// tenantAction is a door for members of the active tenant with at least the role least, to a change of its data.
func tenantAction(least db.Role, h action) door { return tenantPost(least, maxForm, h) }

// tenantUpload is tenantAction for a form with a file.
func tenantUpload(least db.Role, h action) door { return tenantPost(least, maxUpload, h) }

func tenantPost(least db.Role, limit int64, h action) door {
	return door{policy: "tenant " + string(least), body: limit, handle: func(s *Server) echo.HandlerFunc {
		return s.posted(s.enterTenant, limit, func(r *request) (next string, err error) {
			if err := r.guard(r.form); err != nil {
				return "", err
			}
			release, err := s.limits.turn(r.Request().Context(), r.session.ClerkUser, r.session.Tenant.ID)
			if err != nil {
				return "", err
			}
			defer release()
			outside := r.Request()
			defer r.SetRequest(outside)
			err = s.db.Write(r.Request().Context(), r.actor(least), func(ctx context.Context, tx *db.Tx) (err error) {
				r.SetRequest(r.Request().WithContext(ctx)) // it refuses a transaction inside this one
				next, err = h(r, tx)
				return err
			})
			if err == nil && r.then != nil {
				err = s.db.Control(outside.Context(), func(tx *db.ControlTx) error { return r.then(outside.Context(), tx) })
			}
			return next, err
		})
	}}
}

// read runs a page on a View. The View is over, and its connection back in the pool, before anything is drawn.
func (s *Server) read(r *request, least db.Role, h page) (component templ.Component, err error) {
	release, err := s.limits.turn(r.Request().Context(), r.session.ClerkUser, r.session.Tenant.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	err = s.db.Read(r.Request().Context(), r.actor(least), func(v *db.View) (err error) {
		component, err = h(r, v)
		return err
	})
	return component, err
}

// posted is what every change has in common: the form is read, do commits or fails, and only then is anything answered.
func (s *Server) posted(enter func(echo.Context) (*request, error), limit int64, do func(*request) (string, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := fromBrowser(c.Request()); err != nil {
			return err
		}
		r, err := enter(c)
		if err != nil {
			return s.keeping(c, limit, err)
		}
		release, err := s.limits.form(c.Request().Context(), "person "+r.session.ClerkUser)
		if err != nil {
			return s.keeping(c, limit, err)
		}
		defer release()
		if r.form, err = readForm(c, limit); err != nil {
			return s.refuse(r, r.form, err)
		}
		if !s.tokens.fits(r.form.get("token"), r.session.ID) {
			return s.refuse(r, r.form, errToken)
		}
		came := r.cookie
		next, err := do(r)
		if err != nil {
			return s.refuse(r, r.form, err)
		}
		if err := s.leave(r, came); err != nil {
			return err
		}
		defer s.noticeNone(r) // once it is answered
		return c.Redirect(http.StatusSeeOther, next)
	}
}

// leave writes what a change leaves in the browser: that its session is over, or has moved on, and what has been done. It
// leaves the session as it is where nothing has changed it: a form that was under way would undo the switch of another tab.
func (s *Server) leave(r *request, came cookie) error {
	if r.ended {
		return s.cookies.clear(r.Response(), r.Request())
	}
	var err error
	if r.cookie != came {
		err = s.cookies.write(r.Response(), r.Request(), r.cookie)
	}
	if r.done.message != "" {
		err = errors.Join(err, s.cookies.tell(r.Response(), r.Request(), r.cookie.sid, r.done))
	}
	return err
}

// keeping adds the form to an error that kept it from being looked at, so that what was typed is not lost.
func (s *Server) keeping(c echo.Context, limit int64, err error) error {
	switch lookup(err).status {
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		limit = min(limit, maxKept)
	case http.StatusServiceUnavailable:
	default:
		return err
	}
	release, formErr := s.limits.form(c.Request().Context(), "address "+household(s.proxies.client(c.Request())))
	if formErr != nil {
		return err
	}
	defer release()
	f, formErr := readForm(c, limit)
	if formErr != nil {
		return err
	}
	return &unentered{form: f, cause: err}
}

// invalid is an error that carries the page to draw again, with everything that was typed. The page is read anew: the
// transaction that refused is over.
type invalid struct {
	status int
	least  db.Role
	page   page        // of the tenant, or
	again  controlPage // of the control plane
	cause  error
}

// Error is for the log.
func (e *invalid) Error() string { return "form refused: " + e.cause.Error() }

// Unwrap returns what was refused.
func (e *invalid) Unwrap() error { return e.cause }

// redraw answers a form with its page again, 422.
func redraw(cause error, p page) error {
	return &invalid{status: http.StatusUnprocessableEntity, least: db.Viewer, page: p, cause: cause}
}

// refuse answers an error of a signed-in request: a page drawn again where there is one, the wrong-tenant page, or the
// error page inside the person's own shell.
func (s *Server) refuse(r *request, f form, err error) error {
	if p, ok := s.own(r, err); ok {
		s.meter.refuse(err)
		return s.show(r, http.StatusNotFound, views.Own(p))
	}
	defer func(own uuid.UUID) { s.notice(r, f, own, err) }(r.session.Tenant.ID) // once it is answered
	var (
		again *invalid
		to    elsewhere
	)
	if errors.As(err, &to) {
		return err
	}
	if errors.As(err, &again) {
		component, readErr := s.redrawn(r, again)
		if readErr == nil {
			return s.show(r, again.status, component)
		}
		err = readErr
	}
	if errors.Is(err, errWrongTenant) {
		s.meter.refuse(err)
		return s.show(r, http.StatusConflict, views.WrongTenant(r.wrongTenant(f)))
	}
	answer := s.answer(r, err)
	if errors.Is(err, db.ErrRefused) || errors.Is(err, db.ErrNotMember) {
		// The shell would name an organization that this person may not see.
		r.session.Tenant, r.session.TenantName, r.session.Role = db.Tenant{}, "", ""
	}
	page := answer.page(r.shell(answer.heading, "", ""), requestID(r))
	page.Kept = f.kept()
	return s.show(r, answer.status, views.Error(page))
}

func (s *Server) redrawn(r *request, again *invalid) (component templ.Component, err error) {
	if again.page != nil {
		return s.read(r, again.least, again.page)
	}
	err = s.db.Control(r.Request().Context(), func(tx *db.ControlTx) (err error) {
		component, err = again.again(r, tx)
		return err
	})
	return component, err
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// show draws into a buffer first, so that a component that fails is an error page and not half a page.
func (s *Server) show(r *request, status int, component templ.Component) error {
	if r.shown && r.news.message != "" {
		if err := s.cookies.hush(r.Response(), r.Request()); err != nil {
			return err
		}
	}
	if r.cookie.old {
		if err := s.cookies.write(r.Response(), r.Request(), r.cookie); err != nil {
			return err
		}
	}
	private(r)
	return draw(r, status, component)
}

// private keeps an answer out of every cache.
func private(c echo.Context) {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderVary, "Cookie")
}

func draw(c echo.Context, status int, component templ.Component) error {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if err := component.Render(c.Request().Context(), b); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
	if !compressible(c.Request(), b.Len()) {
		return c.HTMLBlob(status, b.Bytes())
	}
	packed := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(packed)
	packed.Reset()
	if err := compress(packed, b.Bytes()); err != nil {
		return err
	}
	h.Set(echo.HeaderContentEncoding, "gzip")
	return c.HTMLBlob(status, packed.Bytes())
}
