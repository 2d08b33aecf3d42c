package task_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/alert"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/task"
)

// station is an installation of the test's own with a queue, and the tasks that run on it.
type station struct {
	*dbtest.Database
	*task.Queue
	super *pgx.Conn
}

func newStation(t *testing.T) *station {
	t.Helper()
	d := dbtest.Own(t)
	q, err := task.NewQueue(d.DB)
	if err != nil {
		t.Fatal(err)
	}
	return &station{d, q, d.Connect(t, "postgres")}
}

// run runs tasks until the test ends, or until the function that it returns is called.
func (s *station) run(t *testing.T) (stop func()) {
	t.Helper()
	r, err := task.NewRunner(s.DB, slog.New(slog.DiscardHandler), func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	return stop
}

// await waits until sql answers true.
func (s *station) await(t *testing.T, what, sql string, args ...any) {
	t.Helper()
	late := time.After(30 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		var done bool
		if err := s.super.QueryRow(t.Context(), sql, args...).Scan(&done); err != nil {
			t.Fatalf("%v\n%s", err, sql)
		}
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

const (
	told     = "SELECT count(*) > 0 FROM analytics WHERE tenant_id = $1 AND event = 'isolation.attempt'"
	finished = "SELECT count(*) = 0 FROM control.river_job WHERE kind IN ('tell_attempt', 'raise_alert') AND state IN ('available', 'running', 'retryable')"
)

// row stores a job of n's and returns its id.
func (s *station) row(t *testing.T, n *dbtest.Tenant) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	exec(t, s.super, "INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source) VALUES ($1, $2, $3, 'X', now(), 'source')", n.ID, id, id.String())
	return id
}

func (s *station) report(t *testing.T, tries ...control.Try) {
	t.Helper()
	for i := range tries {
		tries[i].Count, tries[i].At = max(tries[i].Count, 1), time.Now()
	}
	if err := s.Report(t.Context(), tries); err != nil {
		t.Fatal(err)
	}
}

// attempts are what n's owner is shown.
func attempts(t *testing.T, n *dbtest.Tenant) []audit.Attempt {
	t.Helper()
	var list []audit.Attempt
	n.Read(t, db.Owner, func(v *db.View) error {
		audit.Attempts(v, time.Now().Add(-time.Hour), &list)
		return v.Load()
	})
	return list
}

func TestATryIsToldToTheTriedTenantAndToNobodyElse(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b, c := s.NewTenant(t), s.NewTenant(t), s.NewTenant(t)
	id := s.row(t, b)
	s.run(t)
	s.report(t, control.Try{Person: a.Members[db.Viewer], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id, RequestID: "R1"})
	s.await(t, "the tried tenant is told", told, b.ID)

	list := attempts(t, b)

	if len(list) != 1 || list[0].Kind != "foreign_id" || list[0].Entity != "job" || *list[0].EntityID != id || list[0].Count != 1 || list[0].Actor != "" || time.Since(list[0].At) > time.Minute {
		t.Errorf("told %+v", list)
	}
	if n := number(t, s.super, "SELECT count(*) FROM analytics WHERE tenant_id = $1 AND event = 'isolation.attempt' AND (analytics::text LIKE '%' || $2 || '%' OR analytics::text LIKE '%' || $3 || '%')",
		b.ID, a.Members[db.Viewer], a.ID.String()); n != 0 {
		t.Error("the tried tenant is told who it was")
	}
	for name, n := range map[string]*dbtest.Tenant{"the person's own": a, "a third": c} {
		if list := attempts(t, n); len(list) != 0 {
			t.Errorf("%s tenant is told %+v", name, list)
		}
	}
	var lines []control.AttemptLine
	err := s.DB.Control(t.Context(), func(tx *db.ControlTx) error {
		return control.Attempts(t.Context(), tx, time.Now().Add(-time.Hour), &lines)
	})
	if err != nil || len(lines) != 1 || lines[0].Person != a.Members[db.Viewer] || *lines[0].Own != a.ID {
		t.Errorf("the operator is shown %+v, %v", lines, err)
	}
}

func TestWhatIsNoAttemptLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b := s.NewTenant(t), s.NewTenant(t)
	id, person := s.row(t, b), a.Members[db.Viewer]
	s.report(t,
		control.Try{Person: person, Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: uuid.New()},          // nobody's
		control.Try{Person: person, Own: a.ID, Kind: control.ForeignID, Entity: control.EntityProposal, ID: id},             // of another kind
		control.Try{Person: person, Own: a.ID, Kind: control.Switching, Entity: control.EntityOrganization, ID: uuid.New()}, // no tenant
		control.Try{Person: b.Members[db.Viewer], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id},    // of the person's other tenant
		control.Try{Person: person, Own: b.ID, Kind: control.ForeignForm, Entity: control.EntityOrganization, ID: a.ID},     // likewise
		control.Try{Person: person, Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: uuid.Nil},            // no id
	)
	if n := number(t, s.super, "SELECT (SELECT count(*) FROM control.attempts) + (SELECT count(*) FROM control.river_job)"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestARefusedWriteNamesTheMember(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a := s.NewTenant(t)
	s.run(t)
	s.report(t, control.Try{Person: a.Members[db.Viewer], Own: a.ID, Kind: control.RefusedWrite, Entity: control.EntityPage})
	s.await(t, "the tenant is told", told, a.ID)
	if list := attempts(t, a); len(list) != 1 || list[0].Kind != "refused_write" || list[0].Actor != "The viewer" || list[0].EntityID != nil {
		t.Errorf("told %+v", list)
	}
}

func TestAFloodDoesNotBuryALoneTry(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b := s.NewTenant(t), s.NewTenant(t)
	id := s.row(t, b)
	s.run(t)
	for range 20 { // 2,000 tries
		s.report(t, control.Try{Person: a.Members[db.Viewer], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id, Count: 100})
	}
	s.report(t, control.Try{Person: a.Members[db.Admin], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id})
	s.await(t, "the alert is raised", "SELECT alert_at IS NOT NULL FROM control.registry WHERE tenant_id = $1", b.ID)
	s.await(t, "all is told", finished)
	exec(t, s.super, "UPDATE control.river_job SET scheduled_at = now(), state = 'available' WHERE state = 'scheduled' AND kind = 'tell_attempt'")
	s.await(t, "the rest is told", finished)
	list := attempts(t, b)
	counts := []int64{}
	for _, x := range list {
		counts = append(counts, x.Count)
	}
	slices.Sort(counts)
	if !slices.Equal(counts, []int64{1, 2000}) {
		t.Errorf("told %+v", list)
	}
	if n := number(t, s.super, "SELECT count(*) FROM alerts WHERE tenant_id = $1", b.ID); n != 1 {
		t.Errorf("%d alerts", n)
	}
}

func TestManyPersonsFillTheRowsAndTheRestIsCountedTogether(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b := s.NewTenant(t), s.NewTenant(t)
	id := s.row(t, b)
	for i := range 60 {
		s.report(t, control.Try{Person: fmt.Sprintf("user_%d", i), Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id})
	}
	s.report(t, control.Try{Person: "user_7", Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id})
	if n := number(t, s.super, "SELECT count(*) FROM control.attempts WHERE clerk_user_id <> ''"); n != 50 {
		t.Errorf("%d rows with a person", n)
	}
	if n := number(t, s.super, "SELECT sum(count)::bigint FROM control.attempts WHERE clerk_user_id = '' AND own_tenant_id IS NULL"); n != 10 {
		t.Errorf("%d tries without a person", n)
	}
	if n := number(t, s.super, "SELECT count FROM control.attempts WHERE clerk_user_id = 'user_7'"); n != 2 {
		t.Errorf("%d tries of one who has a row", n)
	}
}

// TestATellingThatIsInterruptedTellsOnce stops between the tenant's row and the completion of the task, and does it again.
func TestATellingThatIsInterruptedTellsOnce(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b := s.NewTenant(t), s.NewTenant(t)
	try := control.Try{Person: a.Members[db.Viewer], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: s.row(t, b)}
	s.report(t, try)
	stop := s.run(t)
	s.await(t, "the tenant is told", told, b.ID)
	stop()
	s.report(t, try, try) // grows meanwhile
	// What a killed process leaves behind: a task that runs nowhere.
	exec(t, s.super, `UPDATE control.river_job SET state = 'running', finalized_at = NULL, attempted_at = now() - interval '10 minutes', attempt = 1, attempted_by = '{gone}'
		WHERE kind = 'tell_attempt' AND args->>'rest' = 'false'`)
	s.run(t)
	s.await(t, "the task is run again", "SELECT attempt > 1 AND state = 'completed' FROM control.river_job WHERE kind = 'tell_attempt' AND args->>'rest' = 'false'")
	if list := attempts(t, b); len(list) != 1 || list[0].Count != 1 {
		t.Errorf("told %+v", list)
	}
	exec(t, s.super, "UPDATE control.river_job SET scheduled_at = now(), state = 'available' WHERE state = 'scheduled'")
	s.await(t, "the rest is told", "SELECT count(*) = 2 FROM analytics WHERE tenant_id = $1 AND event = 'isolation.attempt'", b.ID)
	if list := attempts(t, b); len(list) != 1 || list[0].Count != 3 {
		t.Errorf("told %+v", list)
	}
}

func TestATaskOfASuspendedTenantWaits(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b := s.NewTenant(t), s.NewTenant(t)
	if err := s.DB.SetState(t.Context(), b.Tenant, place.Suspended); err != nil {
		t.Fatal(err)
	}
	s.report(t, control.Try{Person: a.Members[db.Viewer], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: s.row(t, b)})
	s.run(t)
	const waits = "SELECT count(*) = 1 FROM control.river_job WHERE kind = 'tell_attempt' AND args->>'rest' = 'false' AND state = 'scheduled' AND cardinality(coalesce(errors, '{}')) = 0"
	s.await(t, "the task waits", waits)
	if err := s.DB.SetState(t.Context(), b.Tenant, place.Active); err != nil {
		t.Fatal(err)
	}
	exec(t, s.super, "UPDATE control.river_job SET scheduled_at = now(), state = 'available' WHERE args->>'rest' = 'false'")
	s.await(t, "it is told when it is open again", told, b.ID)
}

func TestABacklogOfOneTenantDoesNotKeepAnotherFromItsTurn(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b, c := s.NewTenant(t), s.NewTenant(t), s.NewTenant(t)
	id := s.row(t, b)
	for i := range 50 {
		s.report(t, control.Try{Person: fmt.Sprintf("user_%d", i), Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id})
	}
	s.report(t, control.Try{Person: "user_x", Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: s.row(t, c)})
	s.run(t)
	s.await(t, "the lone task is done", told, c.ID)
	var ahead int64
	if err := s.super.QueryRow(t.Context(), `SELECT count(*) FROM control.river_job WHERE kind = 'tell_attempt' AND args->>'tenant' = $1 AND attempted_at <
		(SELECT attempted_at FROM control.river_job WHERE kind = 'tell_attempt' AND args->>'tenant' = $2 AND attempted_at IS NOT NULL)`, b.ID.String(), c.ID.String()).Scan(&ahead); err != nil {
		t.Fatal(err)
	}
	if ahead > 8 {
		t.Errorf("%d tasks of the other tenant were begun before", ahead)
	}
}

func TestTheTenantRoleCannotStopTheTasks(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b, c := s.NewTenant(t), s.NewTenant(t), s.NewTenant(t)
	try := control.Try{Person: a.Members[db.Viewer], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob}
	s.run(t)
	try.ID = s.row(t, b)
	s.report(t, try)
	s.await(t, "tasks run", told, b.ID)
	injected := s.Connect(t, "app_tenant")
	for _, queue := range []string{"*", "default"} {
		exec(t, injected, `NOTIFY "control.river_control", '{"action":"pause","queue":"`+queue+`"}'`)
	}
	try.ID = s.row(t, c)
	s.report(t, try)
	s.await(t, "tasks still run", told, c.ID)
}

func TestAnAlertIsRaisedOnceAndGoesWhenItIsSeen(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b := s.NewTenant(t), s.NewTenant(t)
	id := s.row(t, b)
	s.run(t)
	try := control.Try{Person: a.Members[db.Viewer], Own: a.ID, Kind: control.ForeignID, Entity: control.EntityJob, ID: id, Count: control.AlertThreshold - 1}
	s.report(t, try)
	s.await(t, "the tenant is told", told, b.ID)
	const raised = "SELECT count(*) = 1 FROM alerts a JOIN control.registry r USING (tenant_id) WHERE tenant_id = $1 AND r.alert_at = a.created_at"
	s.await(t, "no alert below the threshold", "SELECT count(*) = 0 FROM control.river_job WHERE kind = 'raise_alert'")
	try.Count = 1
	s.report(t, try)
	s.await(t, "the alert", raised, b.ID)
	s.report(t, try)
	s.await(t, "all is done", finished)
	var list []alert.Alert
	b.Read(t, db.Admin, func(v *db.View) error {
		alert.List(v, time.Now().Add(-time.Hour), &list)
		return v.Load()
	})
	if len(list) != 1 || list[0].Count != control.AlertThreshold || list[0].SeenAt != nil {
		t.Fatalf("alerts %+v", list)
	}
	a.Read(t, db.Admin, func(v *db.View) error {
		alert.List(v, time.Now().Add(-time.Hour), &list)
		return v.Load()
	})
	if len(list) != 0 {
		t.Errorf("the other tenant is shown %+v", list)
	}
}

func TestTenantsAreMeasuredAndTheirOldMinutesGo(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	a, b := s.NewTenant(t), s.NewTenant(t)
	s.row(t, a)
	exec(t, s.super, "UPDATE users SET removed_at = now() WHERE clerk_id = $1", a.Members[db.Viewer])
	for _, age := range []string{"8 days", "6 days"} {
		exec(t, s.super, "INSERT INTO policy_hits VALUES ($1, now() - $2::interval, 'jobs', 'select', 1, 1, 0, 0, '{}')", a.ID, age)
		exec(t, s.super, "INSERT INTO control.activity VALUES ($1, now() - 4 * $2::interval, 1, 1, 0, 0)", a.ID, age)
	}
	if err := s.DB.SetState(t.Context(), b.Tenant, place.Suspended); err != nil {
		t.Fatal(err)
	}
	want := number(t, s.super, `SELECT (SELECT count(*) FROM tenants WHERE id = $1) + (SELECT count(*) FROM users WHERE tenant_id = $1) + (SELECT count(*) FROM jobs WHERE tenant_id = $1)
		+ (SELECT count(*) FROM analytics WHERE tenant_id = $1) + 1`, a.ID)
	s.run(t)
	s.await(t, "both are visited", "SELECT count(*) = 2 FROM control.sizes")
	s.await(t, "old activity is forgotten", "SELECT count(*) = 1 FROM control.activity WHERE tenant_id = $1 AND period < now() - interval '1 day'", a.ID)
	var rows, bytes, members int64
	if err := s.super.QueryRow(t.Context(), "SELECT rows, bytes, members FROM control.sizes WHERE tenant_id = $1", a.ID).Scan(&rows, &bytes, &members); err != nil {
		t.Fatal(err)
	}
	if rows != want || members != 4 || bytes < rows*40 {
		t.Errorf("%d rows, want %d; %d bytes; %d members", rows, want, bytes, members)
	}
	if n := number(t, s.super, "SELECT count(*) FROM policy_hits WHERE tenant_id = $1", a.ID); n != 1 {
		t.Errorf("%d minutes are left", n)
	}
	if n := number(t, s.super, "SELECT count(*) FROM control.sizes WHERE tenant_id = $1 AND measured_at IS NULL", b.ID); n != 1 {
		t.Error("the suspended tenant was measured, or is not noted")
	}
}

func TestTheFirstProofComesSoonAndAFreshOneIsEnough(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	made, other := make(chan struct{}, 10), s.Connect(t, "postgres")
	r, err := task.NewRunner(s.DB, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		made <- struct{}{}
		_, err := other.Exec(ctx, "INSERT INTO control.proofs VALUES (gen_random_uuid(), now(), 1, true, 1, 0, 0, 0, '{}', '')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	const soon = "SELECT count(*) = 1 FROM control.river_job WHERE kind = 'prove_isolation' AND state = 'scheduled' AND scheduled_at < now() + interval '1 minute'"
	s.await(t, "the first proof is due within a minute", soon)
	for range 2 {
		exec(t, s.super, "UPDATE control.river_job SET scheduled_at = now(), state = 'available', finalized_at = NULL WHERE kind = 'prove_isolation'")
		s.await(t, "it is made", "SELECT state = 'completed' FROM control.river_job WHERE kind = 'prove_isolation'")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(made) != 1 {
		t.Errorf("%d proofs were made", len(made))
	}
}
