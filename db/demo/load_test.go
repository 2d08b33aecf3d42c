package demo_test

import (
	"io"
	"testing"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestLoadingTwiceIsLoadingOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t).DB
	for range 2 {
		if err := demo.Load(t.Context(), d, time.Now(), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range demo.Organizations(time.Now()) {
		owner := o.Members[0].Person.ID
		tenant := tenantOf(t, d, owner, o.Name)
		jobs, proposals := count(t, d, db.NewMember(tenant, owner, db.Viewer))
		if jobs != len(o.Jobs) || proposals != len(o.Proposals) {
			t.Errorf("%s has %d jobs and %d proposals, want %d and %d", o.Name, jobs, proposals, len(o.Jobs), len(o.Proposals))
		}
	}
}

func TestOnlyAnEmptyInstallationGetsTheDemo(t *testing.T) {
	t.Parallel()
	own := dbtest.Own(t)
	n := own.NewTenant(t)
	if err := demo.LoadIfEmpty(t.Context(), own.DB, time.Now(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if jobs, _ := count(t, own.DB, n.Actor(db.Viewer)); jobs != 0 {
		t.Errorf("the tenant got %d jobs", jobs)
	}
	if tenantOf(t, own.DB, demo.People()[0].ID, "") != (db.Tenant{}) {
		t.Error("a demo organization was made")
	}
}

func tenantOf(t *testing.T, d *db.DB, person, name string) (found db.Tenant) {
	t.Helper()
	err := d.Control(t.Context(), func(tx *db.ControlTx) error {
		var known []control.Known
		err := control.Directory(t.Context(), tx, person, &known)
		for _, k := range known {
			if k.Name == name || name == "" {
				found = k.Tenant()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// count pages through both lists to their ends.
func count(t *testing.T, d *db.DB, a db.Actor) (jobs, proposals int) {
	t.Helper()
	var f job.Filter
	for more := true; more; {
		var rows []job.Row
		load(t, d, a, func(v *db.View) { job.List(v, f, &rows) })
		if more = len(rows) > job.PageSize; more {
			rows = rows[:job.PageSize]
			last := rows[job.PageSize-1]
			place := f.Sort.Place(&last)
			f.Before = &place
		}
		jobs += len(rows)
	}
	var g proposal.Filter
	for more := true; more; {
		var rows []proposal.Row
		load(t, d, a, func(v *db.View) { proposal.List(v, g, "", &rows) })
		if more = len(rows) > proposal.PageSize; more {
			rows = rows[:proposal.PageSize]
			g.Before = &rows[proposal.PageSize-1].ID
		}
		proposals += len(rows)
	}
	return jobs, proposals
}

func load(t *testing.T, d *db.DB, a db.Actor, queue func(*db.View)) {
	t.Helper()
	err := d.Read(t.Context(), a, func(v *db.View) error { queue(v); return v.Load() })
	if err != nil {
		t.Fatal(err)
	}
}
