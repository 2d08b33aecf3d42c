package job

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Candidate is one row that a reader made of an upload: a posting, or why there is none.
type Candidate struct {
	Position int
	Title    string
	Posting  Posting
	Problem  string // for people; empty when the posting can be used
	Note     string // for people: what was left out of a posting that can be used
}

// plan is what an import will do: the outcome of every row, and the postings to insert and to update.
type plan struct {
	rows   []ImportRow
	insert []Job
	update []Job
	before map[uuid.UUID]Posting // of those to update, as they are now
	seen   []uuid.UUID
}

// compare decides row by row against what is known. Rows of one key are merged in their order, so the second says "same"
// or "updated" of the first.
func compare(candidates []Candidate, byKey map[string]Job) (plan, error) {
	p := plan{before: map[uuid.UUID]Posting{}}
	touched := map[string]bool{}
	fresh := map[string]bool{}
	var order []string
	for _, c := range candidates {
		if c.Problem != "" {
			p.rows = append(p.rows, ImportRow{Position: c.Position, Outcome: RowFailed, Title: c.Title, Reason: c.Problem})
			continue
		}
		key := c.Posting.ExternalKey
		old, exists := byKey[key]
		row := ImportRow{Position: c.Position, Outcome: RowSame, Title: c.Posting.Title, Reason: c.Note}
		switch merged := Merge(old.Posting, c.Posting); {
		case !exists:
			id, err := uuid.NewV7()
			if err != nil {
				return p, err
			}
			old = Job{ID: id, Posting: c.Posting.normal()}
			row.Outcome, fresh[key] = RowNew, true
		case !merged.Same(old.Posting):
			if _, earlier := p.before[old.ID]; !earlier {
				p.before[old.ID] = old.Posting
			}
			old.Posting, row.Outcome = merged, RowUpdated
		}
		row.JobID = &old.ID
		byKey[key] = old
		if !touched[key] {
			touched[key] = true
			order = append(order, key)
		}
		if row.Outcome == RowUpdated && !fresh[key] {
			p.update = append(p.update, old)
		}
		p.rows = append(p.rows, row)
	}
	for _, key := range order {
		p.seen = append(p.seen, byKey[key].ID)
		if fresh[key] {
			p.insert = append(p.insert, byKey[key])
		}
	}
	return p, nil
}

// count is how many rows have outcome o.
func (p plan) count(o Outcome) int {
	n := 0
	for _, r := range p.rows {
		if r.Outcome == o {
			n++
		}
	}
	return n
}

// makePlan decides what becomes of candidates, under the import lock.
func makePlan(ctx context.Context, tx *db.Tx, candidates []Candidate) (plan, error) {
	keys := make([]string, 0, len(candidates))
	for _, c := range candidates {
		if c.Problem == "" {
			keys = append(keys, c.Posting.ExternalKey)
		}
	}
	byKey, err := known(ctx, tx, keys)
	if err != nil {
		return plan{}, err
	}
	return compare(candidates, byKey)
}

