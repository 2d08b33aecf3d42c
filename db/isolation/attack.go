package isolation

import (
	"maps"
	"slices"
	"strings"
)

// aim is what one attack is pointed at.
type aim struct {
	*scene
	from  situation
	on    *relation
	there bool   // the victim has the row
	whose canary // the victim, or nobody where a tenant has one row only
	row   row    // of whose
	key   int    // which foreign key
}

// attack is one way to reach a row of another tenant. It is tried twice, at a row that the victim has and at one that it has
// not: both replies must be safe, and the same.
type attack struct {
	name    string
	meaning string
	on      func(*relation) bool // nil: every table of tenants
	sql     func(aim) []string   // the reply to the last is judged
	safe    func(reply) bool
	alone   bool                              // it does more than one statement that does nothing: the checksum follows it at once
	once    bool                              // there is no row that could be absent
	sharp   func(reply) bool                  // what a writer must be told of the absent row, or the attack tries nothing
	via     func(*trial, aim) (reply, *reply) // instead of sql
	keys    bool                              // once for each foreign key
	bare    bool                              // makes sense without canaries
}

func harmless(r reply) bool { return r.nothing() || r.refused() }
func denied(r reply) bool   { return r.refused() }
func whatever(reply) bool   { return true }

// rowwise builds an attack from a text with placeholders: the table, the key that says whose a row is, the condition that
// matches the row or an own one, a column to touch, and the tenants.
func rowwise(statements ...string) func(aim) []string {
	return func(a aim) []string {
		r := strings.NewReplacer("{table}", a.on.Name, "{key}", a.on.Key, "{match}", a.on.where(a.row), "{touch}", a.on.touch(),
			"{self}", literal(a.from.actor(a.scene).id.String()), "{whose}", literal(a.whose.id.String()),
			"{own}", a.on.where(a.breeder.row(a.on, a.from.actor(a.scene), 0)))
		all := make([]string, len(statements))
		for i, s := range statements {
			all[i] = r.Replace(s)
		}
		return all
	}
}

// inserting builds an attack that inserts the row.
func inserting(suffix string) func(aim) []string {
	return func(a aim) []string {
		r := strings.NewReplacer("{primary}", strings.Join(a.on.Primary, ", "), "{touch}", a.on.touch())
		return []string{a.on.insert(a.row) + r.Replace(suffix)}
	}
}

