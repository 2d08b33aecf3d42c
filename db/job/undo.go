package job

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// undoKind is what an undo record takes back.
type undoKind string

const (
	triageChange     undoKind = "triage"
	assignmentChange undoKind = "assignment"
	importChange     undoKind = "import"
)

// changed is one job of a change that can be undone.
type changed struct {
	ID     uuid.UUID `json:"id"`
	Title  string    `json:"title"`
	Was    stand     `json:"was"`
	Became stand     `json:"became"`
}

// Undone is what undoing did.
type Undone struct {
	Back   int        // jobs that are as they were
	Kept   []string   // titles of those that were changed since, which stay as they are
	Import *uuid.UUID // the import that was undone; nil for another change
}

// Why a change is not undone.
var (
	ErrUndone  = errors.New("job: undone already")
	ErrExpired = errors.New("job: too long ago to be undone")
)

// Undo takes a change back that the acting member made: each job that is still as the change left it becomes what it was
// before, and the others stay. It returns db.ErrNotFound when the member has no such change, ErrUndone and ErrExpired.
func Undo(ctx context.Context, tx *db.Tx, id uuid.UUID) (Undone, error) {
	var u struct {
		Kind     undoKind        `db:"kind"`
		ImportID *uuid.UUID      `db:"import_id"`
		Changes  json.RawMessage `db:"changes"`
		Expires  time.Time       `db:"expires_at"`
		Now      time.Time       `db:"now"`
		UndoneAt *time.Time      `db:"undone_at"`
	}
	err := sealed.Lock(ctx, tx, "undo.lock", `
		SELECT kind, import_id, changes, expires_at, now() AS now, undone_at FROM undos WHERE tenant_id = $1 AND id = $2 AND user_id = $3`,
		&u, id, tx.Member().ID)
	switch {
	case err != nil:
		return Undone{}, err
	case u.UndoneAt != nil:
		return Undone{}, ErrUndone
	case u.Now.After(u.Expires):
		return Undone{}, ErrExpired
	case u.Kind == importChange:
		return undoImport(ctx, tx, id, *u.ImportID, u.Changes)
	}
	return undoSet(ctx, tx, id, u.Kind, u.Changes)
}

// done marks an undo record as used.
func done(id uuid.UUID) sealed.Statement {
	return sealed.ExecOne(db.ErrConflict, "undo.done", `UPDATE undos SET undone_at = now() WHERE tenant_id = $1 AND id = $2 AND undone_at IS NULL`, id)
}

// undoSet takes a change of triage or of assignment back.
func undoSet(ctx context.Context, tx *db.Tx, id uuid.UUID, k undoKind, text []byte) (Undone, error) {
	var all []changed
	if err := json.Unmarshal(text, &all); err != nil {
		return Undone{}, err
	}
	ids := make([]uuid.UUID, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	jobs, err := LockSet(ctx, tx, ids)
	if err != nil {
		return Undone{}, err
	}
	var back []changed
	var u Undone
	for _, c := range all {
		i := slices.IndexFunc(jobs, func(j Job) bool { return j.ID == c.ID })
		if i < 0 || !c.stands(jobs[i], k) {
			u.Kept = append(u.Kept, c.Title)
			continue
		}
		back = append(back, c)
	}
	u.Back = len(back)
	if u.Back == 0 {
		return u, nil
	}
	return u, sealed.Change(ctx, tx, sealed.Event{Name: "jobs.undone", Entity: "job", Detail: map[string]any{"what": k, "count": u.Back, "kept": len(u.Kept), "ids": backIDs(back)}},
		done(id), restore(k, back))
}

// stands tells whether j is as the change left it.
func (c changed) stands(j Job, k undoKind) bool {
	if k == assignmentChange {
		return equal(j.AssigneeID, c.Became.Assignee)
	}
	return j.Triage == c.Became.Triage && j.SkipReason == c.Became.Reason
}

func equal(a, b *uuid.UUID) bool { return a == b || a != nil && b != nil && *a == *b }

func backIDs(back []changed) []uuid.UUID {
	ids := make([]uuid.UUID, len(back))
	for i, c := range back {
		ids[i] = c.ID
	}
	return ids
}

// restore puts jobs back to what they were.
func restore(k undoKind, back []changed) sealed.Statement {
	n := len(back)
	triages, reasons, assignees := make([]string, n), make([]string, n), make([]*uuid.UUID, n)
	for i, c := range back {
		triages[i], reasons[i], assignees[i] = string(c.Was.Triage), c.Was.Reason, c.Was.Assignee
	}
	if k == assignmentChange {
		return sealed.Exec("undo.assignment", `
			UPDATE jobs j SET assignee_id = w.assignee, version = version + 1
			FROM unnest($2::uuid[], $3::uuid[]) AS w (id, assignee) WHERE j.tenant_id = $1 AND j.id = w.id`, backIDs(back), assignees)
	}
	return sealed.Exec("undo.triage", `
		UPDATE jobs j SET triage = w.triage, skip_reason = w.reason, version = version + 1
		FROM unnest($2::uuid[], $3::text[], $4::text[]) AS w (id, triage, reason) WHERE j.tenant_id = $1 AND j.id = w.id`, backIDs(back), triages, reasons)
}
