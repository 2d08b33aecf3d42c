package wire

import (
	"encoding/binary"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// decoded are the types that decoders of ours read, with a field for each.
var decoded = []struct {
	oid     uint32
	field   func() any // new each time
	lenient bool       // pgx takes some that Postgres never writes: a uuid without bytes, a dimension of less than none
}{
	{pgtype.TextOID, func() any { return new(string) }, false},
	{pgtype.TextOID, func() any { return new(*string) }, false},
	{pgtype.TextArrayOID, func() any { return new([]string) }, true},
	{pgtype.UUIDOID, func() any { return new(uuid.UUID) }, true},
	{pgtype.UUIDOID, func() any { return new(*uuid.UUID) }, true},
	{pgtype.UUIDArrayOID, func() any { return new([]uuid.UUID) }, true},
	{pgtype.BoolOID, func() any { return new(bool) }, false},
	{pgtype.BoolOID, func() any { return new(*bool) }, false},
	{pgtype.TimestamptzOID, func() any { return new(time.Time) }, false},
	{pgtype.TimestamptzOID, func() any { return new(*time.Time) }, false},
	{pgtype.DateOID, func() any { return new(time.Time) }, false},
	{pgtype.DateOID, func() any { return new(*time.Time) }, false},
	{pgtype.Int2OID, func() any { return new(int) }, false},
	{pgtype.Int2OID, func() any { return new(*int64) }, false},
	{pgtype.Int4OID, func() any { return new(*int) }, false},
	{pgtype.Int4OID, func() any { return new(int64) }, false},
	{pgtype.Int8OID, func() any { return new(int64) }, false},
	{pgtype.Int8OID, func() any { return new(*int) }, false},
}

// What is not as Postgres writes it is an error and no panic, and what is read is what pgx reads, and no less.
func FuzzDecoder(f *testing.F) {
	element := func(b []byte, text string) []byte {
		return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	}
	list := func(n ...uint32) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(n)))
		b = binary.BigEndian.AppendUint32(b, 0)
		b = binary.BigEndian.AppendUint32(b, pgtype.TextOID)
		for _, one := range n {
			b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, one), 1)
		}
		return b
	}
	days := func(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
	micros := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	const id = "0123456789abcdef"
	for _, src := range [][]byte{nil, {}, {1}, []byte("text"), []byte(id), {0, 1}, {0, 0, 0, 1}, {0x80, 0, 0, 0, 0, 0, 0, 0}, {0x7f, 255, 255, 255, 255, 255, 255, 255},
		days(-2451546), days(-2451545), days(2145031948), days(2145031949), days(-1 << 31), days(1<<31 - 1),
		micros(firstTime - 1), micros(firstTime), micros(behindTimes - 1), micros(behindTimes),
		list(), list(0), element(list(1), "a"), element(element(list(2), ""), "b"), element(list(1), id), element(element(list(2, 1), id), id),
		list(1 << 31), list(1<<16, 1<<16), binary.BigEndian.AppendUint32(list(1), 1<<32-1), append(element(list(1), "a"), "more"...)} {
		for at := range decoded {
			f.Add(uint8(at), src, src == nil)
		}
	}
	f.Fuzz(func(t *testing.T, at uint8, src []byte, null bool) {
		if null {
			src = nil
		} else if src == nil {
			src = []byte{}
		}
		d := decoded[int(at)%len(decoded)]
		ours, theirs := d.field(), d.field()
		read := new(pieces).decoder(ours, d.oid, pgtype.BinaryFormatCode)
		if read == nil {
			t.Fatalf("nothing reads %T from %d", ours, d.oid)
		}
		m := pgtype.NewMap()
		RegisterUUID(m)
		err, theirErr := read(src), m.Scan(d.oid, pgtype.BinaryFormatCode, src, theirs)
		if err != nil && (theirErr != nil || d.lenient) {
			return
		}
		if err != nil || theirErr != nil {
			t.Fatalf("%x into %T: here %v, and with pgx %v", src, ours, err, theirErr)
		}
		if !reflect.DeepEqual(ours, theirs) {
			t.Fatalf("%x into %T: %v, and with pgx %v", src, ours, reflect.ValueOf(ours).Elem(), reflect.ValueOf(theirs).Elem())
		}
	})
}