// attacks are the ones on tables of tenants.
var attacks = []attack{
	{name: "select", meaning: "read a row by its key", sql: rowwise("SELECT * FROM {table} WHERE {match}"), safe: harmless},
	{name: "sweep", meaning: "read whatever row there is, of whichever tenant", sql: sweep, safe: harmless, once: true, bare: true},
	{name: "insert", meaning: "put a row among the other's", sql: inserting(""), safe: denied},
	{name: "insert returning", meaning: "the same, and have it shown", sql: inserting(" RETURNING *"), safe: denied},
	{name: "update", meaning: "change a row", sql: rowwise("UPDATE {table} SET {touch} = {touch} WHERE {match}"), safe: harmless},
	{name: "update returning", meaning: "change a row, and have it shown", sql: rowwise("UPDATE {table} SET {touch} = {touch} WHERE {match} RETURNING *"), safe: harmless},
	{name: "update of tenant_id, taking", meaning: "make the other's row one's own", sql: rowwise("UPDATE {table} SET {key} = {self} WHERE {match}"), safe: harmless},
	{name: "update of tenant_id, giving", meaning: "make one's own row the other's", sql: rowwise("UPDATE {table} SET {key} = {whose} WHERE {own}"), safe: harmless},
	{name: "delete", meaning: "delete a row", sql: rowwise("DELETE FROM {table} WHERE {match}"), safe: harmless},
	{name: "delete returning", meaning: "delete a row, and have it shown", sql: rowwise("DELETE FROM {table} WHERE {match} RETURNING *"), safe: harmless},
	{name: "upsert, do nothing", meaning: "insert a row unless it is there", sql: inserting(" ON CONFLICT DO NOTHING"), safe: denied},
	{name: "upsert, do update", meaning: "insert a row, or change the one that is there", sql: inserting(" ON CONFLICT ({primary}) DO UPDATE SET {touch} = excluded.{touch}"), safe: denied},
	{name: "merge, update", meaning: "MERGE that changes the row", sql: rowwise("MERGE INTO {table} USING (SELECT) AS s ON {match} WHEN MATCHED THEN UPDATE SET {touch} = {touch}"), safe: harmless},
	{name: "merge, delete", meaning: "MERGE that deletes the row", sql: rowwise("MERGE INTO {table} USING (SELECT) AS s ON {match} WHEN MATCHED THEN DELETE"), safe: harmless},
	{name: "merge, insert", meaning: "MERGE that inserts the row", sql: mergeInsert, safe: denied},
	{name: "copy out", meaning: "COPY the table to the client", via: copyOut, safe: harmless, once: true},
	{name: "copy in", meaning: "COPY a row from the client", via: copyIn, safe: func(r reply) bool { return r.refused() || r.code == "0A000" }},
	{name: "truncate", meaning: "empty the table", sql: rowwise("TRUNCATE {table}"), safe: denied, once: true},
	{name: "lock row", meaning: "SELECT … FOR UPDATE, whose wait would tell", sql: rowwise("SELECT {key} FROM {table} WHERE {match} FOR UPDATE NOWAIT"), safe: harmless},
	{name: "share row", meaning: "SELECT … FOR KEY SHARE, likewise", sql: rowwise("SELECT {key} FROM {table} WHERE {match} FOR KEY SHARE NOWAIT"), safe: harmless},
	{name: "lock table", alone: true, meaning: "LOCK the table, then read", sql: rowwise("LOCK TABLE ONLY {table} IN ACCESS SHARE MODE NOWAIT", "SELECT * FROM {table} WHERE {match}"), safe: harmless},
	{name: "foreign key probe", alone: true, meaning: "point an own row at the other's", sql: reference, safe: func(r reply) bool { return r.code == "23503" || r.refused() }, keys: true,
		sharp: func(r reply) bool { return r.code == "23503" }, on: func(r *relation) bool { return len(r.Foreign) > 0 }},
	{name: "unique probe", alone: true, meaning: "give an own row the other's identifiers", sql: identified(""), safe: whatever, sharp: inserted,
		on: func(r *relation) bool { return !r.single() && len(r.identifiers()) > 0 }},
	{name: "unique probe, do nothing", alone: true, meaning: "the same, ON CONFLICT DO NOTHING", sql: identified(" ON CONFLICT DO NOTHING"), safe: whatever, sharp: inserted,
		on: func(r *relation) bool { return !r.single() && len(r.identifiers()) > 0 }},
	{name: "cursor", alone: true, meaning: "read through a cursor", sql: rowwise("DECLARE canary_cursor CURSOR FOR SELECT * FROM {table} WHERE {match}", "FETCH ALL FROM canary_cursor"), safe: harmless},
	{name: "prepared plan", meaning: "a generic plan that was prepared and used as the other", via: preparedPlan, safe: harmless},
	{name: "common table expression", meaning: "read and delete within one statement", sql: expression, safe: harmless},
	{name: "trigger side effect", alone: true, meaning: "insert, change and delete an own row, which must touch nothing of others", sql: ownWrites, safe: whatever, once: true},
	{name: "explain", meaning: "the plan must ask the gate", sql: rowwise("EXPLAIN (COSTS OFF) SELECT * FROM {table} WHERE {match}"), safe: asksGate, once: true},
}

func inserted(r reply) bool { return r.tag == "INSERT 0 1" }

func asksGate(r reply) bool {
	return r.refused() || r.code == "" && strings.Contains(r.values, "fence")
}

// sweep looks for rows of others where the situation may read, else for any.
func sweep(a aim) []string {
	if a.from.read {
		return rowwise("SELECT {key} FROM {table} WHERE {key} <> {self} LIMIT 1")(a)
	}
	return rowwise("SELECT {key} FROM {table} LIMIT 1")(a)
}

func mergeInsert(a aim) []string {
	columns := slices.Sorted(maps.Keys(a.row))
	literals := make([]string, len(columns))
	for i, c := range columns {
		literals[i] = a.row[c]
	}
	return []string{"MERGE INTO " + a.on.Name + " USING (SELECT) AS s ON " + a.on.where(a.row) +
		" WHEN NOT MATCHED THEN INSERT (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(literals, ", ") + ")"}
}

