package isolation

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// canary is a tenant that exists for a proof only: behind the fence, never in the registry. Its rows are made within
// transactions that are rolled back.
type canary struct {
	id    uuid.UUID
	token string // opens it
	old   string // of the epoch before; opens nothing
}

// canaryIDs begin with a prefix that no id of ours has: those are of version 7, this is of version 8 (RFC 9562).
const canaryIDs = "ca9a2100-0000-8000-8000-"

// IsCanary tells whether id is that of a canary tenant of a proof. One that stands behind the fence while no proof runs was
// left behind by one that was killed; the next proof removes it.
func IsCanary(id uuid.UUID) bool { return strings.HasPrefix(id.String(), canaryIDs) }

func canaryID(n int) uuid.UUID { return uuid.MustParse(fmt.Sprintf("%s%012d", canaryIDs, n)) }

// of is the id of the canary's n-th row as far as column of table goes.
func (c canary) of(table, column string, n int) uuid.UUID {
	return uuid.NewSHA1(c.id, fmt.Appendf(nil, "%s.%s %d", table, column, n))
}

// word is a text that only this row has, in lower-case letters and digits.
func (c canary) word(table, column string, n int) string {
	id := c.of(table, column, n)
	return "canary" + hex.EncodeToString(id[:8])
}

// hints are values that a CHECK demands and that the catalog does not list, by table and column. %s stands for a word of
// its own. A column that is not required is given a value if it is in here.
var hints = map[string]string{
	"users.clerk_id":         "user_%s",
	"alerts.seen_at":         "2026-05-03 08:00+00", // whoever has seen it did so at a time
	"proposals.typing_since": "2026-05-03 08:00+00", // whoever is typing began at a time
}

// values are what a column of a type is given, by the type without its length. The n-th row has the n-th value where a
// unique index asks for it, else all have the same.
var values = map[string]func(c canary, table, column string, n int) string{
	"uuid":                        func(c canary, t, col string, n int) string { return c.of(t, col, n).String() },
	"text":                        canary.word,
	"character varying":           canary.word,
	"smallint":                    number,
	"integer":                     number,
	"bigint":                      number,
	"numeric":                     number,
	"real":                        number,
	"double precision":            number,
	"boolean":                     func(canary, string, string, int) string { return "false" },
	"date":                        func(c canary, _, _ string, n int) string { return day.AddDate(0, 0, c.nth(n)).Format(time.DateOnly) },
	"timestamp with time zone":    moment,
	"timestamp without time zone": moment,
	"interval":                    func(c canary, _, _ string, n int) string { return strconv.Itoa(c.nth(n)) + " minutes" },
	"json":                        func(canary, string, string, int) string { return "{}" },
	"jsonb":                       func(canary, string, string, int) string { return "{}" },
	"bytea": func(c canary, t, col string, n int) string {
		return `\x` + hex.EncodeToString([]byte(c.word(t, col, n)))
	},
	"inet": func(c canary, _, _ string, n int) string { return fmt.Sprintf("192.0.2.%d", c.nth(n)) },
}

// nth tells a canary's n-th row from every other row of whichever canary, for n below 10.
func (c canary) nth(n int) int { return 1 + n + 10*int(c.id[len(c.id)-1]) }

func number(c canary, _, _ string, n int) string { return strconv.Itoa(c.nth(n)) }

var day = time.Date(2026, 5, 3, 8, 0, 0, 0, time.UTC)

func moment(c canary, _, _ string, n int) string {
	return day.Add(time.Duration(c.nth(n)) * time.Minute).Format(time.RFC3339)
}

// row is one row of a relation: a literal of SQL by column.
type row map[string]string

// breeder makes the rows of canaries, from the catalog alone.
type breeder struct {
	tables map[string]*relation
	order  []*relation       // those that can be bred, whatever they point at first
	barren map[string]string // why others cannot, by name
	made   map[made]row
}

// made names a row that was made before: each is used in hundreds of statements.
type made struct {
	table string
	of    canary
	n     int
}

// newBreeder finds out for which of the relations it can make rows.
func newBreeder(all []*relation) *breeder {
	b := &breeder{tables: map[string]*relation{}, barren: map[string]string{}, made: map[made]row{}}
	var waiting []*relation
	for _, r := range all {
		if r.tenanted() && r.Root == r.Name {
			waiting = append(waiting, r)
		}
	}
	for _, ready := range []func(*relation) bool{b.complete, b.sufficient} {
		waiting = b.take(waiting, ready)
	}
	for _, r := range waiting {
		b.barren[r.Name] = "a required foreign key points at a table without canaries"
	}
	return b
}

// take takes what is ready from waiting, as long as that makes more of it ready.
func (b *breeder) take(waiting []*relation, ready func(*relation) bool) []*relation {
	for before := -1; before != len(waiting); {
		before = len(waiting)
		waiting = slices.DeleteFunc(waiting, func(r *relation) bool {
			if !ready(r) {
				return false
			}
			if why := b.lacks(r); why != "" {
				b.barren[r.Name] = why
			} else {
				b.tables[r.Name], b.order = r, append(b.order, r)
			}
			return true
		})
	}
	return waiting
}

// complete tells whether everything that r points at is there.
func (b *breeder) complete(r *relation) bool {
	return !slices.ContainsFunc(r.Parents, func(p string) bool { return b.tables[p] == nil && p != r.Name })
}

