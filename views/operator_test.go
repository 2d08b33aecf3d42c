package views_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"upwork-ai-agent/db/alert"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/hit"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/views"
)

func report(ok bool) *isolation.Report {
	r := isolation.Report{OK: ok, Checks: 12480, Started: now.Add(-5 * time.Minute), TookMS: 21340,
		Paths:    []isolation.Path{{Name: "direct", Proven: true, Checks: 12480}, {Name: "PgBouncer", Note: "There is none " + evil}},
		Objects:  []isolation.Tally{{Name: "jobs" + evil, Kind: "table", Checks: 480}},
		Contexts: []isolation.Tally{{Name: "none", Kind: "no organization" + evil, Checks: 1248}},
		Attacks:  []isolation.Tally{{Name: "select", Kind: "reads the row" + evil, Checks: 40}, {Name: "update", Kind: "changes it", Checks: 40}}}
	if !ok {
		r.Leaks, r.Oracles, r.Unproven = 1, 2, 3
		r.Attacks[0].Breaches, r.Attacks[1].Breaches = 1, 2
		r.Breaches = []isolation.Breach{{Kind: isolation.Leak, Path: "direct" + evil, Context: evil, Object: evil, Attack: evil, Fault: evil}, {Kind: isolation.Unproven}}
	}
	return &r
}

func line(ok bool) control.ProofLine {
	return control.ProofLine{ID: one, At: now.Add(-time.Hour), TookMS: 900, OK: ok, Checks: 12480, Leaks: 1, Oracles: 2, Unproven: 3}
}

// unproven is a proof that nothing got through and that could not prove all.
func unproven() *isolation.Report {
	r := report(false)
	r.Leaks, r.Oracles, r.Unproven = 0, 0, 2
	r.Breaches = []isolation.Breach{{Kind: isolation.Unproven, Path: "direct", Context: "none", Object: evil, Attack: "select", Fault: evil}, {Kind: isolation.Unproven}}
	return r
}

func isolationPage(period string) views.IsolationPage {
	return views.IsolationPage{Shell: shell("Isolation"), Period: views.PeriodOf(period, views.OwnerPeriods), Proof: report(true),
		Alerts: []alert.Alert{{ID: one, Kind: "attempts", Count: 23, CreatedAt: now.Add(-time.Minute)}, {ID: two, Count: 20, CreatedAt: now.Add(-time.Hour), SeenAt: ptr(now), SeenBy: "Ana " + evil}},
		Attempts: []audit.Attempt{{At: now.Add(-time.Minute), Kind: "foreign_id", Entity: "job", EntityID: ptr(work), Count: 1021}, {At: now, Kind: "switch", Entity: "organization", EntityID: ptr(one), Count: 1},
			{At: now, Kind: "refused_write", Entity: "page", Count: 2, Actor: "Vera " + evil}, {At: now, Kind: evil, Entity: evil, EntityID: ptr(one), Count: 1}},
		Tried: []audit.Point{{At: now.Add(-time.Hour), Count: 1021}, {At: now, Count: 4}, {At: now.AddDate(0, 0, -10), Count: 99}, {At: now.Add(time.Hour), Count: 99}},
		Hits: []hit.Row{{Table: "jobs" + evil, Operation: "select", Calls: 1234, Rows: 56789, RefusedWrites: 1, RefusedContexts: 2, P95: 512 * time.Microsecond},
			{Table: "users", Operation: "select", Calls: 1, P95: 2048 * time.Microsecond}, {Table: "proposals", Operation: "update", P95: 1500 * time.Millisecond}, {Table: "imports", Operation: "insert"}},
		Traffic: []hit.Point{{At: now.Add(-2 * time.Hour), Calls: 1200, Rows: 3000, Refused: 3}, {At: now, Calls: 34, Rows: 40}}}
}

func whyAnswer(allowed bool) *isolation.Answer {
	a := isolation.Answer{Allowed: allowed, Verdict: "Because " + evil, Decider: "row"}
	for i, o := range []isolation.Outcome{isolation.Passes, isolation.Refuses, isolation.Unasked} {
		a.Steps = append(a.Steps, isolation.Step{Name: fmt.Sprint("step", i, evil), Outcome: o, Detail: evil, Expression: "tenant_id = '" + evil})
	}
	a.Steps[0].Expression = ""
	return &a
}

