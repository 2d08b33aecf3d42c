// Package wire turns rows into structs and back: what the app's values are on a connection, and how lists of them are read
// without an allocation a value.
package wire

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Collect reads rows into structs, each column into the field whose db tag has its name. A field without a column and a column
// without a field are errors, as is NULL for what cannot be nil. into is replaced, and not nil afterwards, unless there is an error.
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
			if err := rows.Scan(r.targets...); err != nil {
				return err
			}
			if len(all) == cap(all) {
				all = slices.Grow(all, max(1, 7*len(all)))
			}
			all = append(all, r.row)
			r.row = r.none // what is decoded into what is there must not find the last row
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	*into = all
	return nil
}

// reader scans every row of a result into the same struct. It is used again for other results, of which it keeps nothing but
// where the columns go.
type reader[T any] struct {
	row, none T
	pieces    pieces
	columns   []column
	targets   []any
}

type column struct {
	name string
	oid  uint32
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
	r.pieces.forget()
	if pool, ok := readers.Load(reflect.TypeFor[T]()); ok {
		pool.(*sync.Pool).Put(r)
	}
}

// prepare says where each column goes.
func (r *reader[T]) prepare(columns []pgconn.FieldDescription) error {
	same := func(a column, b pgconn.FieldDescription) bool { return a.oid == b.DataTypeOID && a.name == b.Name }
	if r.columns != nil && slices.EqualFunc(r.columns, columns, same) {
		return nil
	}
	r.columns, r.targets, r.pieces = nil, nil, pieces{} // as long as they are not known to fit
	row := reflect.ValueOf(&r.row).Elem()
	fields := fieldsOf(row.Type())
	known, targets := make([]column, 0, len(columns)), make([]any, 0, len(columns))
	for _, c := range columns {
		path, ok := fields[c.Name]
		if !ok {
			return fmt.Errorf("wire: %s has no field for the column %q", row.Type(), c.Name)
		}
		delete(fields, c.Name)
		known = append(known, column{c.Name, c.DataTypeOID})
		targets = append(targets, r.pieces.target(row.FieldByIndex(path).Addr().Interface(), c.DataTypeOID))
	}
	for name := range fields {
		return fmt.Errorf("wire: no column for the field %q of %s", name, row.Type())
	}
	r.columns, r.targets = known, targets
	return nil
}

// fieldsOf are the paths to the fields that have a db tag, by that, those of embedded structs too.
func fieldsOf(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if name, ok := f.Tag.Lookup("db"); ok && name != "-" && f.IsExported() {
			fields[name] = f.Index
		}
	}
	return fields
}

var errNull = errors.New("wire: NULL for what cannot be nil")
