package isolation

import (
	"context"
	"fmt"

	"upwork-ai-agent/db/internal/sealed"
)

// relation is everything in a place's catalog that holds rows or numbers and is not the server's own or that of a listed
// extension.
type relation struct {
	Name    string    `db:"name"` // qualified and quoted, as in SQL
	Kind    string    `db:"kind"` // pg_class.relkind
	Home    bool      `db:"home"` // in the schema of a home
	Root    string    `db:"root"` // of a partition, the table that rows are inserted into; else the name
	Key     string    `db:"key"`  // the column that says whose a row is, quoted; empty: it has none
	Select  bool      `db:"may_select"`
	Insert  bool      `db:"may_insert"`
	Update  bool      `db:"may_update"`
	Delete  bool      `db:"may_delete"`
	Primary []string  `db:"primary_key"`
	Unique  []string  `db:"unique_columns"` // of whichever unique index
	Columns []column  `db:"columns"`
	Foreign []foreign `db:"foreign_keys"`
	Parents []string  `db:"parents"` // what its foreign keys point at, those to the tenant included
}

// column is one that a row can be given. Names are quoted.
type column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // as format_type prints it
	Required bool   `json:"required"` // never null, and without a default
	Choice   string `json:"choice"`   // the first value that a CHECK or an enum allows, when it lists them
	Listed   bool   `json:"listed"`   // there is a Choice
}

// foreign is a foreign key beside the one to the tenant itself.
type foreign struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"` // without the tenant's
	Targets []string `json:"targets"`
}

// extensions are the ones whose objects are trusted as they come: plpgsql is the server's, btree_gin serves the search.
var extensions = []string{"plpgsql", "btree_gin"}

// relationKinds are the names of pg_class.relkind.
var relationKinds = map[string]string{"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence"}

// kind is what a person calls it.
func (r *relation) kind() string {
	if r.Root != r.Name {
		return "partition"
	}
	return relationKinds[r.Kind]
}

// tenanted tells whether it holds rows of tenants, which a canary can be put among.
func (r *relation) tenanted() bool { return r.Home && (r.Kind == "r" || r.Kind == "p") }

// reachable tells whether the tenant role has any right on it.
func (r *relation) reachable() bool { return r.Select || r.Insert || r.Update || r.Delete }

const relationSQL = `
	SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, c.relkind::text AS kind, n.nspname NOT IN ('app', 'control') AS home,
	  CASE WHEN c.relispartition THEN (SELECT quote_ident(rn.nspname) || '.' || quote_ident(rc.relname) FROM pg_class rc JOIN pg_namespace rn ON rn.oid = rc.relnamespace
	    WHERE rc.oid = pg_partition_root(c.oid)) ELSE quote_ident(n.nspname) || '.' || quote_ident(c.relname) END AS root,
	  coalesce((SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype
	    AND a.attname = CASE c.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END), '') AS key,
	  has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT') AS may_select,
	  has_table_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'INSERT') AS may_insert,
	  has_table_privilege(c.oid, 'UPDATE') OR has_any_column_privilege(c.oid, 'UPDATE') AS may_update,
	  has_table_privilege(c.oid, 'DELETE') AS may_delete,
	  ARRAY(SELECT quote_ident(a.attname) FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (attnum, n)
	    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.n) AS primary_key,
	  ARRAY(SELECT DISTINCT quote_ident(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
	    WHERE i.indrelid = c.oid AND i.indisunique) AS unique_columns,
	  (SELECT coalesce(json_agg(json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod),
	      'required', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', 'choice', coalesce(choice.value, ''), 'listed', choice.value IS NOT NULL) ORDER BY a.attnum), '[]')
	    FROM pg_attribute a LEFT JOIN LATERAL (
	      SELECT (regexp_match(pg_get_constraintdef(k.oid), '^CHECK \(\(\w+ = (?:ANY \(ARRAY\[)?''([^'']*)''::text'))[1] AS value
	      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum] AND pg_get_constraintdef(k.oid) ~ '^CHECK \(\(\w+ = (?:ANY \(ARRAY\[)?'''
	      UNION ALL
	      (SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder LIMIT 1)
	      LIMIT 1) choice ON true
	    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
	  (SELECT coalesce(json_agg(json_build_object('table', quote_ident(fn.nspname) || '.' || quote_ident(fc.relname),
	      'columns', (SELECT json_agg(quote_ident(a.attname) ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY u (attnum, n)
	        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum WHERE a.attname <> 'tenant_id'),
	      'targets', (SELECT json_agg(quote_ident(b.attname) ORDER BY u.n) FROM unnest(k.conkey, k.confkey) WITH ORDINALITY u (attnum, target, n)
	        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.target
	        WHERE a.attname <> 'tenant_id')) ORDER BY k.conname), '[]')
	    FROM pg_constraint k JOIN pg_class fc ON fc.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
	    WHERE k.conrelid = c.oid AND k.contype = 'f' AND EXISTS (SELECT FROM unnest(k.conkey) u (attnum) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum
	      WHERE a.attname <> 'tenant_id')) AS foreign_keys,
	  ARRAY(SELECT DISTINCT quote_ident(fn.nspname) || '.' || quote_ident(fc.relname)
	    FROM pg_constraint k JOIN pg_class fc ON fc.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
	    WHERE k.conrelid = c.oid AND k.contype = 'f') AS parents
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^(pg_|information_schema$)'
	  AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' AND e.extname = ANY ($1))
	ORDER BY 1`

// routine is a function, a procedure or an aggregate that is not the server's own or that of a listed extension.
type routine struct {
	Name string `db:"name"` // qualified and quoted, with the types of its arguments
	Call string `db:"call"` // a statement that runs it on nulls; empty for what cannot be called by itself
	May  bool   `db:"may"`  // the tenant role may run it
}

const routineSQL = `
	SELECT f.name || '(' || f.types || ')' AS name,
	  CASE WHEN f.alone THEN CASE f.kind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || f.name || '(' || f.nulls || ')' ELSE '' END AS call, f.may
	FROM (
	  SELECT quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS name, oidvectortypes(p.proargtypes) AS types, p.prokind AS kind,
	    p.prokind IN ('f', 'p') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AS alone,
	    coalesce((SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY i) FROM unnest(p.proargtypes) WITH ORDINALITY u (t, i)), '') AS nulls,
	    has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE') AS may
	  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	  WHERE n.nspname !~ '^(pg_|information_schema$)'
	    AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND e.extname = ANY ($1))) f
	ORDER BY 1`

// inventory is what a proof is about.
type inventory struct {
	relations []*relation
	routines  []routine
}

// takeInventory reads the catalog of a place as the tenant role.
func takeInventory(ctx context.Context, d *sealed.DB, place string) (inventory, error) {
	var (
		all []relation
		inv inventory
	)
	if err := sealed.Catalog(ctx, d, place, relationSQL, &all, extensions); err != nil {
		return inv, fmt.Errorf("relations: %w", err)
	}
	for i := range all {
		inv.relations = append(inv.relations, &all[i])
	}
	if err := sealed.Catalog(ctx, d, place, routineSQL, &inv.routines, extensions); err != nil {
		return inv, fmt.Errorf("routines: %w", err)
	}
	return inv, nil
}
