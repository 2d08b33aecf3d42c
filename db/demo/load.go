package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/db/organization"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/proposal"
	"upwork-ai-agent/db/task"
)

// LoadIfEmpty loads the demo into an installation that has no tenant yet.
func LoadIfEmpty(ctx context.Context, d *db.DB, now time.Time, log io.Writer) error {
	empty, err := control.Empty(ctx, d)
	if err != nil || !empty {
		return err
	}
	return Load(ctx, d, now, log)
}

// Load makes the demo's organizations with everything in them. One that has jobs already is left as it is, so an
// interrupted Load can be called again.
func Load(ctx context.Context, d *db.DB, now time.Time, log io.Writer) error {
	for _, o := range Organizations(now) {
		l := loader{Organization: o, db: d, worker: task.New(d), people: map[string]uuid.UUID{}}
		loaded, err := l.load(ctx)
		if err != nil {
			return fmt.Errorf("demo: %s: %w", o.Name, err)
		}
		if loaded {
			fmt.Fprintf(log, "demo: %s with %d jobs and %d proposals\n", o.Name, len(o.Jobs), len(o.Proposals))
		} else {
			fmt.Fprintf(log, "demo: %s is there already\n", o.Name)
		}
	}
	return nil
}

// loader puts one organization into the database.
type loader struct {
	Organization
	db     *db.DB
	worker *task.Worker
	people map[string]uuid.UUID // member rows by person ID
}

func (l *loader) load(ctx context.Context) (bool, error) {
	t, err := l.register(ctx)
	if err != nil {
		return false, err
	}
	if err := l.db.RaiseFence(ctx, t, place.Active); err != nil {
		return false, err
	}
	var rows []job.Row
	err = l.worker.Look(ctx, t, func(v *db.View) error {
		job.List(v, job.Filter{}, &rows)
		return v.Load()
	})
	if err != nil || len(rows) > 0 {
		return false, err
	}
	return true, l.worker.Do(ctx, t, l.fill)
}

func (l *loader) register(ctx context.Context) (t db.Tenant, err error) {
	err = l.db.Control(ctx, func(tx *db.ControlTx) error {
		var err error
		if t, err = control.Register(ctx, tx, l.ClerkID, l.Name, l.Slug, ""); err != nil {
			return err
		}
		for _, m := range l.Members {
			if err := control.Enter(ctx, tx, m.Person.ID, t.ID, db.Role(m.Role)); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

// fill writes the whole organization in one transaction: there is never half a demo.
func (l *loader) fill(ctx context.Context, tx *db.Tx) error {
	if err := organization.Put(ctx, tx, l.Name); err != nil {
		return err
	}
	for _, m := range l.Members {
		if err := member.Put(ctx, tx, m.Person.ID, m.Person.Email, m.Person.Name, db.Role(m.Role)); err != nil {
			return err
		}
		row, err := member.Find(ctx, tx, m.Person.ID)
		if err != nil {
			return err
		}
		l.people[m.Person.ID] = row.ID
	}
	jobs, err := l.jobs()
	if err != nil {
		return err
	}
	if err := job.Load(ctx, tx, jobs); err != nil {
		return err
	}
	past, err := l.past(jobs)
	if err != nil {
		return err
	}
	return proposal.Load(ctx, tx, past)
}

func (l *loader) jobs() ([]job.Job, error) {
	jobs := make([]job.Job, len(l.Jobs))
	for i, j := range l.Jobs {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		jobs[i] = job.Job{ID: id, Posting: j.Posting, Triage: j.Triage, SkipReason: j.SkipReason}
		if who, ok := l.people[j.Assignee]; ok {
			jobs[i].AssigneeID = &who
		}
	}
	return jobs, nil
}

func (l *loader) past(jobs []job.Job) ([]proposal.Past, error) {
	all := make([]proposal.Past, len(l.Proposals))
	for i, p := range l.Proposals {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		all[i] = l.replay(id, jobs[p.Job].ID, p)
	}
	return all, nil
}

// replay goes through a proposal's life in the order of time, as the app itself would have.
func (l *loader) replay(id, jobID uuid.UUID, p Proposal) proposal.Past {
	past := proposal.Past{Proposal: proposal.Proposal{ID: id, JobID: jobID, UserID: l.people[p.Author], Text: p.Text, Status: proposal.Draft,
		LossReason: p.LossReason, ContractValue: p.ContractValue, CreatedAt: p.CreatedAt, UpdatedAt: p.SavedAt}}
	edits := append(append([]Edit{}, p.History...), Edit{Text: p.Text, Origin: p.Origin, By: p.SavedBy, At: p.SavedAt})
	for i, e := range edits {
		past.Versions = append(past.Versions, proposal.Version{Version: i + 1, Text: e.Text, AuthorID: l.people[e.By], Origin: e.Origin, CreatedAt: e.At})
	}
	for _, s := range p.Steps {
		past.Version = savedBefore(edits, s.At)
		step := proposal.StepByActor{Event: proposal.Event{From: past.Status, To: s.To, Note: s.Note, OccurredAt: s.At}, ActorID: l.people[s.By]}
		past.Steps = append(past.Steps, step)
		past.Reach(s.To, s.At)
		past.UpdatedAt = s.At
	}
	past.Version = len(edits)
	return past
}

// savedBefore is the version that the text had at a time.
func savedBefore(edits []Edit, at time.Time) int {
	n := 0
	for _, e := range edits {
		if !e.At.After(at) {
			n++
		}
	}
	return max(n, 1)
}
