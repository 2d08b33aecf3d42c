package sealed_test

import (
	"context"
	"errors"
	"testing"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/internal/sealed"
)

// The first read of a transaction travels with the actor row: it runs before anybody has judged, and must not be handed
// over to whoever is refused.
func TestAReadThatTravelsWithTheActorRowIsHandedToNobodyWhoIsRefused(t *testing.T) {
	t.Parallel()
	n := dbtest.New(t).NewTenant(t)
	type person struct {
		Name string `db:"name"`
	}
	read := func(a db.Actor) (people []person, err error) {
		err = n.DB.Write(t.Context(), a, func(ctx context.Context, tx *db.Tx) error {
			_ = sealed.FindAll(ctx, tx, "people", "SELECT name FROM users WHERE tenant_id = $1", &people) // it forgets the error
			return nil
		})
		return people, err
	}
	if people, err := read(n.Actor(db.Owner)); err != nil || len(people) != 5 {
		t.Fatalf("the owner: %d people, %v", len(people), err)
	}
	if people, err := read(db.NewMember(n.Tenant, n.Members[db.Viewer], db.Owner)); !errors.Is(err, db.ErrForbidden) || people != nil {
		t.Errorf("a viewer where owners may: %v, %v", people, err)
	}
}
