package isolation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

// row is how SQL finds the row of a member.
func (a asked) row(role db.Role) string {
	return fmt.Sprintf("(SELECT id FROM users WHERE tenant_id = '%s' AND clerk_id = '%s')", a.Tenant.ID, a.Members[role])
}

// undoBy is the SQL that makes an import which created a job one that a member can undo.
func undoBy(a asked, role db.Role, created any) string {
	return fmt.Sprintf(`UPDATE undos SET user_id = %s, expires_at = now() + interval '1 day', changes = '{"created": ["%s"]}' WHERE tenant_id = '%s'`, a.row(role), created, a.Tenant.ID)
}

// personal is what the app lets only the person do whose a row is.
type personal struct {
	table, operation string
	app              func(context.Context, *db.Tx, uuid.UUID) error // how the app goes about it
	says             string                                         // to anybody else
}

func lockNote(ctx context.Context, tx *db.Tx, id uuid.UUID) error {
	_, err := job.LockNote(ctx, tx, id)
	return err
}

func lockSearch(ctx context.Context, tx *db.Tx, id uuid.UUID) error {
	_, err := job.LockSearch(ctx, tx, id)
	return err
}

func undo(ctx context.Context, tx *db.Tx, id uuid.UUID) error {
	_, err := job.Undo(ctx, tx, id)
	return err
}

var personals = []personal{
	{"job_notes", "update", lockNote, "another member wrote it"},
	{"job_notes", "delete", lockNote, "another member wrote it"},
	{"saved_searches", "select", lockSearch, "another member saved it"},
	{"saved_searches", "update", lockSearch, "another member saved it"},
	{"saved_searches", "delete", lockSearch, "another member saved it"},
	{"undos", "select", undo, "another member made this change"},
	{"undos", "update", undo, "another member made this change"},
}

func TestWhyAgreesWithTheAppOnWhoseARowIs(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	mustExec(t, d.Connect(t, "postgres"), strings.NewReplacer("%t", a.Tenant.ID.String(), "%m", a.row(db.MemberRole)).Replace(`
		UPDATE job_notes SET author_id = %m, note = 'hush' WHERE tenant_id = '%t';
		UPDATE saved_searches SET user_id = %m, name = 'hush' || id, address = 'q=hush' WHERE tenant_id = '%t';
		UPDATE undos SET user_id = %m, changes = '{"hush": 1}', expires_at = now() + interval '1 day' WHERE tenant_id = '%t'`))
	for _, x := range personals {
		id := a.of(x.table, 0)
		ask := func(role db.Role) (got isolation.Answer, app error) {
			app = d.DB.Write(t.Context(), a.Actor(role), func(ctx context.Context, tx *db.Tx) error { return x.app(ctx, tx, id) })
			got = why(t, d.DB, a.question(role, x.operation, x.table, id.String()))
			if strings.Contains(got.String(), "hush") {
				t.Errorf("%s of %s tells what the row contains: %s", x.operation, x.table, got)
			}
			return got, app
		}
		if got, app := ask(db.MemberRole); app != nil || !got.Allowed {
			t.Errorf("%s of one's own row of %s: the app answers %v, and why %s", x.operation, x.table, app, got)
		}
		got, app := ask(db.Owner)
		if !errors.Is(app, db.ErrNotFound) {
			t.Errorf("%s of another's row of %s: the app answers %v", x.operation, x.table, app)
		}
		decides(t, got, "app", x.says)
	}
}

func TestWhyKnowsThatEverybodyReadsANote(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	if got := why(t, d.DB, a.question(db.Viewer, "select", "job_notes", a.of("job_notes", 0).String())); !got.Allowed {
		t.Error(got)
	}
}

func TestWhyKnowsWhoCanUndoAnImport(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	brought, imported := a.of("jobs", 1), a.of("imports", 0)
	super := d.Connect(t, "postgres")
	mustExec(t, super, undoBy(a, db.MemberRole, brought))
	mustExec(t, super, "UPDATE imports SET state = 'imported', imported_at = now() WHERE id = $1", imported)
	mustExec(t, super, "UPDATE jobs SET assignee_id = NULL WHERE id = $1", brought)
	for _, q := range []isolation.Question{
		a.question(db.MemberRole, "delete", "jobs", brought.String()),
		a.question(db.MemberRole, "update", "imports", imported.String()),
		a.question(db.MemberRole, "update", "import_rows", imported.String()+"/1"),
	} {
		if got := why(t, d.DB, q); !got.Allowed {
			t.Errorf("who confirmed it: %s", got)
		}
		q.Member = a.Members[db.Owner]
		decides(t, why(t, d.DB, q), "app", "only who confirmed")
	}
	decides(t, why(t, d.DB, a.question(db.MemberRole, "delete", "import_rows", imported.String()+"/1")), "app", "has been confirmed")
	mustExec(t, super, "UPDATE import_rows SET outcome = 'same' WHERE import_id = $1", imported)
	decides(t, why(t, d.DB, a.question(db.MemberRole, "update", "import_rows", imported.String()+"/1")), "app", "it brought nothing")
	mustExec(t, super, "UPDATE jobs SET version = 2 WHERE id = $1", brought)
	decides(t, why(t, d.DB, a.question(db.MemberRole, "delete", "jobs", brought.String())), "app", "changed since it came")
}

