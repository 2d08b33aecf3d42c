package isolation

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/internal/sealed"
)

// door is what the app itself demands of who wants at a table, beyond the database: the least role of the pages that read
// it and of those that change it. An operation that is not here is one that no page does.
type door struct {
	reads  sealed.Role
	writes map[string]sealed.Role // by operation
	asides []aside
}

// aside is a row that the app treats apart: a condition on it, and what the app makes of it.
type aside struct {
	operation string
	condition string
	says      string
	refuses   bool
}

var written = map[string]sealed.Role{"insert": sealed.MemberRole, "update": sealed.MemberRole}

// doors is the one table of them. A test of package web compares it with the routes.
var doors = map[string]door{
	"jobs": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole, "update": sealed.MemberRole, "delete": sealed.MemberRole}, []aside{
		{"select", "triage = 'archived'", "it is archived: with a filter by triage it is in the list under Archived only", false},
		{"select", "triage = 'skipped'", "it was skipped: with a filter by triage it is in the list under Skipped only", false}}},
	"imports": {sealed.Viewer, written, []aside{
		{"select", "state = 'previewed'", "it was previewed and never confirmed: its jobs do not mention it", false},
		{"update", "state = 'imported'", "it has been imported, and an import is confirmed once", true}}},
	"import_rows": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole}, nil},
	"proposals": {sealed.Viewer, written, []aside{
		{"select", "status = 'archived'", "it is archived: with a filter by status it is in the list under Archived only", false},
		{"update", "status NOT IN ('draft', 'in_review', 'approved')", "it has been submitted or closed: its text stays as it is, its status may move on", false}}},
	"proposal_versions": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole}, nil},
	"proposal_presence": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole, "delete": sealed.MemberRole}, nil},
	"proposal_events":   {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole}, nil},
	"users": {sealed.Viewer, nil, []aside{
		{"select", "removed_at IS NOT NULL", "it was removed: what it wrote keeps its name, and it may not act", false}}},
	"analytics":      {sealed.Admin, map[string]sealed.Role{"insert": sealed.MemberRole}, nil},
	"policy_hits":    {sealed.Admin, nil, nil},
	"job_notes":      {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole, "update": sealed.MemberRole, "delete": sealed.MemberRole}, nil},
	"saved_searches": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole, "update": sealed.MemberRole, "delete": sealed.MemberRole}, nil},
	"undos":          {sealed.MemberRole, written, nil},
	"alerts":         {sealed.Admin, map[string]sealed.Role{"update": sealed.Admin}, nil},
}

// Least is the role that the app demands for an operation on a table; false where no page does it.
func Least(table, operation string) (sealed.Role, bool) {
	d, ok := doors[table]
	if operation == "select" {
		return d.reads, ok
	}
	role, ok := d.writes[operation]
	return role, ok
}

// app says what the application demands and sorts out, beyond the database.
func (i *inquiry) app(ctx context.Context) error {
	least, ok := Least(i.Question.Table, i.Question.Operation)
	switch {
	case !ok:
		i.say("app", Refuses, fmt.Sprintf("No page lets anybody %s a row of %s; what does, if anything, is the worker.", i.Question.Operation, i.Question.Table))
	case i.role == "":
		i.say("app", Unasked, fmt.Sprintf("Its pages demand the role %s; the member has none.", least))
	case !i.role.AtLeast(least):
		i.say("app", Refuses, fmt.Sprintf("Its pages demand the role %s, and the member is %s.", least, i.role))
	default:
		i.say("app", Passes, fmt.Sprintf("Its pages demand the role %s, and the member is %s.", least, i.role))
	}
	return nil
}

// aside says what the app makes of a row that it treats apart.
func (i *inquiry) aside(ctx context.Context, tx pgx.Tx) error {
	if !i.there {
		return nil
	}
	condition, args := i.where()
	for _, a := range doors[i.Question.Table].asides {
		if a.operation != i.Question.Operation {
			continue
		}
		var holds bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+i.table(i.home.Schema)+" t WHERE "+condition+" AND "+a.condition+")", args...).Scan(&holds)
		if err != nil {
			return err
		}
		if holds {
			i.say("app", map[bool]Outcome{true: Refuses, false: Passes}[a.refuses], "Of this row: "+a.says+".")
		}
	}
	return nil
}
