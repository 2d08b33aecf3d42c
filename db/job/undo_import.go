package job

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// brought is what an import did, kept to be undone.
type brought struct {
	Created []uuid.UUID `json:"created"`
	Updated []overlaid  `json:"updated"`
}

// overlaid is a posting that an import has changed.
type overlaid struct {
	ID      uuid.UUID `json:"id"`
	Version int       `json:"version"` // that the import left
	Was     Posting   `json:"was"`
}

// brought is what of p undoing takes.
func (p plan) brought() brought {
	b := brought{Created: idsOf(p.insert)}
	at := map[uuid.UUID]int{}
	for _, j := range p.update {
		if i, again := at[j.ID]; again {
			b.Updated[i].Version++
			continue
		}
		at[j.ID] = len(b.Updated)
		b.Updated = append(b.Updated, overlaid{ID: j.ID, Version: j.Version + 1, Was: p.before[j.ID]})
	}
	return b
}

// undoImport removes the jobs that an import has created and that nobody has touched since, and restores the postings that
// it has changed and nobody else has. Each of its rows says what became of it.
func undoImport(ctx context.Context, tx *db.Tx, id, imported uuid.UUID, text []byte) (Undone, error) {
	var b brought
	if err := json.Unmarshal(text, &b); err != nil {
		return Undone{}, err
	}
	ids := append([]uuid.UUID{}, b.Created...)
	for _, o := range b.Updated {
		ids = append(ids, o.ID)
	}
	jobs, err := LockSet(ctx, tx, ids)
	if err != nil {
		return Undone{}, err
	}
	needed, err := needed(ctx, tx, imported, b.Created)
	if err != nil {
		return Undone{}, err
	}
	removed, restored, u := b.takeBack(jobs, needed)
	u.Import = &imported
	if u.Back == 0 {
		return u, nil
	}
	statements := []sealed.Statement{
		// Before the jobs go: their rows lose the ids then.
		sealed.Exec("undo.rows", `
			UPDATE import_rows SET undone = CASE WHEN job_id = ANY($3) THEN 'removed' WHEN job_id = ANY($4) THEN 'restored' ELSE 'kept' END
			WHERE tenant_id = $1 AND import_id = $2 AND outcome IN ('new', 'updated')`, imported, removed, idsOf(restored)),
		sealed.Exec("undo.created", `DELETE FROM jobs WHERE tenant_id = $1 AND id = ANY($2)`, removed),
		sealed.ExecOne(db.ErrConflict, "undo.import", `UPDATE imports SET undone_at = now() WHERE tenant_id = $1 AND id = $2 AND undone_at IS NULL`, imported),
		done(id),
	}
	for _, j := range restored {
		statements = append(statements, updateJob(j))
	}
	return u, sealed.Change(ctx, tx, sealed.Event{Name: "import.undone", Entity: "import", ID: imported,
		Detail: map[string]any{"removed": len(removed), "restored": len(restored), "kept": len(u.Kept)}}, statements...)
}

// takeBack decides job by job.
func (b brought) takeBack(jobs []Job, needed map[uuid.UUID]bool) (removed []uuid.UUID, restored []Job, u Undone) {
	byID := make(map[uuid.UUID]Job, len(jobs))
	for _, j := range jobs {
		byID[j.ID] = j
	}
	for _, id := range b.Created {
		switch j, is := byID[id]; {
		case is && j.Version == 1 && j.Triage == New && j.AssigneeID == nil && !needed[id]:
			removed = append(removed, id)
		case is:
			u.Kept = append(u.Kept, j.Title)
		}
	}
	for _, o := range b.Updated {
		switch j, is := byID[o.ID]; {
		case is && j.Version == o.Version:
			j.Posting = o.Was
			restored = append(restored, j)
		case is:
			u.Kept = append(u.Kept, j.Title)
		}
	}
	u.Back = len(removed) + len(restored)
	return removed, restored, u
}

// needed are those of ids that a proposal is written for, that somebody has noted something about, or that another import
// has brought as well.
func needed(ctx context.Context, tx *db.Tx, imported uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	var rows []struct {
		ID uuid.UUID `db:"id"`
	}
	err := sealed.FindAll(ctx, tx, "undo.needed", `
		SELECT p.job_id AS id FROM proposals p WHERE p.tenant_id = $1 AND p.job_id = ANY($2)
		UNION SELECT n.job_id FROM job_notes n WHERE n.tenant_id = $1 AND n.job_id = ANY($2)
		UNION SELECT r.job_id FROM import_rows r JOIN imports i ON i.tenant_id = r.tenant_id AND i.id = r.import_id
		WHERE r.tenant_id = $1 AND i.tenant_id = $1 AND r.job_id = ANY($2) AND r.import_id <> $3 AND i.state = 'imported' AND i.undone_at IS NULL`,
		&rows, ids, imported)
	is := make(map[uuid.UUID]bool, len(rows))
	for _, r := range rows {
		is[r.ID] = true
	}
	return is, err
}