// sufficient tells whether everything that r must point at is there.
func (b *breeder) sufficient(r *relation) bool {
	return !slices.ContainsFunc(r.Foreign, func(f foreign) bool {
		return b.tables[f.Table] == nil && f.Table != r.Name && slices.ContainsFunc(f.Columns, r.required)
	})
}

func (r *relation) column(name string) column {
	i := slices.IndexFunc(r.Columns, func(c column) bool { return c.Name == name })
	if i < 0 {
		return column{} // a generated one, to which nobody gives a value
	}
	return r.Columns[i]
}

func (r *relation) required(name string) bool { return r.column(name).Required }

// lacks says why no row of r can be made, or nothing.
func (b *breeder) lacks(r *relation) string {
	switch {
	case r.Key == "":
		return "it has no tenant_id that is a uuid"
	case len(r.Primary) == 0:
		return "it has no primary key to find a row by"
	case !r.Select || !r.Insert:
		return "the tenant role can read or insert only: no canary can be put in and seen again"
	}
	for _, c := range r.Columns {
		if _, err := r.value(canary{}, c, 0); err != nil && r.given(c) {
			return err.Error()
		}
	}
	return ""
}

// given tells whether a row must have a value of c, foreign keys aside.
func (r *relation) given(c column) bool {
	_, hinted := hints[r.hint(c)]
	return c.Required || hinted || slices.Contains(r.Primary, c.Name)
}

// hint is the key of a column in hints.
func (r *relation) hint(c column) string {
	_, table, _ := strings.Cut(r.Name, ".")
	return table + "." + c.Name
}

// value is the literal of column c in t's n-th row.
func (r *relation) value(t canary, c column, n int) (string, error) {
	if !slices.Contains(r.Unique, c.Name) {
		n = 0
	}
	if format, ok := hints[r.hint(c)]; ok {
		return literal(strings.ReplaceAll(format, "%s", t.word(r.Name, c.Name, n))), nil
	}
	if c.Listed {
		return literal(c.Choice), nil
	}
	if strings.HasSuffix(c.Type, "[]") {
		return literal("{}"), nil
	}
	base, _, _ := strings.Cut(c.Type, "(")
	make, ok := values[strings.TrimSpace(base)]
	if !ok {
		return "", fmt.Errorf("no canary can be made: column %s is of type %s, of which package isolation knows no value", c.Name, c.Type)
	}
	return literal(make(t, r.Name, c.Name, n)), nil
}

// literal is s as SQL writes it; standard_conforming_strings is on wherever this runs.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// row is t's n-th row of r. Rows 0 and 1 are there in every proof. The k-th foreign key of row n points at row 0 or 1 as
// the k-th bit of n says, so that no two of the first rows point at the same things. The row must not be changed.
func (b *breeder) row(r *relation, t canary, n int) row {
	name := made{r.Name, t, n}
	v, ok := b.made[name]
	if !ok {
		v = b.breed(r, t, n)
		b.made[name] = v
	}
	return v
}

func (b *breeder) breed(r *relation, t canary, n int) row {
	v := row{}
	for _, c := range r.Columns {
		if r.given(c) {
			v[c.Name], _ = r.value(t, c, n) // lacks has seen to it that there is one
		}
	}
	for k, f := range r.Foreign {
		target := b.tables[f.Table]
		if target == nil || target == r { // a row that points at its own kind need not
			continue
		}
		point(v, f, b.row(target, t, n>>k&1))
	}
	v[r.Key] = literal(t.id.String())
	return v
}

// point lets v point at target by f.
func point(v row, f foreign, target row) {
	for i, c := range f.Columns {
		if value, ok := target[f.Targets[i]]; ok { // else it is one that target leaves to its default: the insert will say so
			v[c] = value
		}
	}
}

// insert is the statement that inserts v into r.
func (r *relation) insert(v row) string {
	columns := slices.Sorted(maps.Keys(v))
	literals := make([]string, len(columns))
	for i, c := range columns {
		literals[i] = v[c]
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", r.Name, strings.Join(columns, ", "), strings.Join(literals, ", "))
}

// where is the condition that finds v by the primary key.
func (r *relation) where(v row) string {
	terms := make([]string, len(r.Primary))
	for i, c := range r.Primary {
		terms[i] = c + " = " + v[c]
	}
	return strings.Join(terms, " AND ")
}

// touch is a column that every row can be given its own value of: one that says least of the row.
func (r *relation) touch() string {
	for _, c := range r.Columns {
		if c.Name != r.Key && !slices.Contains(r.Unique, c.Name) && !slices.ContainsFunc(r.Foreign, func(f foreign) bool { return slices.Contains(f.Columns, c.Name) }) {
			return c.Name
		}
	}
	return r.Key
}

// identifiers are the columns of unique indexes whose values a row chooses for itself.
func (r *relation) identifiers() []string {
	var own []string
	for _, c := range r.Unique {
		if c != r.Key && !r.column(c).Listed && !slices.ContainsFunc(r.Foreign, func(f foreign) bool { return slices.Contains(f.Columns, c) }) {
			own = append(own, c)
		}
	}
	return own
}

// single tells whether a tenant has one row of r: the tenant itself is its identity.
func (r *relation) single() bool { return len(r.Primary) == 1 && r.Primary[0] == r.Key }

// rows is how many rows of r each canary has.
func (r *relation) rows() int {
	if r.single() {
		return 1
	}
	return 2
}
