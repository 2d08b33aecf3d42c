package job

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// MaxNote is how long a note may be, in characters.
const MaxNote = 2000

// Note is what a member has noted about a job.
type Note struct {
	ID         uuid.UUID  `db:"id"`
	JobID      uuid.UUID  `db:"job_id"`
	Text       string     `db:"note"`
	AuthorName string     `db:"author_name"`
	Mine       bool       `db:"mine"` // whoever asks wrote it, and may change it
	CreatedAt  time.Time  `db:"created_at"`
	EditedAt   *time.Time `db:"edited_at"`
}

// Notes queues what was noted about a job, latest first, at most 200. mine is the Clerk user id of who asks.
func Notes(v *db.View, job uuid.UUID, mine string, into *[]Note) {
	sealed.List(v, "job.notes", `
		SELECT n.id, n.job_id, n.note, u.name AS author_name, u.clerk_id = $3 AS mine, n.created_at, n.edited_at
		FROM job_notes n JOIN users u ON u.tenant_id = n.tenant_id AND u.id = n.author_id AND u.tenant_id = $1
		WHERE n.tenant_id = $1 AND n.job_id = $2
		ORDER BY n.created_at DESC, n.id DESC LIMIT 200`, into, job, mine)
}

// AddNote notes something about a job that the transaction holds.
func AddNote(ctx context.Context, tx *db.Tx, j Job, text string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return sealed.Change(ctx, tx, noteEvent("note.added", j.ID, id),
		sealed.Exec("note.add", `INSERT INTO job_notes (tenant_id, id, job_id, author_id, note) VALUES ($1, $2, $3, $4, $5)`, id, j.ID, tx.Member().ID, text))
}

// LockNote reads a note of the acting member's and holds its row; db.ErrNotFound when the member has none of that id.
func LockNote(ctx context.Context, tx *db.Tx, id uuid.UUID) (Note, error) {
	var n Note
	err := sealed.Lock(ctx, tx, "note.lock", `
		SELECT id, job_id, note, '' AS author_name, true AS mine, created_at, edited_at
		FROM job_notes WHERE tenant_id = $1 AND id = $2 AND author_id = $3`, &n, id, tx.Member().ID)
	return n, err
}

// EditNote changes a note that the transaction holds.
func EditNote(ctx context.Context, tx *db.Tx, n Note, text string) error {
	return sealed.Change(ctx, tx, noteEvent("note.edited", n.JobID, n.ID),
		sealed.Exec("note.edit", `UPDATE job_notes SET note = $3, edited_at = now() WHERE tenant_id = $1 AND id = $2`, n.ID, text))
}

// DeleteNote lets go of a note that the transaction holds.
func DeleteNote(ctx context.Context, tx *db.Tx, n Note) error {
	return sealed.Change(ctx, tx, noteEvent("note.deleted", n.JobID, n.ID),
		sealed.Exec("note.delete", `DELETE FROM job_notes WHERE tenant_id = $1 AND id = $2`, n.ID))
}

// noteEvent is told of in the history of the job. It does not repeat the text: what is deleted is gone.
func noteEvent(name string, job, note uuid.UUID) sealed.Event {
	return sealed.Event{Name: name, Entity: "job", ID: job, Detail: map[string]any{"note": note}}
}
