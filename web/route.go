package web

import (
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
)

// The kinds of handlers. They return, and the adapter commits, then writes: no answer is sent before its commit is known.
type (
	// page shows one tenant's data. It queues on v, loads, and builds the component; it cannot write.
	page func(c echo.Context, v *db.View) (templ.Component, error)
	// action changes one tenant's data and says where to go next.
	action func(c echo.Context, tx *db.Tx) (next string, err error)
	// controlPage shows what is known before a tenant is.
	controlPage func(c echo.Context, tx *db.ControlTx) (templ.Component, error)
	// controlAction changes what is known before a tenant is.
	controlAction func(c echo.Context, tx *db.ControlTx) (next string, err error)
	// download sends a file to a member of a tenant.
	download func(c echo.Context, v *db.View) (file, error)
	// lookPage shows what readers outside of any transaction of its own find.
	lookPage func(c echo.Context) (templ.Component, error)
	// ruleAction is a rule of app that makes its own transactions, because it talks to somebody else in between.
	ruleAction func(c echo.Context) (next string, err error)
)

// file is what a download sends.
type file struct {
	name string // ASCII without quotes
	kind string // its Content-Type
	body []byte
}

// route is one row of the table. It is written without field names, so that one without a door does not build.
type route struct {
	method string
	path   string
	door   door
}

// door is a handler behind its policy. It can only be made by the functions of adapter.go, each of which takes a policy,
// and New refuses the zero door.
type door struct {
	policy string
	body   int64 // how much of a request's body is read, in bytes
	hidden bool  // whoever may not pass is told that there is nothing here, by every method
	handle func(*Server) echo.HandlerFunc
}

// routes is the whole table: what there is, and who may.
func (h *handlers) routes() []route {
	return []route{
		{http.MethodGet, "/", signedInPage(h.home)},
		{http.MethodGet, "/healthz", public(h.health)},
		{http.MethodGet, "/readyz", public(h.ready)},
		{http.MethodGet, "/static/*", public(h.static)},

		{http.MethodGet, "/sign-in", entrance(h.signIn)},
		{http.MethodGet, "/auth/callback", entrance(h.callback)},
		{http.MethodGet, "/signed-out", public(h.signedOut)},
		{http.MethodPost, "/sign-out", signedInRule(h.signOut)},

		{http.MethodGet, "/organizations", signedInPage(h.organizations)},
		{http.MethodPost, "/organizations", signedInRule(h.createOrganization)},
		{http.MethodGet, "/organizations/invitations", signedInLook(h.invitations)},
		{http.MethodPost, "/organizations/switch", signedInAction(h.switchOrganization)},

		{http.MethodGet, "/jobs", tenantPage(db.Viewer, h.jobs)},
		{http.MethodGet, "/jobs/import", tenantPage(db.Viewer, h.importForm)},
		{http.MethodPost, "/jobs/import", tenantUpload(db.MemberRole, h.previewImport)},
		{http.MethodGet, "/jobs/import/:id", tenantPage(db.Viewer, h.importResult)},
		{http.MethodPost, "/jobs/import/:id", tenantAction(db.MemberRole, h.confirmImport)},
		{http.MethodGet, "/jobs/:id", tenantPage(db.Viewer, h.job)},
		{http.MethodPost, "/jobs/:id/triage", tenantAction(db.MemberRole, h.triageJob)},
		{http.MethodPost, "/jobs/:id/assign", tenantAction(db.MemberRole, h.assignJob)},
		{http.MethodPost, "/jobs/:id/notes", tenantAction(db.MemberRole, h.addNote)},
		{http.MethodPost, "/jobs/notes/:id", tenantAction(db.MemberRole, h.changeNote)},
		{http.MethodGet, "/jobs/change", tenantPage(db.MemberRole, h.confirmChange)},
		{http.MethodGet, "/jobs/export.csv", tenantExport(db.Viewer, h.exportJobs)},
		{http.MethodPost, "/jobs/change", tenantAction(db.MemberRole, h.changeJobs)},
		{http.MethodPost, "/jobs/undo/:id", tenantAction(db.MemberRole, h.undoJobs)},
		{http.MethodPost, "/jobs/searches", tenantAction(db.MemberRole, h.saveSearch)},
		{http.MethodPost, "/jobs/searches/:id", tenantAction(db.MemberRole, h.changeSearch)},

		{http.MethodGet, "/proposals", tenantPage(db.Viewer, h.proposals)},
		{http.MethodPost, "/proposals", tenantAction(db.MemberRole, h.startProposal)},
		{http.MethodGet, "/proposals/:id", tenantPage(db.Viewer, h.editor)},
		{http.MethodPost, "/proposals/:id", tenantAction(db.MemberRole, h.saveProposal)},
		{http.MethodPost, "/proposals/:id/autosave", tenantAction(db.MemberRole, h.typeProposal)},
		{http.MethodPost, "/proposals/:id/here", tenantAction(db.MemberRole, h.openProposal)},
		{http.MethodGet, "/proposals/:id/stand", tenantPage(db.Viewer, h.proposalStand)},
		{http.MethodGet, "/proposals/:id/history", tenantPage(db.Viewer, h.history)},
		{http.MethodPost, "/proposals/:id/restore", tenantAction(db.MemberRole, h.restoreProposal)},
		{http.MethodPost, "/proposals/:id/move", tenantAction(db.MemberRole, h.moveProposal)},

		{http.MethodGet, "/organization/audit", tenantPage(db.Admin, h.audit)},
		{http.MethodGet, "/organization/audit/export.csv", tenantExport(db.Admin, h.exportAudit)},
		{http.MethodGet, "/organization/isolation", tenantPage(db.Admin, h.isolation)},
		{http.MethodPost, "/organization/isolation/seen", tenantAction(db.Admin, h.seeAlerts)},
		{http.MethodGet, "/organization/isolation/proof.html", tenantDownload(db.Admin, h.proofPage)},
		{http.MethodGet, "/organization/isolation/proof.json", tenantDownload(db.Admin, h.proofText)},

		{http.MethodGet, "/admin", platformPage(h.overview)},
		{http.MethodGet, "/admin/tenants", platformPage(h.tenants)},
		{http.MethodGet, "/admin/isolation", platformPage(h.isolationOfAll)},
		{http.MethodGet, "/admin/why", platformLook(h.whyPage)},
		{http.MethodGet, "/admin/tasks", platformPage(h.tasks)},
		{http.MethodGet, "/admin/components", platformLook(h.components)},
	}
}
