package job

import (
	"fmt"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// PartSize is how many jobs an export reads at a time.
const PartSize = 500

// Exported is a job as it stands in a file: with the name of whoever it is assigned to.
type Exported struct {
	Job
	Assignee string `db:"assignee"`
}

// Part queues the jobs that f chooses in its order, one more than PartSize when there are more.
func Part(v *db.View, f Filter, into *[]Exported) {
	w, order := f.where(), f.Sort.order()
	w.behind(order, f.Before)
	sealed.List(v, "job.part", `
		SELECT `+columns+`, coalesce((SELECT u.name FROM users u WHERE u.tenant_id = $1 AND u.id = j.assignee_id), '') AS assignee
		FROM jobs j
		WHERE j.tenant_id = $1`+w.sql.String()+fmt.Sprintf(`
		ORDER BY %s %s, j.id %[2]s
		LIMIT %[3]d`, order.key, order.direction, PartSize+1), into, w.args...)
}

// PlaceOf is where an exported job stands in the order.
func (s Sort) PlaceOf(j *Exported) Cursor {
	return s.Place(&Row{ID: j.ID, PostedAt: j.PostedAt, HourlyMax: j.HourlyMax, HourlyMin: j.HourlyMin, Budget: j.Budget, ProposalsMin: j.ProposalsMin})
}

// Standing is how many jobs stand alike.
type Standing struct {
	Triage   Triage     `db:"triage"`
	Assignee *uuid.UUID `db:"assignee_id"`
	Count    int        `db:"count"`
}

// Standings queues how the jobs stand that f chooses, the first MaxSet and one in its order.
func Standings(v *db.View, f Filter, into *[]Standing) {
	w, order := f.where(), f.Sort.order()
	sealed.List(v, "job.standings", fmt.Sprintf(`
		SELECT c.triage, c.assignee_id, count(*)::int AS count
		FROM (SELECT j.triage, j.assignee_id FROM jobs j WHERE j.tenant_id = $1%s
		      ORDER BY %s %s, j.id %[3]s LIMIT %[4]d) c
		GROUP BY c.triage, c.assignee_id`, w.sql.String(), order.key, order.direction, MaxSet+1), into, w.args...)
}
