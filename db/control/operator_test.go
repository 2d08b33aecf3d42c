package control_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

func exec(t *testing.T, super *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := super.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
}

func tenants(t *testing.T, d *dbtest.Database, f control.TenantFilter) []control.TenantLine {
	t.Helper()
	var list []control.TenantLine
	if err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error { return control.Tenants(ctx, tx, f, &list) }); err != nil {
		t.Fatal(err)
	}
	return list
}

func names(list []control.TenantLine) []string {
	var all []string
	for _, l := range list {
		all = append(all, l.Name)
	}
	return all
}

func TestTheOperatorSeesHowEachTenantStands(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a, b, c := d.NewTenant(t), d.NewTenant(t), d.NewTenant(t)
	super := d.Connect(t, "postgres")
	for name, n := range map[string]*dbtest.Tenant{"Alpha": a, "beta": b, "Gamma": c} {
		exec(t, super, "UPDATE control.registry SET name = $2 WHERE tenant_id = $1", n.ID, name)
	}
	period := time.Now().UTC().Truncate(10 * time.Minute)
	exec(t, super, "INSERT INTO control.sizes VALUES ($1, 5, 100, 2000, now(), now()), ($2, 6, 200, 9000, now(), now())", a.ID, b.ID)
	exec(t, super, "INSERT INTO control.activity VALUES ($1, $3, 10, 100, 1, 2), ($1, $4, 1000, 1, 1, 1), ($2, $4, 7, 7, 0, 0)", a.ID, c.ID, period, period.Add(-25*time.Hour))
	if err := d.DB.SetState(t.Context(), b.Tenant, place.Suspended); err != nil {
		t.Fatal(err)
	}

	list := tenants(t, d, control.TenantFilter{})

	if got := names(list); !slices.Equal(got, []string{"Alpha", "beta", "Gamma"}) {
		t.Fatalf("by name: %v", got)
	}
	first := list[0]
	if first.MeasuredAt == nil || first.LastActive == nil || !first.LastActive.Equal(period) {
		t.Fatalf("measured %v, last active %v", first.MeasuredAt, first.LastActive)
	}
	first.MeasuredAt, first.LastActive, first.CreatedAt = nil, nil, time.Time{}
	want := control.TenantLine{ID: a.ID, Name: "Alpha", State: place.Active, Isolation: place.Shared, Place: place.Main, Epoch: 1,
		Members: 5, Rows: 100, Bytes: 2000, Calls24h: 10, Refused24h: 3}
	if first != want {
		t.Errorf("got  %+v\nwant %+v", first, want)
	}
	if list[1].State != place.Suspended {
		t.Errorf("beta is %s: the list does not ask the fence", list[1].State)
	}
	var states []control.StateCount
	err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error { return control.CountStates(ctx, tx, &states) })
	if want := []control.StateCount{{place.Active, 2}, {place.Suspended, 1}}; err != nil || !slices.Equal(states, want) {
		t.Errorf("counted %v, %v", states, err)
	}
	for name, c := range map[string]struct {
		filter control.TenantFilter
		want   []string
	}{
		"a part of the name": {control.TenantFilter{Query: "ET"}, []string{"beta"}},
		"the whole id":       {control.TenantFilter{Query: c.ID.String()}, []string{"Gamma"}},
		"a state":            {control.TenantFilter{State: place.Suspended}, []string{"beta"}},
		"the largest":        {control.TenantFilter{Sort: control.BySize}, []string{"beta", "Alpha", "Gamma"}},
		"the busiest":        {control.TenantFilter{Sort: control.ByCalls}, []string{"Alpha", "beta", "Gamma"}},
		"the most refused":   {control.TenantFilter{Sort: control.ByRefused}, []string{"Alpha", "beta", "Gamma"}},
		"the newest":         {control.TenantFilter{Sort: control.ByAge}, []string{"Gamma", "beta", "Alpha"}},
		"no such order":      {control.TenantFilter{Sort: "tenant_id; --"}, []string{"Alpha", "beta", "Gamma"}},
	} {
		if got := names(tenants(t, d, c.filter)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheOperatorSeesActivityAttemptsAndNoisyTenants(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a, b := d.NewTenant(t), d.NewTenant(t)
	super := d.Connect(t, "postgres")
	since := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	exec(t, super, "INSERT INTO control.activity VALUES ($1, $3, 10, 100, 1, 2), ($2, $3, 100, 1, 0, 0), ($1, $4, 5, 6, 0, 0), ($1, $5, 900, 900, 900, 900)",
		a.ID, b.ID, since, since.Add(70*time.Minute), since.Add(-time.Hour))
	exec(t, super, `INSERT INTO control.attempts (id, tenant_id, period, clerk_user_id, kind, entity, own_tenant_id, entity_id, request_id, count, first_at, last_at)
		VALUES ($1, $2, $4, $5, 'foreign_id', 'job', $3, $1, 'R1', 4, $4, $4), (gen_random_uuid(), $2, $4, '', 'foreign_id', 'job', NULL, NULL, 'R2', 9, $4, $4),
		       (gen_random_uuid(), $2, $6, $5, 'switch', 'organization', NULL, NULL, 'R0', 1, $6, $6)`,
		b.ID, b.ID, a.ID, since.Add(time.Minute), a.Members[db.Viewer], since.Add(-time.Hour))
	exec(t, super, `INSERT INTO control.sessions (digest, clerk_user_id, clerk_session_id, email, name, created_at, expires_at) VALUES
		(sha256('1'), $1, 's', 'old@example.com', 'X', now() - interval '1 day', now()), (sha256('2'), $1, 's', 'new@example.com', 'X', now(), now())`, a.Members[db.Viewer])
	var points, own []control.ActivityPoint
	var noisy []control.NoisyTenant
	var attempts []control.AttemptLine
	err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error {
		for _, err := range []error{
			control.ActivityOverTime(ctx, tx, uuid.Nil, since, time.Hour, &points), control.ActivityOverTime(ctx, tx, b.ID, since, time.Hour, &own),
			control.Noisy(ctx, tx, since, 1, &noisy), control.Attempts(ctx, tx, since, &attempts),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 3 || points[0].Calls != 110 || points[0].Refused != 3 || points[1].Calls != 5 || points[2].Calls != 0 {
		t.Errorf("over time: %+v", points)
	}
	if len(own) != 3 || own[0].Calls != 100 || own[1].Calls != 0 {
		t.Errorf("over time, of one tenant: %+v", own)
	}
	if len(noisy) != 1 || noisy[0] != (control.NoisyTenant{ID: b.ID, Name: b.Name, Calls: 100, Rows: 1, Attempts: 13}) {
		t.Errorf("noisy: %+v", noisy)
	}
	if len(attempts) != 2 {
		t.Fatalf("attempts: %+v", attempts)
	}
	for _, x := range attempts {
		if x.Tried != b.ID || x.TriedName != b.Name || x.Count == 4 && (x.Email != "new@example.com" || *x.Own != a.ID || x.OwnName != a.Name || x.RequestID != "R1") {
			t.Errorf("attempt: %+v", x)
		}
	}
}
