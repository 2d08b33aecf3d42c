package db_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
)

// step is something that a page does, with what it takes.
type step struct {
	name  string
	trips int64
	do    func() error
}

// reading are the steps that read, of a member of n who is signed in as sid.
func reading(t *testing.T, d *db.DB, n *dbtest.Tenant, sid control.SID, id uuid.UUID) []step {
	t.Helper()
	return []step{
		{"the session, its tenant and the switcher", 1, func() error {
			s, err := control.LoadSession(t.Context(), d, sid, n.ID)
			if err == nil && s.Tenant != n.Tenant {
				t.Errorf("session in %v", s.Tenant)
			}
			return err
		}},
		{"the jobs page", 1, func() error {
			var rows []job.Row
			err := d.Read(t.Context(), n.Actor(db.Owner), func(v *db.View) error {
				job.List(v, job.Filter{}, &rows)
				return v.Load()
			})
			if len(rows) != 1 {
				t.Errorf("%d jobs", len(rows))
			}
			return err
		}},
		{"a page of three queries", 1, func() error {
			var (
				j    job.Job
				seen []job.Sighting
				rows []job.Row
			)
			return d.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error {
				job.Get(v, id, &j)
				job.Sightings(v, id, &seen)
				job.List(v, job.Filter{Query: "saas"}, &rows)
				return v.Load()
			})
		}},
		{"a row that is not there", 1, func() error {
			var j job.Job
			err := d.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error {
				job.Get(v, uuid.New(), &j)
				return v.Load()
			})
			return expect(t, err, db.ErrNotFound)
		}},
		{"somebody who is not a member, and why", 2, func() error {
			var rows []job.Row
			err := d.Read(t.Context(), db.NewMember(n.Tenant, "user_stranger", db.Viewer), func(v *db.View) error {
				job.List(v, job.Filter{}, &rows)
				return v.Load()
			})
			return expect(t, err, db.ErrNotMember)
		}},
	}
}

// writing are the steps that write.
func writing(t *testing.T, d *db.DB, n *dbtest.Tenant, id uuid.UUID) []step {
	t.Helper()
	return []step{
		{"a write of one change", 3, func() error {
			return d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				return job.Move(ctx, tx, job.Job{ID: id}, job.Shortlisted, "")
			})
		}},
		{"a write that looks first", 3, func() error {
			return d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				j, err := job.Lock(ctx, tx, id)
				if err != nil {
					return err
				}
				return job.Move(ctx, tx, j, job.Skipped, "")
			})
		}},
	}
}

func TestAWarmPageIsTwoRoundTripsAndAWarmWriteThree(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	n := d.NewTenant(t)
	id := importOne(t, n)
	sid, owner := control.NewSID(), n.Members[db.Owner]
	err := d.DB.Control(t.Context(), func(tx *db.ControlTx) error {
		return control.SignIn(t.Context(), tx, sid, control.Person{ClerkUser: owner, ClerkSession: "sess_1"}, time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &dbtest.Wire{}
	tuned := d.Tuned(t, w.Tune)

	steps := append(reading(t, tuned, n, sid, id), writing(t, tuned, n, id)...)
	for _, s := range steps { // one after the other: they share the wire
		t.Run(s.name, func(t *testing.T) {
			if got := w.During(t, s.do); got != s.trips {
				t.Errorf("%d round trips, not %d", got, s.trips)
			}
		})
	}
}