func TestWhyKnowsWhatTheStatusOfAProposalLetsARoleDo(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	super := d.Connect(t, "postgres")
	id := a.of("proposals", 0)
	for _, status := range proposal.Statuses {
		mustExec(t, super, "UPDATE proposals SET status = $2, submitted_at = now() WHERE id = $1", id, status)
		for _, role := range []db.Role{db.MemberRole, db.Manager} {
			may := status.Editable() || len(proposal.Transitions(proposal.Proposal{Status: status}, role)) > 0
			if got := why(t, d.DB, a.question(role, "update", "proposals", id.String())); got.Allowed != may {
				t.Errorf("%s, which is %s: want %t: %s", role, status, may, got)
			}
		}
	}
}

func TestWhyKnowsWhoCountsAsPresent(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	super := d.Connect(t, "postgres")
	id := a.of("proposal_presence", 0).String()
	since := func(ago string) {
		t.Helper()
		mustExec(t, super, "UPDATE proposal_presence SET seen_at = now() - $2::interval "+ago+" WHERE id = $1", id, proposal.Present)
	}
	allowed := func(operation string) {
		t.Helper()
		if got := why(t, d.DB, a.question(db.Owner, operation, "proposal_presence", id)); !got.Allowed {
			t.Error(got)
		}
	}
	since("+ interval '20 seconds'")
	allowed("select")
	decides(t, why(t, d.DB, a.question(db.Owner, "delete", "proposal_presence", id)), "app", "another member is there")
	since("- interval '1 second'")
	decides(t, why(t, d.DB, a.question(db.Owner, "select", "proposal_presence", id)), "app", "counts as gone")
	allowed("delete")
	mustExec(t, super, "UPDATE proposal_presence SET seen_at = now(), user_id = "+a.row(db.Owner)+" WHERE id = $1", id)
	decides(t, why(t, d.DB, a.question(db.Owner, "select", "proposal_presence", id)), "app", "the member's own")
	allowed("delete")
}

func TestWhyKnowsHowManySearchesAMemberKeeps(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	super := d.Connect(t, "postgres")
	keep := func(n int) {
		mustExec(t, super, `INSERT INTO saved_searches (tenant_id, id, user_id, name, address, criteria)
			SELECT $1, gen_random_uuid(), `+a.row(db.MemberRole)+`, gen_random_uuid(), '', '{}' FROM generate_series(1, $2)`, a.Tenant.ID, n)
	}
	q := a.question(db.MemberRole, "insert", "saved_searches", uuid.NewString())
	keep(job.MaxSearches - 1)
	if got := why(t, d.DB, q); !got.Allowed {
		t.Error(got)
	}
	keep(1)
	decides(t, why(t, d.DB, q), "app", "which is the most")
}

func TestWhySaysHowTheAppTreatsARowApartThatItAllows(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	super := d.Connect(t, "postgres")
	mustExec(t, super, "UPDATE saved_searches SET user_id = "+a.row(db.Viewer)+", is_default = true WHERE id = $1", a.of("saved_searches", 0))
	for _, x := range []struct {
		role             db.Role
		operation, table string
		set, says        string
		is               bool
	}{
		{db.Viewer, "select", "jobs", "title = title", "opens with a search", true},
		{db.Owner, "select", "jobs", "title = title", "opens with a search", false},
		{db.Owner, "select", "jobs", "triage = 'archived'", "under Archived only", true},
		{db.Owner, "select", "jobs", "triage = 'skipped'", "under Skipped only", true},
		{db.Owner, "select", "imports", "source = source", "never confirmed", true},
		{db.Owner, "select", "proposals", "status = 'archived'", "under Archived only", true},
		{db.Owner, "select", "proposals", "user_id = user_id", "with Only mine", true},
		{db.Owner, "select", "proposals", "user_id = " + a.row(db.Owner), "with Only mine", false},
		{db.MemberRole, "update", "proposals", "status = 'in_review'", "to approve it takes a manager", true},
		{db.Manager, "update", "proposals", "status = 'in_review'", "to approve it takes a manager", false},
		{db.MemberRole, "update", "proposals", "status = 'declined', submitted_at = now()", "to reopen it takes a manager", true},
		{db.Manager, "update", "proposals", "status = 'declined'", "to reopen it takes a manager", false},
		{db.Manager, "update", "proposals", "status = 'declined'", "its text stays as it is", true},
		{db.Manager, "select", "users", "removed_at = now()", "it may not act", true},
	} {
		mustExec(t, super, "UPDATE "+x.table+" SET "+x.set+" WHERE id = $1", a.of(x.table, 0))
		got := why(t, d.DB, a.question(x.role, x.operation, x.table, a.of(x.table, 0).String()))
		if !got.Allowed || strings.Contains(got.String(), x.says) != x.is {
			t.Errorf("%s of %s where %s by %s: want %t for %q: %s", x.operation, x.table, x.set, x.role, x.is, x.says, got)
		}
	}
}
