package isolation

import (
	"context"
	_ "embed" // the definitions
	"strings"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// definitions is what the migrations make of the main place: a line for each column, constraint, index, trigger and function,
// its name and its definition apart by a tab. `make golden` writes it.
//
//go:embed definitions.txt
var definitions string

// definition is one line of them.
type definition struct {
	Object string `db:"object"`
	Text   string `db:"text"`
}

// defined lists the definitions of a place. What river and the migrations themselves keep is theirs, and an alias that only some
// versions of Postgres print is left out.
const defined = `
	WITH ours AS MATERIALIZED (
	  SELECT c.oid, c.relkind, n.nspname || '.' || c.relname AS name
	  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	  WHERE n.nspname IN ('public', 'app', 'control') AND c.relname !~ '(^river_|migrations)')
	SELECT object, regexp_replace(text, '\s+', ' ', 'g') AS text FROM (
	  SELECT 'column ' || o.name || '.' || a.attname,
	    concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END, nullif(a.attgenerated, ''), pg_get_expr(d.adbin, d.adrelid))
	  FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
	  LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum) WHERE o.relkind IN ('r', 'p')
	  UNION ALL
	  SELECT 'constraint ' || c.conname || ' of ' || o.name, pg_get_constraintdef(c.oid)
	  FROM ours o JOIN pg_constraint c ON c.conrelid = o.oid WHERE c.contype IN ('p', 'u', 'f', 'c', 'x')
	  UNION ALL
	  SELECT 'index ' || x.name, pg_get_indexdef(x.oid)
	  FROM pg_index i JOIN ours o ON o.oid = i.indrelid JOIN ours x ON x.oid = i.indexrelid
	  WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
	  UNION ALL
	  SELECT 'trigger ' || t.tgname || ' of ' || o.name, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN ours o ON o.oid = t.tgrelid WHERE NOT t.tgisinternal
	  UNION ALL
	  SELECT 'function ' || n.nspname || '.' || f.proname || '(' || oidvectortypes(f.proargtypes) || ')',
	    concat_ws(' ', l.lanname, regexp_replace(coalesce(pg_get_function_sqlbody(f.oid), f.prosrc), '\m[a-z]\.', '', 'g'))
	  FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace JOIN pg_language l ON l.oid = f.prolang
	  WHERE n.nspname IN ('public', 'app', 'control') AND f.proname !~ '^river_'
	    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')) AS x (object, text)
	ORDER BY object COLLATE "C", text COLLATE "C"`

// define reads the definitions of a place, as the tenant role.
func define(ctx context.Context, d *sealed.DB, where string) (all []definition, err error) {
	err = sealed.Catalog(ctx, d, where, defined, &all)
	return all, err
}

// definitions compares a place with what the migrations make of it. What is there beyond that is for the other checks: an
// index more is none of their business.
func (e *examination) definitions(ctx context.Context, where string) (Findings, error) {
	if !e.current {
		return nil, nil // it is not what they make yet, and is told so
	}
	all, err := define(ctx, e.DB, where)
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for _, d := range all {
		have[d.Object] = d.Text
	}
	var findings Findings
	for line := range strings.Lines(definitions) {
		object, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got, is := have[object]
		switch {
		case where != place.Main && strings.Contains(object, " control."): // it is in the main place only
		case !is:
			findings = append(findings, Finding{where, "definitions", object, "it is missing", "make it as its migration does: " + text})
		case got != text:
			findings = append(findings, Finding{where, "definitions", object, "it is not as its migration makes it: " + got, "make it as that does: " + text})
		}
	}
	return findings, nil
}