// Preview keeps an upload with what importing it would do, and changes no job.
func Preview(ctx context.Context, tx *db.Tx, u Upload, candidates []Candidate) (uuid.UUID, error) {
	p, err := makePlan(ctx, tx, candidates)
	if err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, err
	}
	// There is no such job yet that the rows of a new one could point at.
	created := map[uuid.UUID]bool{}
	for _, j := range p.insert {
		created[j.ID] = true
	}
	for i, r := range p.rows {
		if r.JobID != nil && created[*r.JobID] {
			p.rows[i].JobID = nil
		}
	}
	return id, sealed.Change(ctx, tx,
		sealed.Event{Name: "import.previewed", Entity: "import", ID: id, Detail: p.detail(u.Format, u.FileName)},
		sealed.Exec("job.preview", `
			INSERT INTO imports (tenant_id, id, user_id, format, source, file_name, payload, rows_new, rows_updated, rows_same, rows_failed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			id, tx.Member().ID, u.Format, u.Source, u.FileName, u.Payload,
			p.count(RowNew), p.count(RowUpdated), p.count(RowSame), p.count(RowFailed)),
		insertRows(id, p.rows))
}

// Apply does what Preview foretold, decided again against the jobs as they are now, and lets go of the payload. It returns
// how many rows had which outcome, and what undoes it.
func Apply(ctx context.Context, tx *db.Tx, id uuid.UUID, candidates []Candidate) (map[Outcome]int, uuid.UUID, error) {
	p, err := makePlan(ctx, tx, candidates)
	if err != nil {
		return nil, uuid.Nil, err
	}
	keep, undo, err := keepUndo(tx, importChange, &id, p.brought())
	if err != nil {
		return nil, uuid.Nil, err
	}
	statements := make([]sealed.Statement, 0, len(p.insert)+len(p.update)+len(keep)+4)
	for _, j := range p.insert {
		statements = append(statements, insertJob(j))
	}
	for _, j := range p.update {
		statements = append(statements, updateJob(j))
	}
	statements = append(statements, keep...)
	statements = append(statements,
		sealed.Exec("job.seen", `UPDATE jobs SET last_seen_at = now() WHERE tenant_id = $1 AND id = ANY($2)`, p.seen),
		sealed.Exec("job.clear_rows", `DELETE FROM import_rows WHERE tenant_id = $1 AND import_id = $2`, id),
		insertRows(id, p.rows),
		sealed.ExecOne(db.ErrConflict, "job.imported", `
			UPDATE imports SET state = 'imported', imported_at = now(), payload = NULL,
			       rows_new = $3, rows_updated = $4, rows_same = $5, rows_failed = $6
			WHERE tenant_id = $1 AND id = $2 AND state = 'previewed'`,
			id, p.count(RowNew), p.count(RowUpdated), p.count(RowSame), p.count(RowFailed)))
	done := map[Outcome]int{RowNew: p.count(RowNew), RowUpdated: p.count(RowUpdated), RowSame: p.count(RowSame), RowFailed: p.count(RowFailed)}
	return done, undo, sealed.Change(ctx, tx, sealed.Event{Name: "jobs.imported", Entity: "import", ID: id, Detail: p.detail("", "")}, statements...)
}

func (p plan) detail(format, file string) map[string]any {
	d := map[string]any{"new": p.count(RowNew), "updated": p.count(RowUpdated), "same": p.count(RowSame), "failed": p.count(RowFailed)}
	if format != "" {
		d["format"], d["file"] = format, file
	}
	return d
}

func insertRows(id uuid.UUID, rows []ImportRow) sealed.Statement {
	n := len(rows)
	positions, outcomes, titles, reasons, jobs := make([]int, n), make([]string, n), make([]string, n), make([]string, n), make([]*uuid.UUID, n)
	for i, r := range rows {
		positions[i], outcomes[i], titles[i], reasons[i], jobs[i] = r.Position, string(r.Outcome), r.Title, r.Reason, r.JobID
	}
	return sealed.Exec("job.import_rows", `
		INSERT INTO import_rows (tenant_id, import_id, position, outcome, title, reason, job_id)
		SELECT $1, $2, r.* FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::uuid[]) AS r`,
		id, positions, outcomes, titles, reasons, jobs)
}

var (
	insertJobSQL = fmt.Sprintf(`INSERT INTO jobs (tenant_id, id, triage, skip_reason, assignee_id, %s) VALUES ($1, $2, $3, $4, $5, %s)`,
		postingColumns, marks(6, len(Posting{}.values())))
	updateJobSQL = fmt.Sprintf(`UPDATE jobs SET (version, %s) = ROW (version + 1, %s) WHERE tenant_id = $1 AND id = $2`,
		postingColumns, marks(3, len(Posting{}.values())))
)

func insertJob(j Job) sealed.Statement {
	if j.Triage == "" {
		j.Triage = New
	}
	return sealed.Exec("job.insert", insertJobSQL, append([]any{j.ID, j.Triage, j.SkipReason, j.AssigneeID}, j.values()...)...)
}

func updateJob(j Job) sealed.Statement {
	return sealed.ExecOne(db.ErrNotFound, "job.update", updateJobSQL, append([]any{j.ID}, j.values()...)...)
}

// marks is "$from, … " for n arguments.
func marks(from, n int) string {
	s := ""
	for i := range n {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("$%d", from+i)
	}
	return s
}

// Load puts whole jobs into the tenant, as one change.
func Load(ctx context.Context, tx *db.Tx, jobs []Job) error {
	statements := make([]sealed.Statement, len(jobs))
	for i, j := range jobs {
		j.Posting = j.normal()
		statements[i] = insertJob(j)
	}
	return sealed.Change(ctx, tx, sealed.Event{Name: "jobs.loaded", Entity: "job", Detail: map[string]any{"count": len(jobs)}}, statements...)
}
