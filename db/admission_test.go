package db_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/db/task"
)

func TestWhoIsNotAdmittedSeesNothingAndWritesNothing(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	stranger := dbtest.New(t).NewTenant(t)
	id := importOne(t, n)
	viewer, owner := n.Members[db.Viewer], n.Members[db.Owner]
	cases := map[string]struct {
		who  db.Actor
		want error
	}{
		"a viewer where members may":               {db.NewMember(n.Tenant, viewer, db.MemberRole), db.ErrForbidden},
		"an admin where the owner may":             {db.NewMember(n.Tenant, n.Members[db.Admin], db.Owner), db.ErrForbidden},
		"the owner where nobody said who may":      {db.NewMember(n.Tenant, owner, ""), db.ErrForbidden},
		"the owner where an unknown role may":      {db.NewMember(n.Tenant, owner, "god"), db.ErrForbidden},
		"a person of no tenant":                    {db.NewMember(n.Tenant, "user_nobody", db.Viewer), db.ErrNotMember},
		"the owner of another tenant":              {db.NewMember(n.Tenant, stranger.Members[db.Owner], db.Viewer), db.ErrNotMember},
		"a member by another spelling of the name": {db.NewMember(n.Tenant, owner+" ", db.Viewer), db.ErrNotMember},
		"a tenant that nobody knows":               {db.NewMember(db.Tenant{ID: uuid.New(), Model: n.Model, Place: n.Place, Epoch: 1}, owner, db.Viewer), db.ErrRefused},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rows, j := []job.Row{{Title: "untouched"}}, job.Job{ID: uuid.Max}
			load := func(forget bool) func(v *db.View) error {
				return func(v *db.View) error {
					job.List(v, job.Filter{}, &rows)
					job.Get(v, id, &j)
					err := v.Load()
					if v.Member() != (db.Member{}) {
						t.Errorf("a member: %+v", v.Member())
					}
					if forget {
						return nil
					}
					return err
				}
			}

			_ = expect(t, d.Read(t.Context(), c.who, load(false)), c.want)
			if err := d.Read(t.Context(), c.who, load(true)); err != nil { // a page that forgets the error
				t.Error(err)
			}
			for name, use := range uses(id, &j) {
				err := d.Write(t.Context(), c.who, func(ctx context.Context, tx *db.Tx) error {
					_ = expect(t, use(ctx, tx), c.want)
					return nil // it forgets the error
				})
				if !errors.Is(err, c.want) {
					t.Errorf("%s: answered %v", name, err)
				}
			}
			_ = expect(t, d.Write(t.Context(), c.who, func(context.Context, *db.Tx) error { return errors.New("of the function") }), c.want)

			if len(rows) != 1 || rows[0].Title != "untouched" || j.ID != uuid.Max {
				t.Errorf("has read %v and %v", rows, j)
			}
		})
	}
}

func TestAChangeOfMembershipHoldsFromTheNextRequestOn(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id := importOne(t, n)
	person := n.Members[db.MemberRole]
	writes := func() error { return d.Write(t.Context(), n.Actor(db.MemberRole), move(job.Shortlisted, id)) }
	reads := func() error {
		return d.Read(t.Context(), db.NewMember(n.Tenant, person, db.Viewer), func(v *db.View) error { return v.Load() })
	}
	worker := func(fn func(context.Context, *db.Tx) error) {
		if err := task.New(d).Do(t.Context(), n.Tenant, fn); err != nil {
			t.Fatal(err)
		}
	}
	put := func(role db.Role) func(context.Context, *db.Tx) error {
		return func(ctx context.Context, tx *db.Tx) error {
			return member.Put(ctx, tx, person, "a@example.com", "A", role)
		}
	}
	_, _ = expect(t, writes(), nil), expect(t, reads(), nil)

	worker(put(db.Viewer))
	_, _ = expect(t, writes(), db.ErrForbidden), expect(t, reads(), nil)

	worker(func(ctx context.Context, tx *db.Tx) error { return member.Remove(ctx, tx, person) })
	_, _ = expect(t, writes(), db.ErrNotMember), expect(t, reads(), db.ErrNotMember)

	worker(put(db.MemberRole))
	_, _ = expect(t, writes(), nil), expect(t, reads(), nil)
}
