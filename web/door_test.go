package web_test

import (
	"net/http"
	"strings"
	"testing"

	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/web"
)

// reached are the tables that a route reaches, as isolation.Why knows them: "table operation".
var reached = map[string][]string{
	"GET /jobs":                          {"jobs select"},
	"GET /jobs/:id":                      {"jobs select"},
	"GET /jobs/import/:id":               {"imports select", "import_rows select"},
	"POST /jobs/import":                  {"imports insert", "import_rows insert"},
	"POST /jobs/import/:id":              {"imports update", "import_rows insert", "import_rows delete", "jobs insert", "jobs update", "undos insert", "undos delete"},
	"POST /jobs/:id/triage":              {"jobs update", "undos insert", "undos delete"},
	"GET /proposals":                     {"proposals select", "users select"},
	"GET /proposals/:id":                 {"proposals select", "proposal_versions select", "proposal_events select"},
	"POST /proposals":                    {"proposals insert", "proposal_versions insert"},
	"POST /proposals/:id":                {"proposals update", "proposal_versions insert"},
	"POST /proposals/:id/autosave":       {"proposals update", "proposal_versions insert"},
	"POST /proposals/:id/here":           {"proposal_presence insert", "proposal_presence delete"},
	"GET /proposals/:id/stand":           {"proposals select", "proposal_presence select"},
	"GET /proposals/:id/history":         {"proposals select", "proposal_versions select"},
	"POST /proposals/:id/restore":        {"proposals update", "proposal_versions insert"},
	"POST /proposals/:id/move":           {"proposals update", "proposal_events insert"},
	"GET /organization/isolation":        {"analytics select", "policy_hits select", "alerts select"},
	"POST /organization/isolation/seen":  {"alerts update"},
	"POST /jobs/:id/notes":               {"job_notes insert"},
	"POST /jobs/notes/:id":               {"job_notes update", "job_notes delete"},
	"POST /jobs/:id/assign":              {"jobs update", "undos insert", "undos delete"},
	"POST /jobs/change":                  {"jobs update", "undos insert", "undos delete"},
	"GET /jobs/export.csv":               {"jobs select"},
	"POST /jobs/undo/:id":                {"jobs update", "jobs delete", "imports update", "import_rows update", "undos update"},
	"POST /jobs/searches":                {"saved_searches insert"},
	"POST /jobs/searches/:id":            {"saved_searches update", "saved_searches delete"},
	"GET /organization/audit":            {"analytics select"},
	"GET /organization/audit/export.csv": {"analytics select"},
}

// The operator is told which role a page demands; a route that demands another would make that a lie.
func TestWhyKnowsTheRolesThatTheRoutesDemand(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, r := range web.Routes() {
		role, ok := strings.CutPrefix(r.Policy, "tenant ")
		all, known := reached[r.Method+" "+r.Path]
		if ok && !known && r.Method == http.MethodPost {
			t.Errorf("%s %s changes a tenant's data, and what it reaches is not listed here", r.Method, r.Path)
		}
		for _, x := range all {
			seen++
			table, operation, _ := strings.Cut(x, " ")
			if least, ok := isolation.Least(table, operation); !ok || string(least) != role {
				t.Errorf("%s %s demands %s; for %s the operator is told %q", r.Method, r.Path, role, x, least)
			}
		}
	}
	if seen == 0 {
		t.Error("nothing was compared")
	}
}