// guarded are the pages about isolation: the owner's and the operator's.
func guarded() map[string]templ.Component {
	broken, bare := isolationPage("7d"), views.IsolationPage{Shell: shell("Isolation"), Period: views.Periods[0]}
	broken.Proof, broken.Alerts = report(false), broken.Alerts[1:]
	question := isolation.Question{Tenant: evil, Member: evil, Table: evil, ID: evil, Operation: "update"}
	wrong := views.Errors{"tenant": evil, "member": evil, "table": evil, "id": evil, "operation": evil}
	day := views.Periods[0]
	return map[string]templ.Component{
		"isolation":        views.Isolation(isolationPage("24h")),
		"isolation-broken": views.Isolation(broken),
		"isolation-none":   views.Isolation(bare),
		"overview": views.Overview(views.OverviewPage{Shell: operator("Overview"), States: []control.StateCount{{State: "active", Count: 1234}, {State: "suspended", Count: 1}}, Proof: ptr(line(true)), Attempts: 1021,
			Alerted: []control.Alerted{{ID: one, Name: evil, At: now}}, Tasks: []control.TaskCount{{Kind: "a", State: "retryable", Count: 2}, {Kind: "b", State: "discarded", Count: 1}, {Kind: "b", State: "completed", Count: 9}}}),
		"overview-none": views.Overview(views.OverviewPage{Shell: operator("Overview")}),
		"tenants": views.Tenants(views.TenantsPage{Shell: operator("Tenants"), Filter: control.TenantFilter{Query: evil, State: "suspended", Sort: control.BySize}, Rows: []control.TenantLine{
			{ID: one, Name: "Acme " + evil, State: "active", Isolation: "shared", Place: "main", Members: 7, Rows: 1234, Bytes: 5_400_000, MeasuredAt: ptr(now), Calls24h: 99123, Refused24h: 3, LastActive: ptr(now.Add(-time.Hour))},
			{ID: two, Name: "Beta", State: "suspended", Isolation: "schema", Place: evil}}}),
		"tenants-none":     views.Tenants(views.TenantsPage{Shell: operator("Tenants")}),
		"tenants-no-match": views.Tenants(views.TenantsPage{Shell: operator("Tenants"), Filter: control.TenantFilter{Query: "x"}}),
		"posture": views.Posture(views.PosturePage{Shell: operator("Isolation"), Period: views.Periods[2], Posture: isolation.Findings{{Place: "main" + evil, Object: evil, Fault: evil, Mend: evil}}, Proofs: []control.ProofLine{line(false), line(true)}, Found: report(false),
			Activity: []control.ActivityPoint{{At: now, Calls: 100, Refused: 40}, {At: now.AddDate(0, 0, -29), Calls: 7}}, Tried: []control.AttemptPoint{{At: now, Count: 3}},
			Noisy: []control.NoisyTenant{{ID: one, Name: evil, Calls: 9, Rows: 8, RefusedWrites: 7, RefusedContexts: 6, Attempts: 5}},
			Attempts: []control.AttemptLine{{ID: one, FirstAt: now, LastAt: now, Tried: one, TriedName: evil, Person: "user_x" + evil, Email: evil, Own: ptr(two), OwnName: evil, Kind: "foreign_id", Entity: "job", EntityID: ptr(work), Count: 3, RequestID: evil},
				{ID: two, LastAt: now, TriedName: "Acme", Kind: evil, Entity: evil, Count: 9, RequestID: "R"}}}),
		"components":       views.Components(operator("Components")),
		"posture-unproven": views.Posture(views.PosturePage{Shell: operator("Isolation"), Period: day, Found: unproven(), Proofs: []control.ProofLine{{At: now, Checks: 9, Unproven: 2}}}),
		"posture-none":     views.Posture(views.PosturePage{Shell: operator("Isolation"), Period: day}),
		"why":              views.Why(views.WhyPage{Shell: operator("Why?")}),
		"why-wrong":        views.Why(views.WhyPage{Shell: operator("Why?"), Question: question, Errors: wrong}),
		"why-refused":      views.Why(views.WhyPage{Shell: operator("Why?"), Question: question, Answer: whyAnswer(false)}),
		"why-allowed":      views.Why(views.WhyPage{Shell: operator("Why?"), Question: question, Answer: whyAnswer(true)}),
		"tasks": views.Tasks(views.TasksPage{Shell: operator("Tasks"), Filter: control.TaskFilter{State: "retryable", Kind: "b" + evil}, Counts: []control.TaskCount{{Kind: "a", State: "running", Count: 1}, {Kind: "b" + evil, State: "completed", Count: 2}, {Kind: "b" + evil, State: "retryable", Count: 3}},
			Rows: []control.TaskLine{{ID: 1234, Kind: "b" + evil, State: "retryable", Tenant: ptr(one), TenantName: evil, Attempt: 3, MaxAttempts: 25, ScheduledAt: now.Add(5 * time.Minute), Error: "select secret from jobs: SQLSTATE 42P01"},
				{ID: 9, Kind: "prove", State: "running", Attempt: 1, MaxAttempts: 25, AttemptedAt: ptr(now.Add(-time.Second))}, {ID: 8, Kind: "a", State: "discarded", Attempt: 25, MaxAttempts: 25, FinalizedAt: ptr(now.Add(-time.Hour)), Error: "deliver: database unavailable"},
				{ID: 7, Kind: "a", State: "completed", Attempt: 1, MaxAttempts: 25, FinalizedAt: ptr(now)}, {ID: 6, Kind: "a", State: "available", ScheduledAt: now}, {ID: 5, Kind: "a", State: "cancelled", FinalizedAt: ptr(now)}, {ID: 4, Kind: "a", State: evil, ScheduledAt: now}},
			Next: "/admin/tasks?before=1", First: "/admin/tasks"}),
		"tasks-none":     views.Tasks(views.TasksPage{Shell: operator("Tasks")}),
		"tasks-no-match": views.Tasks(views.TasksPage{Shell: operator("Tasks"), Filter: control.TaskFilter{State: "discarded"}, Counts: []control.TaskCount{{Kind: "a", State: "running", Count: 1}}}),
	}
}

