package wire

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

func TestAColumnOfAnotherTypeGoesElsewhere(t *testing.T) {
	t.Parallel()
	var r reader[struct {
		A string `db:"a"`
	}]
	for _, oid := range []uint32{pgtype.TextOID, pgtype.UUIDOID, pgtype.TextOID} {
		if err := r.prepare([]pgconn.FieldDescription{{Name: "a", DataTypeOID: oid}}); err != nil {
			t.Fatal(err)
		}
		if _, cut := r.targets[0].(*text); cut != (oid == pgtype.TextOID) {
			t.Errorf("type %d goes into %T", oid, r.targets[0])
		}
	}
}

// The next result may be another tenant's.
func TestNothingIsLeftOfAPieceForTheNextResult(t *testing.T) {
	t.Parallel()
	var (
		p    pieces
		into []string
		m    = pgtype.NewMap()
	)
	l := p.target(&into, pgtype.TextArrayOID).(*texts)
	if err := m.Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, []byte("{theirs,too}"), l); err != nil || len(into) != 2 {
		t.Fatalf("%q, %v", into, err)
	}
	if p.texts.Len() == 0 || len(l.rest) == 0 || l.one.into == nil {
		t.Fatal("nothing is left in any case")
	}
	p.forget()
	if p.texts.Len() != 0 || l.rest != nil || l.one.into != nil {
		t.Errorf("left: %q, %q, %v", p.texts.String(), l.rest, l.one.into)
	}
}
