package wire

import (
	"database/sql"
	"reflect"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// pieces is what the small values of one result are cut from, so that a list is allocated by the piece and not by the value.
// Who keeps one of them keeps its piece in memory, so no piece is large; and no two results share one.
type pieces struct {
	texts strings.Builder
	cuts  []interface{ forget() } // of all other kinds
}

// How large pieces are: the first of a result, and at most. Each further one is twice as large as the last.
const (
	firstTexts, mostTexts   = 256, 4096 // bytes
	firstValues, mostValues = 4, 64
	longText                = 512 // bytes: what is not shorter is not cut from a piece
)

// forget drops what is left of every piece.
func (p *pieces) forget() {
	p.texts = strings.Builder{}
	for _, c := range p.cuts {
		c.forget()
	}
}

// text is a copy of b.
func (p *pieces) text(b []byte) string {
	if len(b) >= longText {
		return string(b)
	}
	if p.texts.Cap()-p.texts.Len() < len(b) {
		size := max(firstTexts, min(mostTexts, 2*p.texts.Cap()), len(b))
		p.texts = strings.Builder{} // who has a text of the last piece keeps it
		p.texts.Grow(size)
	}
	from := p.texts.Len()
	p.texts.Write(b)
	return p.texts.String()[from:]
}

// target is where pgx shall scan a column of type oid that belongs into field, a pointer: for the kinds that lists are made of
// it is something that cuts the value from a piece, and else the field itself.
func (p *pieces) target(field any, oid uint32) any {
	switch oid {
	case pgtype.TextOID:
		if s, ok := stringOf(field); ok {
			return &text{p, s}
		}
	case pgtype.TextArrayOID:
		if into, ok := field.(*[]string); ok {
			return keep(p, &texts{list: list[string]{into: into}, one: text{from: p}})
		}
	case pgtype.UUIDArrayOID:
		if into, ok := field.(*[]uuid.UUID); ok {
			return keep(p, &list[uuid.UUID]{into: into})
		}
	case pgtype.UUIDOID:
		if into, ok := field.(**uuid.UUID); ok {
			return keep(p, &id{optional[uuid.UUID]{into: into}})
		}
	case pgtype.BoolOID:
		if into, ok := field.(**bool); ok {
			return keep(p, &truth{optional[bool]{into: into}})
		}
	case pgtype.Int8OID, pgtype.Int4OID:
		switch into := field.(type) {
		case **int64:
			return keep(p, &number[int64]{optional[int64]{into: into}})
		case **int:
			return keep(p, &number[int]{optional[int]{into: into}})
		}
	}
	return field
}

// keep notes a target, to be told to forget.
func keep[T interface{ forget() }](p *pieces, target T) T {
	p.cuts = append(p.cuts, target)
	return target
}

// stringOf is the string that a pointer to one points to, also when it has a name of its own, unless it scans itself.
func stringOf(field any) (*string, bool) {
	v := reflect.ValueOf(field)
	if _, itself := field.(sql.Scanner); itself || v.Elem().Kind() != reflect.String {
		return nil, false
	}
	return v.Convert(reflect.TypeFor[*string]()).Interface().(*string), true
}

// text is the target of a text.
type text struct {
	from *pieces
	into *string
}

// ScanBytes implements pgtype.BytesScanner.
func (t *text) ScanBytes(b []byte) error {
	if b == nil {
		return errNull
	}
	*t.into = t.from.text(b)
	return nil
}

// cut gives out values of larger and larger pieces.
type cut[T any] struct {
	rest []T
	size int // of the last piece
}

func (c *cut[T]) forget() { *c = cut[T]{} }

func (c *cut[T]) some(n int) []T {
	if len(c.rest) < n {
		c.size = max(firstValues, min(mostValues, 2*c.size))
		c.rest = make([]T, max(n, c.size))
	}
	some := c.rest[:n:n]
	c.rest = c.rest[n:]
	return some
}

// list is the target of an array.
type list[T any] struct {
	cut[T]
	into *[]T
}

// SetDimensions implements pgtype.ArraySetter. As with pgx, an array of arrays becomes one list, and NULL is nil.
func (l *list[T]) SetDimensions(dimensions []pgtype.ArrayDimension) error {
	if dimensions == nil {
		*l.into = nil
		return nil
	}
	if len(dimensions) == 0 {
		*l.into = []T{}
		return nil
	}
	n := 1
	for _, d := range dimensions {
		n *= int(d.Length)
	}
	*l.into = l.some(n)
	return nil
}

// ScanIndex implements pgtype.ArraySetter.
func (l *list[T]) ScanIndex(i int) any { return &(*l.into)[i] }

// ScanIndexType implements pgtype.ArraySetter.
func (l *list[T]) ScanIndexType() any { return new(T) }

// texts is the target of an array of texts.
type texts struct {
	list[string]
	one text // the target of the element that is scanned
}

func (t *texts) forget() {
	t.list.forget()
	t.one.into = nil
}

// ScanIndex implements pgtype.ArraySetter.
func (t *texts) ScanIndex(i int) any {
	t.one.into = &(*t.into)[i]
	return &t.one
}

// ScanIndexType implements pgtype.ArraySetter.
func (t *texts) ScanIndexType() any { return &t.one }

// optional is what the targets of values that may be NULL have in common.
type optional[T any] struct {
	cut[T]
	into **T
}

func (o *optional[T]) set(value T, valid bool) error {
	if !valid {
		*o.into = nil
		return nil
	}
	one := o.some(1)
	one[0], *o.into = value, &one[0]
	return nil
}

type (
	number[T int | int64] struct{ optional[T] }
	truth                 struct{ optional[bool] }
	id                    struct{ optional[uuid.UUID] }
)

// ScanInt64 implements pgtype.Int64Scanner.
func (n *number[T]) ScanInt64(v pgtype.Int8) error { return n.set(T(v.Int64), v.Valid) }

// ScanBool implements pgtype.BoolScanner.
func (t *truth) ScanBool(v pgtype.Bool) error { return t.set(v.Bool, v.Valid) }

// ScanUUID implements pgtype.UUIDScanner.
func (i *id) ScanUUID(v pgtype.UUID) error { return i.set(v.Bytes, v.Valid) }
