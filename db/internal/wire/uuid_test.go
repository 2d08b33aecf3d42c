package wire_test

import (
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/internal/sealed"
)

func TestIdsOfEveryKindArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	n := dbtest.New(t).NewTenant(t)
	id := uuid.New()
	type row struct {
		One   uuid.UUID   `db:"one"`
		Some  *uuid.UUID  `db:"some"`
		None  *uuid.UUID  `db:"none"`
		Null  uuid.UUID   `db:"null"`
		Many  []uuid.UUID `db:"many"`
		Text  string      `db:"text"`
		Again uuid.UUID   `db:"again"`
	}
	var got row
	n.Read(t, db.Viewer, func(v *db.View) error {
		sealed.Get(v, "ids", `SELECT $2::uuid AS one, $3::uuid AS some, $4::uuid AS none, NULL::uuid AS "null", $5::uuid[] AS many,
			$2::uuid::text AS text, ($2::uuid::text)::uuid AS again WHERE $1::uuid IS NOT NULL`, &got, id, &id, (*uuid.UUID)(nil), []uuid.UUID{id, n.ID})
		return v.Load()
	})
	if got.One != id || got.Some == nil || *got.Some != id || got.None != nil || got.Null != uuid.Nil || got.Again != id || got.Text != id.String() ||
		len(got.Many) != 2 || got.Many[0] != id || got.Many[1] != n.ID {
		t.Errorf("sent %s, got %+v", id, got)
	}
}
