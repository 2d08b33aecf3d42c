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

// aside is what the app makes of a row that it treats apart, whoever asks or because of who does.
type aside struct {
	operation string
	outcome   Outcome
	condition string // in SQL: t is the row, which an insert does not have yet; me is the row in users of who asks
	says      string // one sentence; never what the row contains
}

// others sets apart the rows of everybody but the person whom a column names.
func others(column, says string, operations ...string) (all []aside) {
	for _, o := range operations {
		all = append(all, aside{o, Refuses, "t." + column + " <> me.id", says})
	}
	return all
}

var (
	written   = map[string]sealed.Role{"insert": sealed.MemberRole, "update": sealed.MemberRole}
	removable = map[string]sealed.Role{"insert": sealed.MemberRole, "update": sealed.MemberRole, "delete": sealed.MemberRole}
)

// undoable is the condition that the member who asks can still undo a change, n, of which of is true.
func undoable(of string) string {
	return "EXISTS (SELECT FROM undos n WHERE n.tenant_id = t.tenant_id AND n.user_id = me.id AND n.undone_at IS NULL AND n.expires_at >= now() AND " + of + ")"
}

// doors is the one table of them. A test of package web compares it with the routes.
var doors = map[string]door{
	"jobs": {sealed.Viewer, removable, []aside{
		{"select", Passes, "t.triage = 'archived'", "It is archived: with a filter by triage it is in the list under Archived only."},
		{"select", Passes, "t.triage = 'skipped'", "It was skipped: with a filter by triage it is in the list under Skipped only."},
		{"select", Passes, "EXISTS (SELECT FROM saved_searches s WHERE s.tenant_id = t.tenant_id AND s.user_id = me.id AND s.is_default)",
			"The member's list opens with a search that the member saved, which may leave it out."},
		{"delete", Refuses, "NOT " + undoable("n.kind = 'import' AND n.changes->'created' @> to_jsonb(t.id)"),
			"Only undoing the import that brought it deletes it, and only who confirmed the import can undo it, within a day."},
		{"delete", Refuses, `t.version <> 1 OR t.triage <> 'new' OR t.assignee_id IS NOT NULL OR 1 < (
			SELECT count(DISTINCT r.import_id) FROM import_rows r JOIN imports i ON i.tenant_id = r.tenant_id AND i.id = r.import_id
			WHERE r.tenant_id = t.tenant_id AND r.job_id = t.id AND i.state = 'imported' AND i.undone_at IS NULL)`,
			"It was changed since it came, or another import brought it as well: undoing an import leaves such a job."}}},
	"imports": {sealed.Viewer, written, []aside{
		{"select", Passes, "t.state = 'previewed'", "It was previewed and never confirmed: its jobs do not mention it."},
		{"update", Refuses, "t.state = 'imported' AND NOT " + undoable("n.import_id = t.id"),
			"It has been imported: an import is confirmed once, and only who confirmed it can undo it, within a day."}}},
	"import_rows": {sealed.Viewer, removable, []aside{
		{"update", Refuses, "NOT " + undoable("n.import_id = t.import_id"),
			"Only undoing its import changes it, and only who confirmed the import can undo it, within a day."},
		{"update", Refuses, "t.outcome NOT IN ('new', 'updated')", "It brought nothing, so undoing its import does not change it."},
		{"delete", Refuses, "EXISTS (SELECT FROM imports i WHERE i.tenant_id = t.tenant_id AND i.id = t.import_id AND i.state = 'imported')",
			"Its import has been confirmed: that replaces the rows of the preview, and afterwards they stay."}}},
	"proposals": {sealed.Viewer, written, []aside{
		{"select", Passes, "t.status = 'archived'", "It is archived: with a filter by status it is in the list under Archived only."},
		{"select", Passes, "t.user_id <> me.id", "Another member wrote it: with Only mine it is neither in the list nor on the board."},
		{"update", Passes, "t.status NOT IN ('draft', 'in_review', 'approved')", "It has been submitted or closed: its text stays as it is, its status may move on."},
		{"update", Passes, "t.status = 'in_review' AND me.role = 'member'", "It is in review: to approve it takes a manager, the rest does not."},
		{"update", Passes, "t.status IN ('declined', 'withdrawn') AND me.role = 'member'", "It is over: to reopen it takes a manager, to archive it does not."},
		{"update", Refuses, "t.status = 'archived' AND me.role = 'member'", "It is archived: it can only be reopened, and that takes a manager."}}},
	"proposal_versions": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole}, nil},
	"proposal_presence": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole, "delete": sealed.MemberRole}, []aside{
		{"select", Refuses, "t.user_id = me.id", "It is the member's own: who has a proposal open is told of the others only."},
		{"select", Refuses, "t.seen_at <= now() - interval '50 seconds'", "It is older than 50 seconds: who was not heard of since counts as gone."},
		{"delete", Refuses, "t.user_id <> me.id AND t.seen_at >= now() - interval '50 seconds'",
			"It says that another member is there: a member replaces their own, and lets go of what is older than 50 seconds."}}},
	"proposal_events": {sealed.Viewer, map[string]sealed.Role{"insert": sealed.MemberRole}, nil},
	"users": {sealed.Viewer, nil, []aside{
		{"select", Passes, "t.removed_at IS NOT NULL", "It was removed: what it wrote keeps its name, and it may not act."}}},
	"analytics":   {sealed.Admin, map[string]sealed.Role{"insert": sealed.MemberRole}, nil},
	"policy_hits": {sealed.Admin, nil, nil},
	"job_notes": {sealed.Viewer, removable,
		others("author_id", "Another member wrote it: everybody reads a note, and only who wrote it may change or delete it.", "update", "delete")},
	"saved_searches": {sealed.Viewer, removable, append(
		others("user_id", "Another member saved it: a saved search is there for who saved it, and for nobody else.", "select", "update", "delete"),
		aside{"insert", Refuses, "20 <= (SELECT count(*) FROM saved_searches s WHERE s.tenant_id = me.tenant_id AND s.user_id = me.id)",
			"The member keeps 20 searches, which is the most."})},
	"undos": {sealed.MemberRole, removable, append(
		others("user_id", "Another member made this change: undoing is offered to who made a change, and to nobody else.", "select", "update"),
		aside{"update", Refuses, "t.undone_at IS NOT NULL", "It has been undone already, and that is done once."},
		aside{"update", Refuses, "t.expires_at < now()", "It has expired: a change can be undone for a day."},
		aside{"delete", Refuses, "t.expires_at >= now()", "It has not expired: a change of jobs deletes those that have, whoever made them, and no others."})},
	"alerts": {sealed.Admin, map[string]sealed.Role{"update": sealed.Admin}, []aside{
		{"update", Refuses, "t.seen_at IS NOT NULL", "It has been seen already, and keeps who saw it first."}}},
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
	if !i.there && i.Question.Operation != "insert" {
		return nil
	}
	for _, a := range doors[i.Question.Table].asides {
		if a.operation != i.Question.Operation {
			continue
		}
		holds, err := i.holds(ctx, tx, a.condition)
		switch {
		case forbidden(err):
			i.say("app", Refuses, "The app lacks a grant on another table that it asks about this one.")
		case err != nil:
			return err
		case holds:
			i.say("app", a.outcome, a.says)
		}
	}
	return nil
}

// holds tells whether the condition of an aside is true of the row and of who asks.
func (i *inquiry) holds(ctx context.Context, tx pgx.Tx, condition string) (is bool, err error) {
	row, args := i.where()
	args = append(args, i.clerk)
	sql := fmt.Sprintf(`
		SELECT EXISTS (
		  SELECT FROM (SELECT) asked LEFT JOIN %s t ON %s LEFT JOIN users me ON me.tenant_id = $1 AND me.clerk_id = $%d
		  WHERE %s)`, i.table(i.home.Schema), row, len(args), condition)
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a refusal ends this part only
		return tx.QueryRow(ctx, sql, args...).Scan(&is)
	})
	return is, err
}
