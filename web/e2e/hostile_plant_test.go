package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/web/webtest"
)

// column is one that holds texts.
type column struct{ Table, Name, Kind string }

func (c column) String() string { return c.Table + "." + c.Name }

// spared are the columns that nothing is planted in, each with its reason.
var spared = map[string]string{
	"control.seals.place": "the seal of a place is found by it; no page asks",
	"control.seals.keys":  "digests of keys, without which nothing opens; no page asks",
	"public.tenants.name": "one row: it has another name at every visit",
}

// mine are the rows of those who look, without which they could not: they have other names at every visit.
var mine = map[string]string{
	"control.sessions": "clerk_user_id NOT IN ($2, $3)",
	"control.registry": "tenant_id <> $1",
}

// groups are the parts of a table that are shown in different ways: each gets every text.
var groups = map[string][]string{
	"control.registry": {"tenant_id IN (SELECT tenant_id FROM control.directory)", "tenant_id NOT IN (SELECT tenant_id FROM control.directory)"},
	"public.proposals": {"status = 'draft'", "status = 'declined'"},
}

// shorter are the most characters that a column may take, tried in this order.
var shorter = []int{100_000, 500, 200, 100, 63, 60}

// planter writes the hostile texts into every column that takes texts.
type planter struct {
	t      *testing.T
	tenant uuid.UUID
	people [2]string // who look
	exec   func(sql string, args ...any) (int64, error)
	query  func(sql string, args ...any) [][]any
}

func newPlanter(t *testing.T, s *webtest.Site, tenant uuid.UUID, people [2]string) *planter {
	conn, ctx := s.Connect(t, "postgres"), context.Background()
	return &planter{t: t, tenant: tenant, people: people,
		exec: func(sql string, args ...any) (int64, error) {
			tag, err := conn.Exec(ctx, sql, args...)
			return tag.RowsAffected(), err
		},
		query: func(sql string, args ...any) (all [][]any) {
			t.Helper()
			rows, err := conn.Query(ctx, sql, args...)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				row, err := rows.Values()
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, row)
			}
			if rows.Err() != nil {
				t.Fatal(rows.Err())
			}
			return all
		}}
}

func (p *planter) must(sql string, args ...any) {
	p.t.Helper()
	if _, err := p.exec(sql, args...); err != nil {
		p.t.Fatalf("%v: %.200s", err, sql)
	}
}

// everywhere plants every text in every column. A column of which no row takes them, and that takes other words, fails the
// test, and so does a table without rows: nothing of it would be shown.
func (p *planter) everywhere() {
	p.t.Helper()
	columns := p.query(`SELECT c.table_schema || '.' || c.table_name, c.column_name, c.udt_name FROM information_schema.columns c
		JOIN pg_tables t ON t.schemaname = c.table_schema AND t.tablename = c.table_name
		WHERE c.table_schema IN ('public', 'control') AND c.is_generated = 'NEVER' AND c.udt_name IN ('text', 'varchar', '_text', 'json', 'jsonb', '_jsonb')
		  AND (c.table_name NOT LIKE 'river\_%' OR c.table_name = 'river_job')`)
	took, closed := 0, 0
	for _, row := range columns {
		c := column{row[0].(string), row[1].(string), row[2].(string)}
		if spared[c.String()] != "" {
			continue
		}
		planted, takes := true, true
		for _, group := range append(groups[c.Table], "true")[:max(1, len(groups[c.Table]))] {
			planted, takes = p.plant(c, group)
			if !planted {
				break
			}
		}
		switch {
		case planted:
			took++
		case takes:
			p.t.Errorf("%s takes words, and not the hostile texts: give its table enough rows to hold each, or say why not", c)
		default:
			closed++
		}
	}
	if took < 45 || closed > 30 {
		p.t.Errorf("planted in %d columns, %d take no words of anybody's", took, closed)
	}
	p.t.Logf("planted in %d columns; %d take no words of anybody's", took, closed)
}

// where are the rows that are planted in, and the arguments that it takes.
func (p *planter) where(c column, group string) (string, []any) {
	where, owned := mine[c.Table]
	switch {
	case owned:
	case c.Table == "public.tenants":
		where = "id = $1"
	case strings.HasPrefix(c.Table, "public."):
		where = "tenant_id = $1"
	default:
		where = "true"
	}
	return where + " AND " + group + " AND ($1::uuid, $2::text, $3::text) IS NOT NULL", []any{p.tenant, p.people[0], p.people[1]}
}

