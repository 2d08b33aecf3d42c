package isolation

// structure is what holds of the tables of the homes and of what belongs to them, beyond what Posture demands. Doctor
// asks it; a schema that breaks it leaks through keys, or is slow.
var structure = []check{
	{"tenant column", "add tenant_id uuid NOT NULL, and begin the primary key with it", `
		SELECT 'table ' || h.name, 'it has no tenant that is a uuid and never null'
		FROM homes h LEFT JOIN pg_attribute a ON a.attrelid = h.oid AND a.attnum = h.key
		WHERE a.attnum IS NULL OR NOT a.attnotnull OR a.atttypid <> 'uuid'::regtype`},
	{"primary key", "add one that begins with tenant_id", `
		SELECT 'table ' || h.name, 'it has no primary key' FROM homes h
		WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = h.oid AND i.indisprimary)`},
	{"index lead", "drop it, and make one that begins with tenant_id", `
		-- A brin on id alone serves owner_of: it holds no keys, and the ids are ordered by time.
		SELECT 'index ' || i.indexrelid::regclass, CASE WHEN i.indisunique
		  THEN 'it is unique and not led by the tenant: it tells what others have' ELSE 'it is not led by the tenant' END
		FROM pg_index i JOIN homes h ON h.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
		WHERE i.indkey[0] IS DISTINCT FROM h.key
		  AND NOT (m.amname = 'brin' AND i.indkey::text = (SELECT a.attnum::text FROM pg_attribute a WHERE a.attrelid = h.oid AND a.attname = 'id'))`},
	{"index validity", "DROP INDEX it, and build it again", `
		SELECT 'index ' || i.indexrelid::regclass, 'it is invalid: building it has failed'
		FROM pg_index i JOIN objects o ON o.oid = i.indrelid WHERE NOT i.indisvalid OR NOT i.indisready`},
	{"index duplicates", "DROP INDEX it", `
		SELECT 'index ' || i.indexrelid::regclass, 'it says the same as ' || j.indexrelid::regclass
		FROM pg_index i JOIN objects o ON o.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_index j ON j.indrelid = i.indrelid AND j.indexrelid <> i.indexrelid JOIN pg_class d ON d.oid = j.indexrelid AND d.relam = c.relam
		WHERE (i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text) = (j.indkey::text, j.indclass::text, j.indcollation::text, j.indoption::text)
		  AND (i.indexprs::text, i.indpred::text) IS NOT DISTINCT FROM (j.indexprs::text, j.indpred::text)
		  AND NOT i.indisprimary AND i.indisunique <= j.indisunique AND (i.indisunique < j.indisunique OR j.indisprimary OR i.indexrelid > j.indexrelid)`},
	{"exclusion constraints", "drop it, or begin it with tenant_id WITH =", `
		SELECT 'constraint ' || c.conname || ' of ' || h.name, 'it excludes rows of other tenants: it tells what others have'
		FROM pg_constraint c JOIN homes h ON h.oid = c.conrelid WHERE c.contype = 'x' AND c.conkey[1] IS DISTINCT FROM h.key`},
	{"foreign key tenant", "drop it, and add it with tenant_id on both sides", `
		SELECT 'foreign key ' || c.conname || ' of ' || h.name, 'it does not carry the tenant: it is checked past row-level security, and so reaches rows of others'
		FROM pg_constraint c JOIN homes h ON h.oid = c.conrelid LEFT JOIN homes f ON f.oid = c.confrelid
		WHERE c.contype = 'f' AND (f.oid IS NULL OR array_position(c.conkey, h.key) IS NULL
		  OR array_position(c.conkey, h.key) IS DISTINCT FROM array_position(c.confkey, f.key))`},
	{"foreign key actions", "drop it, and add it with ON DELETE SET NULL (column), CASCADE or nothing", `
		SELECT 'foreign key ' || c.conname || ' of ' || h.name, 'it would set the tenant to null or to a default, or follow its change'
		FROM pg_constraint c JOIN homes h ON h.oid = c.conrelid
		WHERE c.contype = 'f' AND (c.confupdtype <> 'a' OR c.confdeltype = 'd'
		  OR c.confdeltype = 'n' AND (c.confdelsetcols IS NULL OR h.key = ANY (c.confdelsetcols)))`},
	{"foreign key indexes", "CREATE INDEX on its columns, tenant_id first", `
		SELECT 'foreign key ' || c.conname || ' of ' || h.name, 'it has no index: each delete of what it points at reads the whole table'
		FROM pg_constraint c JOIN homes h ON h.oid = c.conrelid
		WHERE c.contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i
		  WHERE i.indrelid = c.conrelid AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)`},
	{"constraint validity", "ALTER TABLE … VALIDATE CONSTRAINT it, with FORCE lifted from both tables in that transaction", `
		SELECT 'constraint ' || c.conname || ' of ' || o.name, 'it is not valid: the rows before it were never checked'
		FROM pg_constraint c JOIN objects o ON o.oid = c.conrelid WHERE NOT c.convalidated`},
	{"triggers", "ALTER TABLE … ENABLE TRIGGER ALL", `
		-- A foreign key is kept by triggers of the server's, and by what they find: what was written meanwhile stays.
		SELECT DISTINCT CASE WHEN k.oid IS NULL THEN 'trigger ' || t.tgname ELSE 'foreign key ' || k.conname END || ' of ' || coalesce(r.name, o.name),
		  'it is switched off on ' || o.name
		FROM pg_trigger t JOIN objects o ON o.oid = t.tgrelid
		LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint LEFT JOIN objects r ON r.oid = k.conrelid WHERE t.tgenabled NOT IN ('O', 'A')`},
	{"extensions", "DROP EXTENSION it, or REVOKE what is in it from PUBLIC and app_tenant", `
		SELECT 'extension ' || e.extname, 'the tenant role may use it, and what it tells is not known'
		FROM pg_extension e
		WHERE e.extname NOT IN ('plpgsql', 'btree_gin') AND EXISTS (
		  SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' AND (
		    d.classid = 'pg_proc'::regclass AND has_function_privilege('app_tenant', d.objid, 'EXECUTE')
		    OR d.classid = 'pg_class'::regclass AND (SELECT CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('app_tenant', c.oid, 'USAGE, SELECT, UPDATE')
		      WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN has_table_privilege('app_tenant', c.oid, 'SELECT, INSERT, UPDATE, DELETE') OR has_any_column_privilege('app_tenant', c.oid, 'SELECT, INSERT, UPDATE') END
		      FROM pg_class c WHERE c.oid = d.objid)))`},
	{"sequences", "drop it, and use uuids", `
		SELECT 'sequence ' || o.name, 'numbers that tenants share tell what others do' FROM objects o WHERE o.kind = 'S' AND o.schema <> 'control'`},
	{"relations", "drop it", `
		SELECT CASE o.kind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'foreign table ' END || o.name,
		  'only tables, and the views of the gate, are listed'
		FROM objects o WHERE o.kind IN ('v', 'm', 'f') AND o.name NOT IN ('app.readable', 'app.context', 'app.writable', 'app.moving')`},
	{"enums", "turn the column into text with a CHECK", `
		SELECT 'column ' || o.name || '.' || a.attname, 'it is an enum: comparing it is not leakproof, so a filter of it uses no index'
		FROM pg_attribute a JOIN homes o ON o.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid WHERE t.typtype = 'e' AND NOT a.attisdropped`},
	{"owners", "ALTER … OWNER TO app_owner", `
		SELECT 'relation ' || o.name, 'it belongs to ' || o.owner FROM objects o WHERE o.owner <> 'app_owner'
		UNION ALL
		SELECT 'schema ' || n.nspname, 'it belongs to ' || n.nspowner::regrole FROM pg_namespace n
		WHERE n.nspowner <> 'app_owner'::regrole AND (n.nspname IN ('app', 'control') OR n.nspname IN (SELECT h.schema FROM homes h))
		UNION ALL
		SELECT 'database ' || d.datname, 'it belongs to ' || d.datdba::regrole FROM pg_database d
		WHERE d.datname = current_database() AND d.datdba <> 'app_owner'::regrole`},
	{"encoding", "dump it, and restore it into a database with ENCODING 'UTF8'", `
		SELECT 'database ' || d.datname, 'its encoding is ' || pg_encoding_to_char(d.encoding) || ', which has no place for every letter'
		FROM pg_database d WHERE d.datname = current_database() AND d.encoding <> pg_char_to_encoding('UTF8')`},
}
