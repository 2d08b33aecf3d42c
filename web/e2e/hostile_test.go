package e2e_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/app/command"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web/webtest"
)

// The two who look, and where the first works.
var lookers = [2]string{demo.People()[0].ID, demo.Operator().ID}

const lookedAt = "Brindlewick Collective"

// room gives every table of the organization rows to plant in, as many as there are hostile texts ({many}) where each needs one
// of its own, and so that each is shown on some page.
var room = []string{
	`DELETE FROM undos WHERE tenant_id = {tenant}`, `DELETE FROM proposals WHERE tenant_id = {tenant}`, `DELETE FROM imports WHERE tenant_id = {tenant}`,
	`DELETE FROM saved_searches WHERE tenant_id = {tenant}`, `DELETE FROM job_notes WHERE tenant_id = {tenant}`, `DELETE FROM jobs WHERE tenant_id = {tenant}`,
	`UPDATE tenants SET settings = '{"x": "x"}' WHERE id = {tenant}`,
	`INSERT INTO users (tenant_id, id, clerk_id, email, name, role, profile) SELECT {tenant}, gen_random_uuid(), 'user_x' || n, 'x@example.com', 'x', 'member', '{"x": "x"}' FROM generate_series(1, {many}) AS n`,
	`INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source, triage, assignee_id)
		SELECT {tenant}, gen_random_uuid(), 'x' || n, 'x', now() - n * interval '1 minute', 'import', CASE WHEN n % 2 = 0 THEN 'new' ELSE 'skipped' END, {member} FROM generate_series(1, {many}) AS n`,
	`INSERT INTO job_notes (tenant_id, id, job_id, author_id, note) SELECT {tenant}, gen_random_uuid(), j.id, {member}, 'x' FROM jobs j WHERE tenant_id = {tenant}`,
	`INSERT INTO imports (tenant_id, id, user_id, state, imported_at, format, rows_new, rows_updated, rows_same, rows_failed)
		SELECT {tenant}, gen_random_uuid(), {member}, 'imported', now(), 'x' || n, 1, 0, 0, 1 FROM generate_series(1, 20) AS n`,
	`INSERT INTO import_rows (tenant_id, import_id, position, outcome, job_id)
		SELECT {tenant}, (SELECT id FROM imports WHERE tenant_id = {tenant} LIMIT 1), row_number() OVER (), 'new', j.id FROM jobs j WHERE tenant_id = {tenant}`,
	`INSERT INTO import_rows (tenant_id, import_id, position, outcome, job_id)
		SELECT {tenant}, i.id, 1, 'new', (SELECT id FROM jobs WHERE tenant_id = {tenant} LIMIT 1) FROM (SELECT id FROM imports WHERE tenant_id = {tenant} OFFSET 1) i`,
	`INSERT INTO saved_searches (tenant_id, id, user_id, name, address, criteria) SELECT {tenant}, gen_random_uuid(), {member}, 'x' || n, 'q=x', '{"query": "x"}' FROM generate_series(1, {many}) AS n`,
	`INSERT INTO undos (tenant_id, id, user_id, kind, changes, expires_at) SELECT {tenant}, gen_random_uuid(), {member}, 'triage', '[{"title": "x"}]', now() + interval '1 day'`,
	`INSERT INTO proposals (tenant_id, id, job_id, user_id, answers, status, submitted_at)
		SELECT {tenant}, gen_random_uuid(), j.id, {member}, '[{"question": "x", "answer": "x"}]', s.status, CASE s.status WHEN 'declined' THEN now() END
		FROM (SELECT id FROM jobs WHERE tenant_id = {tenant} LIMIT 20) j, (VALUES ('draft'), ('declined')) AS s (status)`,
	`INSERT INTO proposal_versions (tenant_id, proposal_id, version, letter, answers, bid, author_id, origin)
		SELECT {tenant}, p.id, n, '', '[{"question": "x", "answer": "x"}]', '', {member}, 'typed' FROM (SELECT id FROM proposals WHERE tenant_id = {tenant} AND status = 'draft' LIMIT 1) p, generate_series(1, {many}) AS n`,
	`UPDATE proposals SET version = {many}, updated_at = now() + interval '1 second' WHERE (tenant_id, id) = (SELECT DISTINCT tenant_id, proposal_id FROM proposal_versions WHERE tenant_id = {tenant})`,
	`INSERT INTO proposal_events (tenant_id, id, proposal_id, from_status, to_status, actor_id)
		SELECT {tenant}, gen_random_uuid(), (SELECT DISTINCT proposal_id FROM proposal_versions WHERE tenant_id = {tenant}), 'x', 'x', {member} FROM generate_series(1, {many}) AS n`,
	`INSERT INTO proposal_presence (tenant_id, id, proposal_id, user_id)
		SELECT {tenant}, gen_random_uuid(), (SELECT DISTINCT proposal_id FROM proposal_versions WHERE tenant_id = {tenant}), u.id FROM users u WHERE u.tenant_id = {tenant} AND u.id <> {member} LIMIT 5`,
	`DELETE FROM analytics WHERE tenant_id = {tenant}`,
	`INSERT INTO analytics (tenant_id, id, event, entity, entity_id, actor_id, detail)
		SELECT {tenant}, gen_random_uuid(), 'x', 'x', (SELECT id FROM jobs WHERE tenant_id = {tenant} LIMIT 1), CASE WHEN n % 3 = 0 THEN NULL ELSE {member}::uuid END,
		       '{"title": "x", "name": "x", "assignee": "x", "kind": "x", "what": "x", "from": "x", "to": "x"}' FROM generate_series(1, 2 * {many}) AS n`,

	// Some that the member is in, and some of places that are none.
	`INSERT INTO control.registry (tenant_id, name, slug, state, place) SELECT gen_random_uuid(), 'x', 'x', 'active', 'main' FROM generate_series(1, {many}) AS n`,
	`INSERT INTO control.directory (clerk_user_id, tenant_id, role) SELECT (SELECT clerk_id FROM users WHERE tenant_id = {tenant} AND id = {member}), tenant_id, 'owner' FROM control.registry WHERE slug = 'x'`,
	`INSERT INTO control.registry (tenant_id, name, slug, state, place) SELECT gen_random_uuid(), 'x', 'x', 'active', 'x' FROM generate_series(1, {many}) AS n`,
	`INSERT INTO control.sessions (digest, clerk_user_id, clerk_session_id, email, name, expires_at) SELECT sha256(n::text::bytea), 'x', 'x', 'x', 'x', now() FROM generate_series(1, {many}) AS n`,
	`INSERT INTO control.attempts (id, tenant_id, period, clerk_user_id, kind, entity, request_id, count, first_at, last_at)
		SELECT gen_random_uuid(), {tenant}, now() - n * interval '10 minutes', 'x', 'foreign_id', 'job', 'x', 1, now(), now() FROM generate_series(1, {many}) AS n`,
	`INSERT INTO control.events (id, event, clerk_user_id, tenant_id, request_id, detail) SELECT gen_random_uuid(), 'x', 'x', {tenant}, 'x', '{"x": "x"}' FROM generate_series(1, {many}) AS n`,
	`DELETE FROM control.river_job`,
	`INSERT INTO control.river_job (kind, args, metadata, state, queue, max_attempts, attempted_at, attempted_by, finalized_at, errors)
		SELECT 'x', '{"x": "x"}', '{"x": "x"}', 'discarded', 'x', 1, now(), '{x}', now(), ARRAY['{"error": "x", "trace": "x"}'::jsonb] FROM generate_series(1, {many}) AS n`,
}