// plant tells whether the column holds every text now, and whether it takes any words at all.
func (p *planter) plant(c column, group string) (planted, takes bool) {
	p.t.Helper()
	if c.Kind != "text" && c.Kind != "varchar" && c.Kind != "_text" {
		return p.plantJSON(c, group), true
	}
	where, args := p.where(c, group)
	rows := p.query("SELECT count(*) FROM "+c.Table+" WHERE "+where, args...)[0][0].(int64)
	if rows == 0 {
		p.t.Errorf("%s has no row to plant anything in", c.Table)
		return false, true
	}
	for _, most := range shorter {
		texts := share(int(rows), most)
		if texts == nil {
			break
		}
		err := p.set(c, where, args, texts)
		if err == nil {
			return true, true
		}
		var refused interface{ SQLState() string }
		if !errors.As(err, &refused) || !strings.HasPrefix(refused.SQLState(), "23") {
			p.t.Fatalf("%s: %v", c, err)
		}
	}
	return false, p.set(c, where, args, []string{"harmless"}) == nil
}

// share gives each of a number of rows its texts: one, where there are enough. A text alone may be cut, several may not.
func share(rows, most int) []string {
	all := payloads()
	per := (len(all) + rows - 1) / rows
	var texts []string
	for some := range slices.Chunk(all, per) {
		text := strings.ReplaceAll(strings.Join(some, "\n"), "\x00", "")
		if len([]rune(text)) > most {
			if per > 1 {
				return nil
			}
			text = string([]rune(text)[:most])
		}
		texts = append(texts, text)
	}
	return texts
}

// set writes the texts into as many rows, and into the others too where that is allowed.
func (p *planter) set(c column, where string, args []any, texts []string) error {
	value := map[bool]string{true: "(ARRAY[t.text])", false: "t.text"}[c.Kind == "_text"]
	if c.Name == "email" {
		value = "lower(t.text)"
	}
	update := fmt.Sprintf(`WITH r AS (SELECT ctid, row_number() OVER () - 1 AS n FROM %[1]s WHERE %[2]s)
		UPDATE %[1]s x SET %[3]s = %[4]s FROM r, unnest($4::text[]) WITH ORDINALITY AS t (text, n) WHERE x.ctid = r.ctid AND t.n - 1 = r.n`, c.Table, where, `"`+c.Name+`"`, value)
	if _, err := p.exec(strings.Replace(update, "t.n - 1 = r.n", "t.n - 1 = r.n % cardinality($4::text[])", 1), append(args, texts)...); err == nil {
		return nil
	}
	_, err := p.exec(update, append(args, texts)...)
	return err
}

// plantJSON writes the texts into every text inside of a document, but where it is an id or a time.
func (p *planter) plantJSON(c column, group string) bool {
	p.t.Helper()
	where, args := p.where(c, group)
	rows := p.query(fmt.Sprintf("SELECT ctid::text, to_jsonb(%q)::text FROM %s WHERE %s AND %[1]q IS NOT NULL", c.Name, c.Table, where), args...)
	texts, leaves := share(max(1, len(rows)), shorter[0]), 0
	for n, row := range rows {
		var document any
		if err := json.Unmarshal([]byte(row[1].(string)), &document); err != nil {
			p.t.Fatal(err)
		}
		changed, err := json.Marshal(overwrite(document, texts[n%len(texts)], &leaves))
		if err != nil {
			p.t.Fatal(err)
		}
		value := "$2::text::" + c.Kind
		if c.Kind == "_jsonb" {
			value = "(SELECT array_agg(e) FROM jsonb_array_elements($2::text::jsonb) AS e)"
		}
		p.must(fmt.Sprintf("UPDATE %s SET %q = %s WHERE ctid = $1::text::tid", c.Table, c.Name, value), row[0], string(changed))
	}
	return leaves >= len(texts)
}

// overwrite puts text in the place of every text in a document, and counts them.
func overwrite(document any, text string, leaves *int) any {
	switch v := document.(type) {
	case string:
		if _, err := uuid.Parse(v); err == nil {
			return v
		}
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return v
		}
		*leaves++
		return text
	case []any:
		for i := range v {
			v[i] = overwrite(v[i], text, leaves)
		}
	case map[string]any:
		for k := range v {
			v[k] = overwrite(v[k], text, leaves)
		}
	}
	return document
}
