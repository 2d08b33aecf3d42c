package job

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Outcome is what an import does with a row.
type Outcome string

// The outcomes of a row.
const (
	RowNew     Outcome = "new"
	RowUpdated Outcome = "updated"
	RowSame    Outcome = "same"
	RowFailed  Outcome = "failed"
)

// Import is one upload, first previewed, then imported.
type Import struct {
	ID         uuid.UUID  `db:"id"`
	UserName   string     `db:"user_name"`
	State      string     `db:"state"`  // previewed or imported
	Format     string     `db:"format"` // for people
	Source     string     `db:"source"`
	FileName   string     `db:"file_name"`
	New        int        `db:"rows_new"`
	Updated    int        `db:"rows_updated"`
	Same       int        `db:"rows_same"`
	Failed     int        `db:"rows_failed"`
	CreatedAt  time.Time  `db:"created_at"`
	ImportedAt *time.Time `db:"imported_at"`
	UndoneAt   *time.Time `db:"undone_at"`
	Undo       *uuid.UUID `db:"undo"` // what undoes it, for who imported it and as long as that is possible; not in a list
}

// ImportRow is one row of an upload and what becomes of it.
type ImportRow struct {
	Position int        `db:"position"` // counted from 1, as a person counts
	Outcome  Outcome    `db:"outcome"`
	Title    string     `db:"title"`
	Reason   string     `db:"reason"`
	Undone   string     `db:"undone"` // what undoing the import did: removed, restored, kept, or nothing
	JobID    *uuid.UUID `db:"job_id"` // nil for a new row that is only previewed, and for a failed one
}

const importColumns = `i.id, u.name AS user_name, i.state, i.format, i.source, i.file_name,
	i.rows_new, i.rows_updated, i.rows_same, i.rows_failed, i.created_at, i.imported_at, i.undone_at`

// GetImport queues one import with its rows; Load reports db.ErrNotFound when the tenant has none of that id. mine is the
// Clerk user id of who asks.
func GetImport(v *db.View, id uuid.UUID, mine string, into *Import, rows *[]ImportRow) {
	sealed.Get(v, "job.import", `
		SELECT `+importColumns+`,
		       (SELECT n.id FROM undos n JOIN users me ON me.tenant_id = n.tenant_id AND me.id = n.user_id
		        WHERE n.tenant_id = $1 AND me.tenant_id = $1 AND n.import_id = i.id AND me.clerk_id = $3 AND n.undone_at IS NULL AND n.expires_at > now() LIMIT 1) AS undo
		FROM imports i JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
		WHERE i.tenant_id = $1 AND u.tenant_id = $1 AND i.id = $2`, into, id, mine)
	sealed.List(v, "job.import_rows", `
		SELECT position, outcome, title, reason, undone, job_id FROM import_rows
		WHERE tenant_id = $1 AND import_id = $2 ORDER BY position`, rows, id)
}

// ImportExists queues the look whether the tenant has an import: into is its id, or nothing.
func ImportExists(v *db.View, id uuid.UUID, into *[]uuid.UUID) {
	sealed.Values(v, "job.import_exists", `SELECT id FROM imports WHERE tenant_id = $1 AND id = $2`, into, id)
}

// Imports queues the latest imports, at most 20.
func Imports(v *db.View, into *[]Import) {
	sealed.List(v, "job.imports", `
		SELECT `+importColumns+`, NULL::uuid AS undo FROM imports i JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
		WHERE i.tenant_id = $1 AND u.tenant_id = $1 ORDER BY i.created_at DESC, i.id DESC LIMIT 20`, into)
}

// Formats queues the formats that jobs were imported from, by name: those of the last 200 imports.
func Formats(v *db.View, into *[]string) {
	sealed.Values(v, "job.formats", `
		SELECT DISTINCT format FROM (SELECT format FROM imports WHERE tenant_id = $1 AND state = 'imported' ORDER BY created_at DESC, id DESC LIMIT 200) i
		ORDER BY format`, into)
}

// Upload is what a person gave for an import.
type Upload struct {
	Format   string
	Source   string
	FileName string
	Payload  []byte
}

// Payload reads what was uploaded for a previewed import and holds its row. It returns db.ErrNotFound when the tenant has
// no such import, and db.ErrConflict when it has been imported already.
func Payload(ctx context.Context, tx *db.Tx, id uuid.UUID) (payload []byte, uploaded time.Time, err error) {
	var row struct {
		Payload   []byte    `db:"payload"`
		State     string    `db:"state"`
		CreatedAt time.Time `db:"created_at"`
	}
	err = sealed.Lock(ctx, tx, "job.payload", `
		SELECT payload, state, created_at FROM imports WHERE tenant_id = $1 AND id = $2`, &row, id)
	if err == nil && row.State != "previewed" {
		err = db.ErrConflict
	}
	return row.Payload, row.CreatedAt, err
}

// known reads the postings that the tenant has under the given keys, and keeps other imports of this tenant waiting until
// the transaction ends: two that bring the same job would otherwise both call it new.
func known(ctx context.Context, tx *db.Tx, keys []string) (map[string]Job, error) {
	var lock struct {
		ID uuid.UUID `db:"id"`
	}
	if err := sealed.Lock(ctx, tx, "job.import_lock", `SELECT id FROM tenants WHERE id = $1`, &lock); err != nil {
		return nil, err
	}
	var jobs []Job
	err := sealed.FindAll(ctx, tx, "job.known", `
		SELECT `+columns+` FROM jobs WHERE tenant_id = $1 AND external_key = ANY($2)`, &jobs, keys)
	byKey := make(map[string]Job, len(jobs))
	for _, j := range jobs {
		byKey[j.ExternalKey] = j
	}
	return byKey, err
}
