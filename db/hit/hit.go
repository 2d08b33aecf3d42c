// Package hit reads how often an organization's statements met the policies of its tables: a measurement that the
// processes make as they send statements, and that the worker stores by the minute.
package hit

import (
	"fmt"
	"strings"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/internal/tally"
)

// Row is one operation on one table.
type Row struct {
	Table           string        `db:"table_name"`
	Operation       string        `db:"operation"` // select, insert, update, delete, merge
	Calls           int64         `db:"calls"`
	Rows            int64         `db:"rows"`             // returned or changed
	RefusedWrites   int64         `db:"refused_writes"`   // by a policy or a missing grant
	RefusedContexts int64         `db:"refused_contexts"` // the gate did not open
	P95             time.Duration `db:"p95"`              // 95 of 100 calls were waited for less long, to the next power of two microseconds
}

// histogram sums up the histograms of a group of rows, bucket by bucket.
var histogram = func() string {
	sums := make([]string, tally.Buckets)
	for i := range sums {
		sums[i] = fmt.Sprintf("coalesce(sum(latency[%d]), 0)::bigint", i+1)
	}
	return "ARRAY[" + strings.Join(sums, ", ") + "]"
}()

// ByTable queues what was counted since then, busiest first.
func ByTable(v *db.View, since time.Time, into *[]Row) {
	sealed.List(v, "hit.by_table", `
		SELECT h.table_name, h.operation, h.calls, h.rows, h.refused_writes, h.refused_contexts,
		       (SELECT coalesce(min(1000 * 2 ^ (b.i - 1)), 0)::bigint
		        FROM (SELECT x.i, sum(x.n) OVER (ORDER BY x.i) AS upto, sum(x.n) OVER () AS whole
		              FROM unnest(h.latency) WITH ORDINALITY AS x (n, i)) b
		        WHERE b.whole > 0 AND b.upto >= b.whole * 0.95) AS p95
		FROM (
		  SELECT table_name, operation, sum(calls)::bigint AS calls, sum(rows)::bigint AS rows,
		         sum(refused_writes)::bigint AS refused_writes, sum(refused_contexts)::bigint AS refused_contexts,
		         `+histogram+` AS latency
		  FROM policy_hits WHERE tenant_id = $1 AND minute >= $2
		  GROUP BY table_name, operation) h
		ORDER BY h.calls DESC, h.table_name, h.operation`, into, since)
}

// Point is what was counted from At on, until the next Point.
type Point struct {
	At      time.Time `db:"at"`
	Calls   int64     `db:"calls"`
	Rows    int64     `db:"rows"`
	Refused int64     `db:"refused"` // writes and contexts
}

// OverTime queues one Point for each step from since until now, also where nothing was counted.
func OverTime(v *db.View, since time.Time, step time.Duration, into *[]Point) {
	sealed.List(v, "hit.over_time", `
		SELECT s.at, coalesce(h.calls, 0) AS calls, coalesce(h.rows, 0) AS rows, coalesce(h.refused, 0) AS refused
		FROM generate_series($2::timestamptz, now(), $3::interval) AS s (at)
		LEFT JOIN (
		  SELECT date_bin($3, minute, $2) AS at, sum(calls)::bigint AS calls, sum(rows)::bigint AS rows,
		         sum(refused_writes + refused_contexts)::bigint AS refused
		  FROM policy_hits WHERE tenant_id = $1 AND minute >= $2 GROUP BY 1) h USING (at)
		ORDER BY s.at`, into, since, step)
}

// Retention is how long an organization keeps its minutes.
const Retention = 7 * 24 * time.Hour

// Store is the statement that adds counts to those of their minutes. The counts are of one tenant.
func Store(counts []tally.Count) sealed.Statement {
	return sealed.Exec("hit.store", `
		INSERT INTO policy_hits AS h (tenant_id, minute, table_name, operation, calls, rows, refused_writes, refused_contexts, latency)
		SELECT $1, n.minute, n.table_name, n.operation, n.calls, n.rows, n.refused_writes, n.refused_contexts, n.latency
		FROM jsonb_to_recordset($2) AS n (minute timestamptz, table_name text, operation text, calls bigint, rows bigint,
		       refused_writes bigint, refused_contexts bigint, latency bigint[])
		ON CONFLICT (tenant_id, minute, table_name, operation) DO UPDATE SET
		  calls = h.calls + excluded.calls, rows = h.rows + excluded.rows,
		  refused_writes = h.refused_writes + excluded.refused_writes, refused_contexts = h.refused_contexts + excluded.refused_contexts,
		  latency = ARRAY(SELECT coalesce(x.a, 0) + coalesce(x.b, 0)
		                  FROM unnest(h.latency, excluded.latency) WITH ORDINALITY AS x (a, b, i) ORDER BY x.i)`, counts)
}

// Forget is the statement that deletes what is older than Retention.
func Forget() sealed.Statement {
	return sealed.Exec("hit.forget", `DELETE FROM policy_hits WHERE tenant_id = $1 AND minute < now() - $2::interval`, Retention)
}
