package e2e_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/web/webtest"
)

// happen fills in what days of use would leave on the pages about isolation: proofs, attempts, alerts, counts and tasks.
func happen(t *testing.T, s *webtest.Site) {
	t.Helper()
	conn := s.Connect(t, "postgres")
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	r := report()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		exec(`INSERT INTO control.proofs (id, at, took_ms, ok, checks, leaks, oracles, unproven, report, signature) VALUES ($1, now() - $2 * interval '1 hour', $3, true, $4, 0, 0, 0, $5, '')`,
			uuid.New(), i, r.TookMS+i, r.Checks, string(text))
	}
	// A busy day with a quiet night, more of it for the first organization.
	exec(`INSERT INTO policy_hits
		SELECT t.id, date_trunc('minute', now()) - h.n * interval '20 minutes', x.name, x.operation, x.calls * (3 + h.n % 5), x.calls * 20 * (h.n % 7), CASE WHEN h.n % 40 = 3 THEN 2 ELSE 0 END,
		       CASE WHEN h.n % 60 = 7 THEN 1 ELSE 0 END, ARRAY[0, 0, 0, 0, 0, 0, 0, 1, 20, 60, 12, 2]
		FROM tenants t, generate_series(0, 500) AS h (n), (VALUES ('jobs', 'select', 9), ('users', 'select', 11), ('proposals', 'select', 5), ('proposals', 'update', 1), ('analytics', 'insert', 2)) AS x (name, operation, calls)
		WHERE (h.n / 3) % 24 NOT BETWEEN 3 AND 9`)
	exec(`INSERT INTO control.activity
		SELECT tenant_id, to_timestamp(floor(extract(epoch FROM minute) / 600) * 600), sum(calls), sum(rows), sum(refused_writes), sum(refused_contexts) FROM policy_hits GROUP BY 1, 2`)
	exec(`INSERT INTO control.sizes SELECT tenant_id, 7, 12345, 8345678, now() - interval '3 hours', now() FROM control.registry ORDER BY name LIMIT 1`)
	// Theo of the one organization tries the other one's jobs.
	exec(`INSERT INTO control.attempts (id, tenant_id, period, clerk_user_id, kind, entity, own_tenant_id, entity_id, request_id, count, first_at, last_at)
		SELECT gen_random_uuid(), a.tenant_id, now() - n * interval '97 minutes', $1, CASE n % 3 WHEN 0 THEN 'switch' ELSE 'foreign_id' END, CASE n % 3 WHEN 0 THEN 'organization' ELSE 'job' END, b.tenant_id,
		       CASE n % 3 WHEN 0 THEN a.tenant_id ELSE gen_random_uuid() END, 'K3J9Q2M7W5X1Z8AB', 1 + n * 7 % 31, now() - n * interval '97 minutes', now() - n * interval '97 minutes'
		FROM generate_series(0, 12) AS n, control.registry a, control.registry b WHERE a.slug = 'brindlewick' AND b.slug = 'quillmoor'`, demo.People()[7].ID)
	exec(`INSERT INTO analytics (tenant_id, id, event, entity, entity_id, request_id, detail, created_at, actor_id)
		SELECT t.id, gen_random_uuid(), 'isolation.attempt', CASE n % 3 WHEN 0 THEN 'organization' WHEN 1 THEN 'page' ELSE 'job' END,
		       CASE n % 3 WHEN 2 THEN (SELECT j.id FROM jobs j WHERE j.tenant_id = t.id LIMIT 1) END, '', jsonb_build_object('attempt', n, 'count', 1 + n * 7 % 31,
		       'kind', CASE n % 3 WHEN 0 THEN 'switch' WHEN 1 THEN 'refused_write' ELSE 'foreign_id' END), now() - n * interval '97 minutes',
		       CASE n % 3 WHEN 1 THEN (SELECT u.id FROM users u WHERE u.tenant_id = t.id AND u.role = 'viewer') END
		FROM tenants t, generate_series(0, 12) AS n`)
	exec(`INSERT INTO alerts (tenant_id, id, kind, count, created_at, seen_at, seen_by)
		SELECT t.id, gen_random_uuid(), 'attempts', 20 + n, now() - n * interval '26 hours', CASE n WHEN 0 THEN NULL ELSE now() - interval '25 hours' END, CASE n WHEN 0 THEN NULL ELSE u.id END
		FROM tenants t JOIN users u ON u.tenant_id = t.id AND u.role = 'owner', generate_series(0, 1) AS n`)
	exec(`UPDATE control.registry SET alert_at = now() WHERE slug = 'brindlewick'`)
	exec(`INSERT INTO control.river_job (kind, args, state, queue, attempt, max_attempts, attempted_at, scheduled_at, finalized_at, errors)
		SELECT CASE n % 3 WHEN 0 THEN 'prove_isolation' WHEN 1 THEN 'tell_attempt' ELSE 'tend_tenants' END, CASE n % 3 WHEN 1 THEN (SELECT jsonb_build_object('tenant', tenant_id) FROM control.registry LIMIT 1) ELSE '{}' END,
		       x.state::control.river_job_state, 'default', CASE x.state WHEN 'available' THEN 0 ELSE 1 END, 25, now() - interval '90 seconds', now() + n % 7 * interval '3 minutes', CASE WHEN x.done THEN now() - n * interval '1 minute' END,
		       CASE WHEN x.state IN ('retryable', 'discarded') THEN ARRAY[jsonb_build_object('error', CASE n % 2 WHEN 0 THEN 'tell: database unavailable' ELSE 'SELECT secret' END)] END
		FROM generate_series(1, 70) AS n, LATERAL (VALUES ('completed', true, 0), ('completed', true, 1), ('completed', true, 2), ('retryable', false, 3), ('discarded', true, 4), ('running', false, 5), ('scheduled', false, 6)) AS x (state, done, m)
		WHERE x.m = n % 7`)
}

