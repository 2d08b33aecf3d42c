// Package wire turns rows into structs and back: what the app's values are on a connection, and how lists of them are read
// without an allocation a value.
package wire

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Collect reads rows into structs, each column into the field whose db tag has its name. A field without a column and a column
// without a field are errors, as is NULL for what cannot be nil. A T that has no field with a db tag is the value of the only
// column. into is replaced, and not nil afterwards, unless there is an error. rows are those of a connection.
//
// It does what pgx.CollectRows does with pgx.RowToStructByName, which looks up the fields for every row and allocates every
// value: that was half of what the jobs page cost the application.
func Collect[T any](rows pgx.Rows, into *[]T) error {
	defer rows.Close()
	all := []T{}
	if rows.Next() {
		r := readerOf[T]()
		defer r.done()
		if err := r.prepare(rows.FieldDescriptions()); err != nil {
			return err
		}
		for more := true; more; more = rows.Next() {
			if err := r.read(rows); err != nil {
				return err
			}
			if len(all) == cap(all) {
				all = slices.Grow(all, max(1, r.count, 7*len(all)))
			}
			all = append(all, r.row)
			if r.scans {
				r.row = r.none // pgx reads into what is there, which must not be the last row
			}
		}
		r.count = min(len(all), mostRows)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	*into = all
	return nil
}

// mostRows is how many rows are made room for at the beginning, because the last result of the kind had as many.
const mostRows = 64

// reader reads every row of a result into the same struct. It is used again for other results, of which it keeps nothing but
// where the columns go and how much there was.
type reader[T any] struct {
	row, none T
	pieces    pieces
	columns   []column
	decoders  []decoder // by column; nil: pgx reads it
	targets   []any     // by column: where pgx reads to
	scans     bool      // pgx reads at least one
	count     int       // of the rows of the last result
}

// column is what decides how a column is read.
type column struct {
	name   string
	oid    uint32
	format int16
}

// readers has a *sync.Pool of the readers of each type of struct.
var readers sync.Map

func readerOf[T any]() *reader[T] {
	kind := reflect.TypeFor[T]()
	pool, ok := readers.Load(kind)
	if !ok {
		pool, _ = readers.LoadOrStore(kind, &sync.Pool{New: func() any { return &reader[T]{} }})
	}
	return pool.(*sync.Pool).Get().(*reader[T])
}

// done gives r back, without anything of what it read.
func (r *reader[T]) done() {
	r.row = r.none
	r.pieces.nextResult()
	if pool, ok := readers.Load(reflect.TypeFor[T]()); ok {
		pool.(*sync.Pool).Put(r)
	}
}

// prepare says how each column is read.
func (r *reader[T]) prepare(columns []pgconn.FieldDescription) error {
	same := func(a column, b pgconn.FieldDescription) bool { return a == columnOf(b) }
	if r.columns != nil && slices.EqualFunc(r.columns, columns, same) {
		return nil
	}
	*r = reader[T]{} // as long as they are not known to fit
	row := reflect.ValueOf(&r.row).Elem()
	fields := fieldsOf(row.Type())
	if len(fields) == 0 {
		if len(columns) != 1 {
			return fmt.Errorf("wire: %d columns for a %s", len(columns), row.Type())
		}
		r.columns = []column{columnOf(columns[0])}
		r.field(r.columns[0], &r.row)
		return nil
	}
	known := make([]column, 0, len(columns))
	for _, c := range columns {
		path, ok := fields[c.Name]
		if !ok {
			return fmt.Errorf("wire: %s has no field for the column %q", row.Type(), c.Name)
		}
		delete(fields, c.Name)
		known = append(known, columnOf(c))
		r.field(known[len(known)-1], row.FieldByIndex(path).Addr().Interface())
	}
	for name := range fields {
		return fmt.Errorf("wire: no column for the field %q of %s", name, row.Type())
	}
	r.columns = known
	return nil
}

func columnOf(d pgconn.FieldDescription) column { return column{d.Name, d.DataTypeOID, d.Format} }

// field says how the next column is read into field, a pointer: by a decoder of ours, or else by pgx.
func (r *reader[T]) field(c column, field any) {
	d := r.pieces.decoder(field, c.oid, c.format)
	r.decoders, r.targets, r.scans = append(r.decoders, d), append(r.targets, field), r.scans || d == nil
}

// read reads the row that rows are at. What is wrong with a value is a pgx.ScanArgError: its words may repeat it.
func (r *reader[T]) read(rows pgx.Rows) error {
	for i, src := range rows.RawValues() {
		var err error
		if decode := r.decoders[i]; decode != nil {
			err = decode(src)
		} else {
			err = rows.Conn().TypeMap().Scan(r.columns[i].oid, r.columns[i].format, src, r.targets[i])
		}
		if err != nil {
			return pgx.ScanArgError{ColumnIndex: i, FieldName: r.columns[i].name, Err: err}
		}
	}
	return nil
}

// fieldsOf are the paths to the fields that have a db tag, by that, those of embedded structs too.
func fieldsOf(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	if t.Kind() != reflect.Struct {
		return fields
	}
	for _, f := range reflect.VisibleFields(t) {
		if name, ok := f.Tag.Lookup("db"); ok && name != "-" && f.IsExported() {
			fields[name] = f.Index
		}
	}
	return fields
}