// The rows that a test of an own row inserts, and one that nobody has. Rows 0 and 1 are there.
const (
	fresh  = 2
	absent = 7
)

// reference inserts an own row that points at the other's, or at none.
func reference(a aim) []string {
	own := maps.Clone(a.breeder.row(a.on, a.from.actor(a.scene), fresh))
	f := a.on.Foreign[a.key]
	n := absent
	if a.there {
		n = 0
	}
	if target := a.tables[f.Table]; target != nil {
		point(own, f, a.breeder.row(target, a.victim, n))
	}
	return []string{a.on.insert(own)}
}

// identified inserts an own row with the other's identifiers, or with fresh ones.
func identified(suffix string) func(aim) []string {
	return func(a aim) []string {
		own := maps.Clone(a.breeder.row(a.on, a.from.actor(a.scene), fresh))
		for _, c := range a.on.identifiers() {
			if v, ok := a.row[c]; ok && a.there {
				own[c] = v
			}
		}
		return []string{a.on.insert(own) + suffix}
	}
}

func expression(a aim) []string {
	if !a.on.Delete {
		return rowwise("WITH seen AS MATERIALIZED (SELECT * FROM {table} WHERE {match}) SELECT * FROM seen")(a)
	}
	return rowwise("WITH seen AS MATERIALIZED (SELECT * FROM {table} WHERE {match}), taken AS (DELETE FROM {table} WHERE {match} RETURNING *) SELECT * FROM seen UNION ALL SELECT * FROM taken")(a)
}

func ownWrites(a aim) []string {
	own := a.breeder.row(a.on, a.from.actor(a.scene), fresh)
	var all []string
	if !a.on.single() {
		all = append(all, a.on.insert(own))
	} else {
		own = a.breeder.row(a.on, a.from.actor(a.scene), 0)
	}
	if a.on.Update {
		all = append(all, "UPDATE "+a.on.Name+" SET "+a.on.touch()+" = "+a.on.touch()+" WHERE "+a.on.where(own))
	}
	if a.on.Delete && !a.on.single() {
		all = append(all, "DELETE FROM "+a.on.Name+" WHERE "+a.on.where(own))
	}
	return all
}

// positive is a statement on one's own rows: it works exactly where the situation allows it, or else the matrix would prove
// nothing.
type positive struct {
	name  string
	sql   func(aim) []string // at row 1 of one's own, or at the one there is
	works func(reply) bool
	write bool
	may   func(*relation) bool // the right that it takes
}

func mayInsert(r *relation) bool { return r.Insert }
func mayUpdate(r *relation) bool { return r.Update }
func mayDelete(r *relation) bool { return r.Delete }

// positives are answered from behind the policies where they work: a duplicate, and a row that others point at, are found
// after the policies have let the statement pass.
var positives = []positive{
	{"own select", rowwise("SELECT * FROM {table} WHERE {match}"), func(r reply) bool { return r.rows == 1 }, false, func(r *relation) bool { return r.Select }},
	{"own insert", func(a aim) []string { return []string{a.on.insert(a.breeder.row(a.on, a.from.actor(a.scene), fresh))} },
		func(r reply) bool { return inserted(r) || r.code == "23505" }, true, mayInsert},
	{"own update", rowwise("UPDATE {table} SET {touch} = {touch} WHERE {match}"), func(r reply) bool { return r.tag == "UPDATE 1" }, true, mayUpdate},
	{"own upsert", inserting(" ON CONFLICT ({primary}) DO UPDATE SET {touch} = excluded.{touch}"), inserted, true, mayUpdate},
	{"own merge", rowwise("MERGE INTO {table} USING (SELECT) AS s ON {match} WHEN MATCHED THEN UPDATE SET {touch} = {touch}"), func(r reply) bool { return r.tag == "MERGE 1" }, true, mayUpdate},
	{"own delete", rowwise("DELETE FROM {table} WHERE {match}"), func(r reply) bool { return r.tag == "DELETE 1" || r.code == "23503" }, true, mayDelete},
}
