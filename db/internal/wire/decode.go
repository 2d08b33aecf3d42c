package wire

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// decoder reads a value as Postgres sends it into the field that it was made for. src is nil for NULL, and not kept.
type decoder func(src []byte) error

// decoder is how a column of type oid is read into field, a pointer; nil: it is not one of the types that lists are made of, and
// pgx shall read it. Both give the same values.
func (p *pieces) decoder(field any, oid uint32, format int16) decoder {
	switch {
	case oid == pgtype.TextOID: // the same in both formats
		return valueOf(p, plain(field), p.readText)
	case format != pgtype.BinaryFormatCode:
		return nil
	}
	switch oid {
	case pgtype.TextArrayOID:
		return listOf(p, field, p.readText)
	case pgtype.UUIDOID:
		return valueOf(p, field, readUUID)
	case pgtype.UUIDArrayOID:
		return listOf(p, field, readUUID)
	case pgtype.BoolOID:
		return valueOf(p, field, readBool)
	case pgtype.TimestamptzOID:
		return valueOf(p, field, readTime)
	case pgtype.DateOID:
		return valueOf(p, field, readDate)
	case pgtype.Int2OID:
		return intOf(p, field, 2)
	case pgtype.Int4OID:
		return intOf(p, field, 4)
	case pgtype.Int8OID:
		return intOf(p, field, 8)
	}
	return nil
}

// intOf reads a number of so many bytes.
func intOf(p *pieces, field any, size int) decoder {
	if d := valueOf(p, field, func(into *int64, src []byte) error { return readInt(into, src, size) }); d != nil {
		return d
	}
	return valueOf(p, field, func(into *int, src []byte) error {
		var v int64
		if err := readInt(&v, src, size); err != nil {
			return err
		}
		if *into = int(v); int64(*into) != v {
			return errors.New("a number that is too large here")
		}
		return nil
	})
}

// valueOf reads into a T, or into a *T that is nil for NULL. It is nil for any other field.
func valueOf[T any](p *pieces, field any, read func(*T, []byte) error) decoder {
	switch into := field.(type) {
	case *T:
		return func(src []byte) error { return read(into, src) }
	case **T:
		c := cutFrom[T](p)
		return func(src []byte) error {
			if src == nil {
				*into = nil
				return nil
			}
			*into = &c.some(1)[0]
			return read(*into, src)
		}
	}
	return nil
}

// listOf reads an array into a []T. It is nil for any other field.
func listOf[T any](p *pieces, field any, read func(*T, []byte) error) decoder {
	into, ok := field.(*[]T)
	if !ok {
		return nil
	}
	c := cutFrom[T](p)
	return func(src []byte) error {
		if src == nil {
			*into = nil
			return nil
		}
		a := array{src}
		n, err := a.length()
		if err != nil {
			return err
		}
		*into = []T{}
		if n > 0 {
			*into = c.some(n)
		}
		for i := range *into {
			element, err := a.element()
			if err == nil {
				err = read(&(*into)[i], element)
			}
			if err != nil {
				return err
			}
		}
		return a.end()
	}
}

var (
	errNull = errors.New("NULL for what cannot be nil")
	errSize = errors.New("a value of another size than its type has")
)

// array is what is left of an array: a header of 12 bytes with the number of its dimensions, 8 for each dimension that begin with
// its length, and all elements behind their length, or behind -1 for NULL.
type array struct{ rest []byte }

// length reads the header. An array of arrays becomes one list, as it does with pgx.
func (a *array) length() (int, error) {
	const header, dimension, leastElement = 12, 8, 4
	if len(a.rest) < header {
		return 0, errSize
	}
	dimensions := int64(int32(binary.BigEndian.Uint32(a.rest)))
	a.rest = a.rest[header:]
	if dimensions < 0 || int64(len(a.rest)) < dimensions*dimension {
		return 0, errSize
	}
	if dimensions == 0 {
		return 0, nil
	}
	n := int64(1)
	for range dimensions {
		n *= int64(int32(binary.BigEndian.Uint32(a.rest)))
		a.rest = a.rest[dimension:]
		if n < 0 || n > int64(len(a.rest)/leastElement) {
			return 0, errSize
		}
	}
	return int(n), nil
}

// element reads the next element, nil for NULL.
func (a *array) element() ([]byte, error) {
	const length = 4
	if len(a.rest) < length {
		return nil, errSize
	}
	n := int32(binary.BigEndian.Uint32(a.rest))
	a.rest = a.rest[length:]
	if n == -1 {
		return nil, nil
	}
	if n < 0 || int(n) > len(a.rest) {
		return nil, errSize
	}
	one := a.rest[:n:n]
	a.rest = a.rest[n:]
	return one, nil
}

// end is an error when there is more than was announced.
func (a *array) end() error {
	if len(a.rest) > 0 {
		return errSize
	}
	return nil
}

// plain is a field of a string type as one of string, unless it scans itself.
func plain(field any) any {
	switch field.(type) {
	case sql.Scanner, pgtype.TextScanner, pgtype.BytesScanner:
		return field
	}
	v := reflect.ValueOf(field)
	if v.Elem().Kind() != reflect.String {
		return field
	}
	return v.Convert(reflect.TypeFor[*string]()).Interface()
}

func (p *pieces) readText(into *string, src []byte) error {
	if src == nil {
		return errNull
	}
	*into = p.text(src)
	return nil
}

// readUUID makes the zero id of NULL, as database/sql does.
func readUUID(into *uuid.UUID, src []byte) error {
	if src == nil {
		*into = uuid.Nil
		return nil
	}
	if len(src) != len(into) {
		return errSize
	}
	copy(into[:], src)
	return nil
}

func readBool(into *bool, src []byte) error {
	if err := sized(src, 1); err != nil {
		return err
	}
	*into = src[0] == 1
	return nil
}

func readInt(into *int64, src []byte, size int) error {
	if err := sized(src, size); err != nil {
		return err
	}
	switch size {
	case 2:
		*into = int64(int16(binary.BigEndian.Uint16(src)))
	case 4:
		*into = int64(int32(binary.BigEndian.Uint32(src)))
	default:
		*into = int64(binary.BigEndian.Uint64(src))
	}
	return nil
}

// Postgres counts times in microseconds and dates in days from the year 2000, and knows those from 4713 BC on to the years 294276
// and 5874897; what is outside is infinity.
const (
	y2k                    = 946684800 // in seconds of Unix
	firstTime, behindTimes = -211813488000000000, 9223371331200000000
	firstDate, behindDates = -2451545, 2145031949
)

var errInfinity = errors.New("infinity for a time")

// readTime makes a local time.
func readTime(into *time.Time, src []byte) error {
	if err := sized(src, 8); err != nil {
		return err
	}
	us := int64(binary.BigEndian.Uint64(src))
	if us < firstTime || us >= behindTimes {
		return errInfinity
	}
	*into = time.Unix(y2k+us/1e6, us%1e6*1e3)
	return nil
}

// readDate makes the beginning of a day in UTC.
func readDate(into *time.Time, src []byte) error {
	if err := sized(src, 4); err != nil {
		return err
	}
	days := int32(binary.BigEndian.Uint32(src))
	if days < firstDate || days >= behindDates {
		return errInfinity
	}
	*into = time.Date(2000, time.January, 1+int(days), 0, 0, 0, 0, time.UTC)
	return nil
}

// sized is an error unless src has so many bytes.
func sized(src []byte, n int) error {
	switch {
	case src == nil:
		return errNull
	case len(src) != n:
		return fmt.Errorf("%w: %d bytes", errSize, len(src))
	}
	return nil
}
