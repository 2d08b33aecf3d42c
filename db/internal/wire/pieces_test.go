package wire

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

func TestAColumnOfAnotherTypeIsReadInAnotherWay(t *testing.T) {
	t.Parallel()
	var r reader[struct {
		A string `db:"a"`
	}]
	for _, oid := range []uint32{pgtype.TextOID, pgtype.UUIDOID, pgtype.TextOID} {
		if err := r.prepare([]pgconn.FieldDescription{{Name: "a", DataTypeOID: oid}}); err != nil {
			t.Fatal(err)
		}
		if ours := r.decoders[0] != nil; ours != (oid == pgtype.TextOID) || r.scans == ours {
			t.Errorf("type %d is read by ours: %v", oid, ours)
		}
	}
}

// The next result may be another tenant's.
func TestNothingIsLeftOfAPieceForTheNextResult(t *testing.T) {
	t.Parallel()
	var r reader[struct {
		Text string     `db:"text"`
		ID   *uuid.UUID `db:"id"`
	}]
	id := uuid.New()
	if err := r.prepare([]pgconn.FieldDescription{{Name: "text", DataTypeOID: pgtype.TextOID}, {Name: "id", DataTypeOID: pgtype.UUIDOID, Format: pgtype.BinaryFormatCode}}); err != nil {
		t.Fatal(err)
	}
	if err := r.decoders[0]([]byte("theirs")); err != nil || r.row.Text != "theirs" {
		t.Fatalf("%q, %v", r.row.Text, err)
	}
	if err := r.decoders[1](id[:]); err != nil || *r.row.ID != id {
		t.Fatalf("%v, %v", r.row.ID, err)
	}
	ids := r.pieces.cuts[0].(*cut[uuid.UUID])
	if r.pieces.texts.Len() == 0 || len(ids.rest) == 0 {
		t.Fatal("nothing is left in any case")
	}
	r.done()
	if r.pieces.texts.Len() != 0 || ids.rest != nil || r.row.Text != "" || r.row.ID != nil {
		t.Errorf("left: %q, %v, %+v", r.pieces.texts.String(), ids.rest, r.row)
	}
}
