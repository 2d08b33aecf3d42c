package job

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// MaxSet is how many jobs one change of many takes.
const MaxSet = 500

// stand is what of a job a change of triage or of assignment touches.
type stand struct {
	Triage   Triage     `json:"triage"`
	Reason   string     `json:"reason,omitempty"`
	Assignee *uuid.UUID `json:"assignee,omitempty"`
}

// LockSet reads the jobs of ids and holds their rows until the transaction ends. An id that the tenant has no job of is
// left out.
func LockSet(ctx context.Context, tx *db.Tx, ids []uuid.UUID) ([]Job, error) {
	var jobs []Job
	err := sealed.LockAll(ctx, tx, "job.lock_set", `
		SELECT `+columns+` FROM jobs WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id`, &jobs, ids)
	return jobs, err
}

// Chosen are the first ids that f chooses, in its order, at most MaxSet, and whether there are more.
func Chosen(ctx context.Context, tx *db.Tx, f Filter) (ids []uuid.UUID, more bool, err error) {
	w, order := f.where(), f.Sort.order()
	var rows []struct {
		ID uuid.UUID `db:"id"`
	}
	err = sealed.FindAll(ctx, tx, "job.chosen", `
		SELECT j.id FROM jobs j WHERE j.tenant_id = $1`+w.sql.String()+`
		ORDER BY `+order.key+` `+order.direction+`, j.id `+order.direction+` LIMIT 501`, &rows, w.args...)
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	if len(ids) > MaxSet {
		return ids[:MaxSet], true, err
	}
	return ids, false, err
}

// MoveSet changes the triage of jobs that the transaction holds, and returns what undoes it. The caller has asked CanMove.
func MoveSet(ctx context.Context, tx *db.Tx, jobs []Job, to Triage, reason string) (uuid.UUID, error) {
	e := sealed.Event{Name: "jobs.triaged", Entity: "job", Detail: map[string]any{"to": to, "count": len(jobs), "ids": idsOf(jobs)}}
	if len(jobs) == 1 {
		j := jobs[0]
		e = sealed.Event{Name: "job.triaged", Entity: "job", ID: j.ID, Detail: map[string]any{"from": j.Triage, "to": to, "title": j.Title}}
	}
	return changeSet(ctx, tx, e, triageChange, jobs, func(j Job) stand { return stand{Triage: to, Reason: reason, Assignee: j.AssigneeID} },
		sealed.Exec("job.move_set", `
			UPDATE jobs SET triage = $3, skip_reason = $4, version = version + 1 WHERE tenant_id = $1 AND id = ANY($2)`, idsOf(jobs), to, reason))
}

// AssignSet gives jobs that the transaction holds to a member, or to nobody, and returns what undoes it. name is the
// member's, for the audit. It returns db.ErrBadInput when there is no such member.
func AssignSet(ctx context.Context, tx *db.Tx, jobs []Job, to *uuid.UUID, name string) (uuid.UUID, error) {
	e := sealed.Event{Name: "jobs.assigned", Entity: "job", Detail: map[string]any{"assignee": name, "count": len(jobs), "ids": idsOf(jobs)}}
	if len(jobs) == 1 {
		e = sealed.Event{Name: "job.assigned", Entity: "job", ID: jobs[0].ID, Detail: map[string]any{"assignee": name, "title": jobs[0].Title}}
	}
	return changeSet(ctx, tx, e, assignmentChange, jobs, func(j Job) stand { return stand{Triage: j.Triage, Reason: j.SkipReason, Assignee: to} },
		sealed.Exec("job.assign_set", `
			UPDATE jobs SET assignee_id = $3, version = version + 1 WHERE tenant_id = $1 AND id = ANY($2)`, idsOf(jobs), to))
}

func idsOf(jobs []Job) []uuid.UUID {
	ids := make([]uuid.UUID, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	return ids
}

// changeSet makes a change of many jobs, with what undoes it.
func changeSet(ctx context.Context, tx *db.Tx, e sealed.Event, k undoKind, jobs []Job, after func(Job) stand, change sealed.Statement) (uuid.UUID, error) {
	changes := make([]changed, len(jobs))
	for i, j := range jobs {
		changes[i] = changed{ID: j.ID, Title: j.Title, Was: stand{j.Triage, j.SkipReason, j.AssigneeID}, Became: after(j)}
	}
	keep, id, err := keepUndo(tx, k, nil, changes)
	if err != nil {
		return uuid.Nil, err
	}
	return id, sealed.Change(ctx, tx, e, append(keep, change)...)
}

// undoLife is how long a change can be undone.
const undoLife = 24 * time.Hour

// keepUndo are the statements that keep what undoes a change, and that let go of what has expired.
func keepUndo(tx *db.Tx, k undoKind, imported *uuid.UUID, changes any) ([]sealed.Statement, uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, id, err
	}
	text, err := json.Marshal(changes)
	if err != nil {
		return nil, id, err
	}
	return []sealed.Statement{
		sealed.Exec("undo.expire", `DELETE FROM undos WHERE tenant_id = $1 AND expires_at < now()`),
		sealed.Exec("undo.keep", `
			INSERT INTO undos (tenant_id, id, user_id, kind, import_id, changes, expires_at) VALUES ($1, $2, $3, $4, $5, $6, now() + $7::interval)`,
			id, tx.Member().ID, k, imported, text, undoLife),
	}, id, nil
}
