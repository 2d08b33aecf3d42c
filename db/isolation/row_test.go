package isolation_test

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// row is one row of a tenant table, by column.
type row map[string]any

// maker makes rows of one tenant table. Row 0 is what the rows of other tables point at, row 1 is pointed at by none,
// row 2 is not there until a test inserts it.
type maker struct {
	table string
	row   func(t tenant, n int) row
	touch string   // a SET clause that every row takes
	one   bool     // a tenant has exactly one row, whatever n
	ids   []string // the columns of the primary key after the tenant's, where they are not just id
}

// makers knows every tenant table, those that are pointed at first. A table that is missing here fails the run.
var makers = []maker{
	{table: "tenants", one: true, ids: []string{}, touch: "name = name || '!'", row: func(t tenant, _ int) row {
		return row{"id": t.id, "name": t.name}
	}},
	{table: "users", touch: "name = name || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("users", n), "clerk_id": "user_" + t.word("users", n),
			"email": t.word("users", n) + "@example.com", "name": t.name, "role": "member"}
	}},
	{table: "jobs", touch: "title = title || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("jobs", n), "external_key": t.word("jobs", n), "title": "Engineer for " + t.name,
			"posted_at": day, "posted_at_source": "source", "assignee_id": t.of("users", 0)}
	}},
	{table: "imports", touch: "source = source || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("imports", n), "user_id": t.of("users", 0), "format": "csv", "source": t.name,
			"rows_new": 1, "rows_updated": 0, "rows_same": 0, "rows_failed": 0}
	}},
	{table: "import_rows", ids: []string{"import_id", "position"}, touch: "title = title || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "import_id": t.of("imports", 0), "position": n + 1, "outcome": "new", "title": t.name,
			"job_id": t.of("jobs", 0)}
	}},
	{table: "proposals", touch: "letter = letter || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("proposals", n), "job_id": t.of("jobs", 0), "user_id": t.of("users", 0),
			"letter": "Dear " + t.name, "status": [...]string{"draft", "archived", "archived"}[n]}
	}},
	{table: "proposal_versions", ids: []string{"proposal_id", "version"}, touch: "letter = letter || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "proposal_id": t.of("proposals", 0), "version": n + 1, "letter": "Dear " + t.name,
			"answers": "[]", "bid": "", "author_id": t.of("users", 0), "origin": "typed"}
	}},
	{table: "proposal_events", touch: "note = note || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("proposal_events", n), "proposal_id": t.of("proposals", 0), "from_status": "",
			"to_status": "draft", "actor_id": t.of("users", 0), "note": t.name}
	}},
	{table: "proposal_presence", touch: "seen_at = seen_at + interval '1 minute'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("proposal_presence", n), "proposal_id": t.of("proposals", 0), "user_id": t.of("users", 0)}
	}},
	{table: "analytics", touch: "event = event || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("analytics", n), "event": "job.triaged", "actor_id": t.of("users", 0),
			"entity": "job", "entity_id": t.of("jobs", 0)}
	}},
	{table: "policy_hits", ids: []string{"minute", "table_name", "operation"}, touch: "calls = calls + 1", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "minute": day.Add(time.Duration(n) * time.Minute), "table_name": "jobs", "operation": "select",
			"calls": 1, "rows": 50, "refused_writes": 0, "refused_contexts": 0, "latency": []int64{0, 1}}
	}},
	{table: "saved_searches", touch: "name = name || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("saved_searches", n), "user_id": t.of("users", 0), "name": t.word("saved_searches", n),
			"address": "q=" + t.name, "criteria": "{}"}
	}},
	{table: "job_notes", touch: "note = note || '!'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("job_notes", n), "job_id": t.of("jobs", 0), "author_id": t.of("users", 0), "note": t.name}
	}},
	{table: "undos", touch: "changes = '[]'", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("undos", n), "user_id": t.of("users", 0), "kind": "import", "import_id": t.of("imports", 0),
			"changes": "[]", "expires_at": day}
	}},
	{table: "alerts", touch: "count = count + 1", row: func(t tenant, n int) row {
		return row{"tenant_id": t.id, "id": t.of("alerts", n), "kind": "attempts", "count": 20, "seen_at": day, "seen_by": t.of("users", 0)}
	}},
}

// primary is the primary key.
func (m maker) primary() []string {
	if m.ids == nil {
		return []string{key(m.table), "id"}
	}
	return append([]string{key(m.table)}, m.ids...)
}

var day = time.Date(2026, 5, 3, 8, 0, 0, 0, time.UTC)

// key is the column that says whose row it is.
func key(table string) string {
	if table == "tenants" {
		return "id"
	}
	return "tenant_id"
}

// tenant is a tenant with rows in every table, in a state of its own.
type tenant struct {
	id    uuid.UUID
	name  string
	token string // what the application would open it with
}

// of is the id of the tenant's n-th row of a table.
func (t tenant) of(table string, n int) uuid.UUID {
	return uuid.NewSHA1(t.id, fmt.Appendf(nil, "%s %d", table, n))
}

// word is a text that only this tenant has, in letters and digits.
func (t tenant) word(table string, n int) string {
	id := t.of(table, n)
	return hex.EncodeToString(id[:])
}
