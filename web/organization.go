package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/views"
)

// home leads to where the work is.
func (h *handlers) home(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
	if c.QueryParam("__clerk_status") != "" { // back from accepting an invitation: signing in again brings memberships in step
		return nil, elsewhere{"/sign-in?again=yes&return_to=%2Forganizations"}
	}
	if signedIn(c).session.Tenant.ID == uuid.Nil {
		return nil, elsewhere{"/organizations"}
	}
	return nil, elsewhere{"/jobs"}
}

func (h *handlers) organizations(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
	return organizationsPage(c, tx, views.OrganizationsPage{})
}

func organizationsPage(c echo.Context, tx *db.ControlTx, p views.OrganizationsPage) (templ.Component, error) {
	r := signedIn(c)
	p.Search = searchText(c.QueryParam("q"))
	err := control.Organizations(c.Request().Context(), tx, r.session.ClerkUser, p.Search, &p.List)
	p.Shell = r.shell("Organizations", "organizations", "")
	return views.Organizations(p), err
}

// invitations lists what the person is invited to. The switcher asks for it when it is opened, so that no other page waits
// for Clerk.
func (h *handlers) invitations(c echo.Context) (templ.Component, error) {
	r := signedIn(c)
	list, err := h.orgs.Invitations(c.Request().Context(), r.session.ClerkUser)
	if err != nil {
		return nil, err
	}
	p := views.InvitationsPage{Shell: r.shell("Invitations", "organizations", "")}
	for _, i := range list {
		p.List = append(p.List, views.Invitation{Organization: i.Organization, Role: i.Role, URL: i.URL})
	}
	return views.Invitations(p), nil
}

// createOrganization makes an organization at Clerk and its tenant here, and goes there.
func (h *handlers) createOrganization(c echo.Context) (string, error) {
	r := signedIn(c)
	if err := r.form.only("name"); err != nil {
		return "", err
	}
	name := r.form.line("name")
	tenant, err := h.orgs.Create(c.Request().Context(), r.session.Person, name)
	var rule *app.Error
	if errors.As(err, &rule) && rule.Code == app.Invalid {
		return "", &invalid{status: http.StatusUnprocessableEntity, cause: err, again: func(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
			return organizationsPage(c, tx, views.OrganizationsPage{Name: name, Errors: rule.Fields})
		}}
	}
	if err != nil {
		return "", err
	}
	to := control.NewSID()
	if err := h.orgs.MoveSession(c.Request().Context(), r.cookie.sid, to, r.session.ClerkUser, tenant); err != nil {
		return "", err
	}
	r.cookie = cookie{sid: to, tenant: tenant}
	r.say("“" + name + "” was created. You are now working in it.")
	return "/jobs", nil
}

// switchOrganization makes another organization of the person's directory the active one. An organization that the person
// is not in and one that does not exist get the same answer.
func (h *handlers) switchOrganization(c echo.Context, tx *db.ControlTx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("tenant_id", "return_to"); err != nil {
		return "", err
	}
	tenant, to := r.form.id("tenant_id"), control.NewSID()
	name, err := control.Switch(c.Request().Context(), tx, r.cookie.sid, to, r.session.ClerkUser, tenant)
	if err != nil {
		return "", err
	}
	r.cookie = cookie{sid: to, tenant: tenant}
	r.say("You are now working in “" + name + "”.")
	if back, ok := localPath(r.form.get("return_to")); ok {
		return back, nil
	}
	return "/jobs", nil
}

// searchText makes an address's search text fit for the database: what it cannot hold matches nothing anyway.
func searchText(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", ""))
	if len([]rune(s)) > 200 {
		s = string([]rune(s)[:200])
	}
	return s
}
