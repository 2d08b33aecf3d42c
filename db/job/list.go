package job

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// PageSize is how many rows a page of the list has.
const PageSize = 50

// Filter chooses rows of the jobs list. The zero Filter is the newest of all.
type Filter struct {
	Query    string // words, "quoted phrases", -without; empty: any
	Triage   Triage
	Contract Contract
	MinPay   *int64 // US cents: the hourly maximum or the fixed budget reaches it
	Country  string // ISO 3166-1 alpha-2
	Since    time.Time
	Before   *Cursor
}

// List queues the rows that f chooses, newest first, one more than PageSize when there is a next page.
func List(v *db.View, f Filter, into *[]Row) {
	w := f.where()
	sealed.List(v, "job.list", `
		SELECT id, title, left(description, 240) || CASE WHEN length(description) > 240 THEN '…' ELSE '' END AS snippet, contract, hourly_min, hourly_max, budget, experience, skills,
		       proposals_min, proposals_max, client_country, client_payment_verified, client_spent, client_spent_floor,
		       posted_at, triage
		FROM jobs
		WHERE tenant_id = $1`+w.sql.String()+fmt.Sprintf(`
		ORDER BY posted_at DESC, id DESC
		LIMIT %d`, PageSize+1), into, w.args...)
}

// where is the one builder of conditions. Its texts are constants of this file; what a person typed is always an argument.
type where struct {
	sql  strings.Builder
	args []any
}

// and adds a condition with one %s for each argument.
func (w *where) and(condition string, args ...any) {
	marks := make([]any, len(args))
	for i, a := range args {
		w.args = append(w.args, a)
		marks[i] = fmt.Sprintf("$%d", len(w.args)+1) // $1 is the tenant
	}
	fmt.Fprintf(&w.sql, "\n\t\t  AND "+condition, marks...)
}

func (f Filter) where() *where {
	w := &where{}
	if f.Query != "" {
		w.and("id IN (SELECT search_jobs(%s))", f.Query)
	}
	if f.Triage != "" {
		w.and("triage = %s", f.Triage)
	}
	if f.Contract != "" {
		w.and("contract = %s", f.Contract)
	}
	if f.MinPay != nil {
		w.and("coalesce(hourly_max, hourly_min, budget) >= %s", *f.MinPay)
	}
	if f.Country != "" {
		w.and("client_country = %s", f.Country)
	}
	if !f.Since.IsZero() {
		w.and("posted_at >= %s", f.Since)
	}
	if f.Before != nil {
		w.and("(posted_at, id) < (%s, %s)", f.Before.PostedAt, f.Before.ID)
	}
	return w
}

// columns are those of Job, in the order of its fields.
const columns = `id, ` + postingColumns + `, triage, skip_reason, assignee_id, version, first_seen_at, last_seen_at`

// Get queues one job; Load reports db.ErrNotFound when the tenant has none of that id.
func Get(v *db.View, id uuid.UUID, into *Job) {
	sealed.Get(v, "job.get", `SELECT `+columns+` FROM jobs WHERE tenant_id = $1 AND id = $2`, into, id)
}

// OfProposal queues the job that a proposal is for.
func OfProposal(v *db.View, proposal uuid.UUID, into *Job) {
	sealed.Get(v, "job.of_proposal", `
		SELECT `+columns+` FROM jobs
		WHERE tenant_id = $1 AND id = (SELECT p.job_id FROM proposals p WHERE p.tenant_id = $1 AND p.id = $2)`, into, proposal)
}

// Sighting is one import that contained a job.
type Sighting struct {
	Format  string    `db:"format"`
	Source  string    `db:"source"`
	Outcome Outcome   `db:"outcome"`
	At      time.Time `db:"imported_at"`
}

// Sightings queues the imports that contained a job, latest first, at most 20.
func Sightings(v *db.View, id uuid.UUID, into *[]Sighting) {
	sealed.List(v, "job.sightings", `
		SELECT i.format, i.source, r.outcome, i.imported_at
		FROM import_rows r JOIN imports i ON i.tenant_id = r.tenant_id AND i.id = r.import_id
		WHERE r.tenant_id = $1 AND i.tenant_id = $1 AND r.job_id = $2 AND i.state = 'imported'
		ORDER BY i.imported_at DESC LIMIT 20`, into, id)
}
