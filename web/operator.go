package web

import (
	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/views"
)

// overview is the operator's first page.
func (h *handlers) overview(c echo.Context, tx *db.ControlTx) (templ.Component, error) {
	p := views.OverviewPage{}
	if err := control.CountStates(c.Request().Context(), tx, &p.States); err != nil {
		return nil, err
	}
	p.Shell = operatorShell(c, "Overview", "overview")
	return views.Overview(p), nil
}

// operatorShell stands around a page of the operator's: it is of no organization, whichever the person works in.
func operatorShell(c echo.Context, title, section string) views.Shell {
	s := signedIn(c).shell(title, section, "")
	s.Tenant, s.TenantName, s.Organizations = uuid.Nil, "", nil
	return s
}
