package task

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/internal/sealed"
)

// schema is where the queue keeps its tables.
const schema = "control"

// Queue takes tasks. It runs none.
type Queue struct {
	store  *db.DB
	client *river.Client[pgx.Tx]
}

// NewQueue is the queue of d.
func NewQueue(d *db.DB) (*Queue, error) {
	client, err := river.NewClient(riverpgxv5.New(sealed.Plane(d)), &river.Config{Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return &Queue{store: d, client: client}, nil
}

// settles is how long after the end of its ten minutes a group of tries is told of the rest: by then every transaction that
// counted in it has ended.
const settles = time.Minute

// Report counts tries at other tenants' data, and enqueues that the tenants are told. All of it or nothing is done.
func (q *Queue) Report(ctx context.Context, tries []control.Try) error {
	owners, err := control.Owners(ctx, q.store, tries)
	if err != nil {
		return err
	}
	return q.store.Control(ctx, func(tx *db.ControlTx) error {
		groups, err := control.AddTries(ctx, tx, tries, owners)
		if err != nil || len(groups) == 0 {
			return err
		}
		var tenants []uuid.UUID
		var tasks []river.InsertManyParams
		for _, g := range groups {
			tenants = append(tenants, g.Tenant)
			if g.New {
				rest := &river.InsertOpts{ScheduledAt: g.Closes.Add(settles), Priority: later}
				tasks = append(tasks, river.InsertManyParams{Args: tellAttempt{Tenant: g.Tenant, Attempt: g.ID}},
					river.InsertManyParams{Args: tellAttempt{Tenant: g.Tenant, Attempt: g.ID, Rest: true}, InsertOpts: rest})
			}
		}
		alarming, err := control.Alarming(ctx, tx, tenants)
		if err != nil {
			return err
		}
		for tenant, count := range alarming {
			tasks = append(tasks, river.InsertManyParams{Args: raiseAlert{Tenant: tenant, Count: count}})
		}
		return q.enqueue(ctx, tx, tasks)
	})
}

// Priorities. Those of a tenant's tasks say how many of it wait already, so that a tenant with many waits behind those with
// few: nobody's backlog keeps the others from their turn.
const (
	first = 1
	later = 3
)

var depths = []int{1, 10, 100} // waiting tasks from which on a task is of the second, third, fourth priority

// enqueue inserts tasks, to be there when tx commits.
func (q *Queue) enqueue(ctx context.Context, tx *db.ControlTx, tasks []river.InsertManyParams) error {
	if len(tasks) == 0 {
		return nil
	}
	return sealed.OnPlane(tx, func(plane pgx.Tx) error {
		waiting := map[uuid.UUID]int{}
		for i, t := range tasks {
			of, ok := t.Args.(tenanted)
			if !ok || t.InsertOpts != nil {
				continue
			}
			id := of.tenant()
			if _, known := waiting[id]; !known {
				n, err := backlog(ctx, plane, id)
				if err != nil {
					return err
				}
				waiting[id] = n
			}
			tasks[i].InsertOpts = &river.InsertOpts{Priority: priority(waiting[id])}
			waiting[id]++
		}
		_, err := q.client.InsertManyTx(ctx, plane, tasks)
		return err
	})
}

func priority(waiting int) int {
	p := first
	for _, d := range depths {
		if waiting >= d {
			p++
		}
	}
	return p
}

// backlog is how many tasks of a tenant wait to be run, up to what makes a difference.
func backlog(ctx context.Context, plane pgx.Tx, tenant uuid.UUID) (n int, err error) {
	err = plane.QueryRow(ctx, `
		SELECT count(*) FROM (
		  SELECT FROM control.river_job
		  WHERE state = 'available' AND args @> jsonb_build_object('tenant', $1::text) LIMIT $2) x`, tenant.String(), depths[len(depths)-1]).Scan(&n)
	return n, err
}

// tenanted are the tasks of one tenant.
type tenanted interface{ tenant() uuid.UUID }

// tellAttempt tells a tenant of a group of tries.
type tellAttempt struct {
	Tenant  uuid.UUID `json:"tenant"`
	Attempt uuid.UUID `json:"attempt"`
	Rest    bool      `json:"rest"`
}

// Kind is the task's name in the queue.
func (tellAttempt) Kind() string { return "tell_attempt" }

func (t tellAttempt) tenant() uuid.UUID { return t.Tenant }

// raiseAlert raises an alert in a tenant that is tried often.
type raiseAlert struct {
	Tenant uuid.UUID `json:"tenant" river:"unique"`
	Count  int64     `json:"count"`
}

// Kind is the task's name in the queue.
func (raiseAlert) Kind() string { return "raise_alert" }

func (t raiseAlert) tenant() uuid.UUID { return t.Tenant }

// InsertOpts keeps a flood from asking for an alert with every try.
func (raiseAlert) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: 10 * time.Minute}}
}

// tendTenants measures the tenants that are due, and deletes what they keep no longer.
type tendTenants struct{}

// Kind is the task's name in the queue.
func (tendTenants) Kind() string { return "tend_tenants" }

// forgetActivity deletes what the operator's pages show no more.
type forgetActivity struct{}

// Kind is the task's name in the queue.
func (forgetActivity) Kind() string { return "forget_activity" }

// proveIsolation proves the isolation of the running system.
type proveIsolation struct{}

// Kind is the task's name in the queue.
func (proveIsolation) Kind() string { return "prove_isolation" }