// besides are the words of ours that half of the rows keep, so that what stands beside them is shown too.
var besides = []string{
	`UPDATE control.registry SET place = 'main' WHERE tenant_id IN (SELECT tenant_id FROM control.directory)`,
	`UPDATE analytics SET event = 'job.triaged', entity = 'job' FROM (SELECT id, row_number() OVER (ORDER BY ctid) AS n FROM analytics WHERE tenant_id = {tenant}) AS r WHERE analytics.id = r.id AND r.n % 2 = 0`,
	`UPDATE control.river_job SET kind = 'tell_attempt' WHERE id % 2 = 0`,
}

// hostileSite is the app with the hostile texts in everything that it stores.
func hostileSite(t *testing.T) (*webtest.Site, uuid.UUID) {
	t.Helper()
	seed := command.SandboxSeed()
	for n, text := range payloads() {
		seed.People = append(seed.People, sandbox.Person{ID: fmt.Sprintf("user_hostile%d", n), Email: strings.ToLower(text), Name: text, Note: text})
	}
	for some := range slices.Chunk(payloads(), 2) { // fifty invitations are listed
		id := strconv.Itoa(len(seed.Organizations))
		seed.Organizations = append(seed.Organizations, sandbox.Organization{ID: "org_hostile" + id, Name: strings.Join(some, "\n"), Slug: "hostile" + id,
			CreatedBy: "user_hostile1", Members: map[string]string{"user_hostile1": "org:admin"}, Invited: map[string]string{lookers[0]: "org:member"}})
	}
	d := dbtest.Own(t)
	if err := demo.Load(t.Context(), d.DB, time.Now(), io.Discard); err != nil {
		t.Fatal(err)
	}
	s := webtest.Start(t, d, seed)
	happen(t, s)
	p := newPlanter(t, s, uuid.Nil, lookers)
	p.tenant = p.query(`SELECT tenant_id FROM control.registry WHERE name = $1`, lookedAt)[0][0].([16]byte)
	member := uuid.UUID(p.query(`SELECT id FROM users WHERE tenant_id = $1 AND clerk_id = $2`, p.tenant, lookers[0])[0][0].([16]byte))
	fill := strings.NewReplacer("{tenant}", quoted(p.tenant), "{member}", quoted(member), "{many}", strconv.Itoa(len(attacks)))
	for _, sql := range room {
		p.must(fill.Replace(sql))
	}
	p.everywhere()
	for _, sql := range besides {
		p.must(fill.Replace(sql))
	}
	return s, p.tenant
}

func quoted(id uuid.UUID) string { return "'" + id.String() + "'" }

// ways are the patterns of all pages, from the table of routes itself.
func ways(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("../route.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`\{http\.MethodGet, "([^"]+)"`).FindAllSubmatch(source, -1) {
		all = append(all, string(m[1]))
	}
	if len(all) < 20 {
		t.Fatalf("%d pages", len(all))
	}
	return all
}

func idOf(v any) string {
	raw := v.([16]byte)
	return uuid.UUID(raw).String()
}