func TestNoPageRepeatsWhatADriverSaid(t *testing.T) {
	t.Parallel()
	d := parse(t, guarded()["tasks"])
	if text := d.Find("main").Text(); strings.Contains(text, "SQLSTATE") || strings.Contains(text, "secret") || !strings.Contains(text, "under task 1,234") || !strings.Contains(text, "The database did not answer.") {
		t.Errorf("the failures are told as %q", d.Find(`[data-label="Failure"]`).Text())
	}
}

func TestNoTextOfThePageContradictsTheLastProof(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		proof                  *isolation.Report
		badge, verdict, advice string
	}{
		"none yet":         {nil, "", "", "You may want to ask your people."},
		"one that holds":   {report(true), "Holds", "Nothing got through.", "you need not do anything"},
		"one with a leak":  {report(false), "Does not hold", "Something got through.", "found a way through"},
		"an unproven one":  {unproven(), "Not proven", "Nothing got through, but not everything could be proven.", "could not prove everything"},
		"one of no checks": {&isolation.Report{Started: now}, "Not proven", "Nothing got through, but not everything could be proven.", "could not prove everything"},
	} {
		p := isolationPage("24h")
		p.Proof = c.proof
		d := parse(t, views.Isolation(p))
		if badge, verdict := d.Find(".verdict .badge").Text(), d.Find(".verdict strong").Text(); badge != c.badge || verdict != c.verdict {
			t.Errorf("%s: it says %q, %q", name, badge, verdict)
		}
		if alerts := d.Find("section:has(#alerts)").Text(); !strings.Contains(alerts, "each was refused") || !strings.Contains(alerts, c.advice) {
			t.Errorf("%s: the alert says %q", name, alerts)
		}
		if alarm := d.Find(".alarm").Text(); !strings.Contains(alarm, "Each of these attempts was refused.") {
			t.Errorf("%s: the banner says %q", name, alarm)
		}
		for _, claim := range []string{"Nothing was given out", "got at anything", "sees its own data and nothing else", "need not do anything"} {
			if strings.Contains(d.Find("main").Text(), claim) && (c.proof == nil || !c.proof.OK) {
				t.Errorf("%s: the page claims %q", name, claim)
			}
		}
	}
}
