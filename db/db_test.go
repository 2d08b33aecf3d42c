package db_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const vollna = `{"projects":[{"url":"https://www.upwork.com/jobs/~022050861570460031848","title":"Go developer","budget":"45 - 70 USD",
	"budget_type":"hourly","skills":"Golang","published":"2026-05-03T08:56:18+00:00","questions":["When?"],"description":"We run a small SaaS."}],"filter":{"name":"x"}}`

// importOne imports one job into n and returns its id.
func importOne(t *testing.T, n *dbtest.Tenant) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	n.Write(t, db.MemberRole, func(ctx context.Context, tx *db.Tx) (err error) {
		id, err = app.PreviewImport(ctx, tx, []byte(vollna), "v.json")
		return err
	})
	n.Write(t, db.MemberRole, func(ctx context.Context, tx *db.Tx) error {
		_, _, err := app.ConfirmImport(ctx, tx, id)
		return err
	})
	rows := list(t, n)
	if len(rows) != 1 {
		t.Fatalf("%d jobs after the import", len(rows))
	}
	return rows[0].ID
}

func list(t *testing.T, n *dbtest.Tenant) []job.Row {
	t.Helper()
	var rows []job.Row
	n.Read(t, db.Viewer, func(v *db.View) error {
		job.List(v, job.Filter{Query: `"small saas" developer -java`}, &rows)
		return v.Load()
	})
	return rows
}

func TestTheMainJobInOneTenantIsInvisibleInAnother(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := d.NewTenant(t), d.NewTenant(t)
	id := importOne(t, a)
	var pid uuid.UUID
	a.Write(t, db.MemberRole, func(ctx context.Context, tx *db.Tx) (err error) {
		pid, err = app.StartProposal(ctx, tx, id)
		return err
	})
	a.Write(t, db.MemberRole, func(ctx context.Context, tx *db.Tx) error {
		return app.SaveProposal(ctx, tx, pid, 1, proposal.Text{Letter: "Hello", Answers: []proposal.Answer{{Answer: "Monday"}}}, "typed")
	})
	a.Write(t, db.MemberRole, func(ctx context.Context, tx *db.Tx) error {
		return app.MoveProposal(ctx, tx, pid, 2, proposal.Submitted, proposal.Outcome{})
	})
	var p proposal.Row
	a.Read(t, db.Viewer, func(v *db.View) error {
		proposal.Get(v, pid, &p)
		return v.Load()
	})
	if p.Status != proposal.Submitted || p.Letter != "Hello" || p.SubmittedAt == nil {
		t.Fatalf("proposal %+v", p)
	}
	if rows := list(t, b); len(rows) != 0 {
		t.Fatalf("the other tenant sees %d jobs", len(rows))
	}
	for name, load := range map[string]func(*db.View){
		"job":      func(v *db.View) { var j job.Job; job.Get(v, id, &j) },
		"proposal": func(v *db.View) { var r proposal.Row; proposal.Get(v, pid, &r) },
	} {
		err := d.DB.Read(t.Context(), b.Actor(db.Viewer), func(v *db.View) error { load(v); return v.Load() })
		if !errors.Is(err, db.ErrNotFound) {
			t.Errorf("%s of the other tenant: %v", name, err)
		}
	}
}