// fail keeps a later proof, which found something.
func fail(t *testing.T, s *webtest.Site) {
	t.Helper()
	r := report()
	r.OK, r.Oracles, r.Unproven, r.Started = false, 1, 2, time.Now().Add(-time.Minute)
	r.Breaches = []isolation.Breach{
		{Kind: isolation.Oracle, Path: "direct", Context: "another organization, with its own token", Object: "proposal_versions", Attack: "foreign key probe", Fault: "23503 where there is a row, and 42501 where there is none"},
		{Kind: isolation.Unproven, Path: "PgBouncer in transaction mode", Context: "suspended", Object: "jobs", Attack: "merge", Fault: "no answer in time: 57014"},
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Connect(t, "postgres").Exec(context.Background(), `INSERT INTO control.proofs (id, at, took_ms, ok, checks, leaks, oracles, unproven, report, signature)
		VALUES ($1, now(), $2, false, $3, 0, $4, $5, $6, '')`, uuid.New(), r.TookMS, r.Checks, r.Oracles, r.Unproven, string(text))
	if err != nil {
		t.Fatal(err)
	}
}

// report is a proof as it looks when all is well.
func report() isolation.Report {
	r := isolation.Report{OK: true, Started: time.Now().Add(-12 * time.Minute), TookMS: 21340, Installation: "0123456789abcdef", ServerVersion: "15.14",
		Paths: []isolation.Path{{Name: "direct", Proven: true}, {Name: "PgBouncer in transaction mode", Proven: true}}}
	attacks := [][2]string{{"select", "reads the row"}, {"insert", "adds a row of the other organization"}, {"update", "changes the row"}, {"update of tenant_id", "moves the row to itself"}, {"delete", "removes the row"}, {"upsert", "overwrites the row on conflict"},
		{"merge", "merges into the row"}, {"copy out", "copies the table out"}, {"truncate", "empties the table"}, {"lock", "locks the table"}, {"foreign key probe", "asks by a reference whether the row exists"}, {"unique probe", "asks by a duplicate whether the row exists"}, {"cursor", "keeps a cursor open over a switch"}}
	contexts := [][2]string{{"none", "nobody: no organization is set"}, {"empty", "an empty organization"}, {"malformed", "something that is no organization"}, {"unknown", "an organization that does not exist"}, {"other", "another organization, with its own token"},
		{"forged", "the organization with a forged token"}, {"stale", "the organization with an outdated token"}, {"suspended", "the organization while it is suspended"}}
	for _, a := range attacks {
		r.Attacks = append(r.Attacks, isolation.Tally{Name: a[0], Kind: a[1], Checks: 40 * len(contexts)})
		r.Checks += 40 * len(contexts)
	}
	for _, c := range contexts {
		r.Contexts = append(r.Contexts, isolation.Tally{Name: c[0], Kind: c[1], Checks: r.Checks / len(contexts)})
	}
	for _, o := range []string{"jobs", "proposals", "users", "analytics", "imports"} {
		r.Objects = append(r.Objects, isolation.Tally{Name: o, Kind: "table", Checks: r.Checks / 5})
	}
	for i := range r.Paths {
		r.Paths[i].Checks = r.Checks / 2
	}
	return r
}
