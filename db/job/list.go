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

// Filter chooses rows of the jobs list. The zero Filter is the newest of all. Its JSON is what a saved search keeps; a
// field that is not there filters nothing.
type Filter struct {
	Query        string     `json:"query,omitempty"` // words, "quoted phrases", -without
	Triage       Triage     `json:"triage,omitempty"`
	Contract     Contract   `json:"contract,omitempty"`
	MinPay       *int64     `json:"pay,omitempty"`     // US cents: the hourly maximum or the fixed budget reaches it
	Country      string     `json:"country,omitempty"` // ISO 3166-1 alpha-2
	Days         int        `json:"days,omitempty"`    // posted within so many
	Experience   Experience `json:"experience,omitempty"`
	AllSkills    []string   `json:"all_skills,omitempty"` // lower case
	AnySkills    []string   `json:"any_skills,omitempty"` // lower case
	MinRating    int        `json:"rating,omitempty"`     // hundredths of a star
	MinSpent     *int64     `json:"spent,omitempty"`      // US cents
	Verified     bool       `json:"verified,omitempty"`
	MaxProposals int        `json:"proposals,omitempty"`
	Format       string     `json:"format,omitempty"` // of an import that contained it
	Assignee     *uuid.UUID `json:"assignee,omitempty"`
	Unassigned   bool       `json:"unassigned,omitempty"`
	Draft        *bool      `json:"draft,omitempty"` // whether a proposal for it is being written
	Sort         Sort       `json:"-"`
	Before       *Cursor    `json:"-"`
}

// condition is one way to narrow the list.
type condition struct {
	name  string // in the JSON of a Filter
	kind  string // the SQL type of its value
	sql   string // %s is the value, j the job
	value func(*Filter) (value any, set bool)
}

// conditions is the one table of them, for the list and for counting what is new in a saved search.
var conditions = []condition{
	{"query", "text", "j.id IN (SELECT search_jobs(%s))", func(f *Filter) (any, bool) { return f.Query, f.Query != "" }},
	{"triage", "text", "j.triage = %s", func(f *Filter) (any, bool) { return f.Triage, f.Triage != "" }},
	{"contract", "text", "j.contract = %s", func(f *Filter) (any, bool) { return f.Contract, f.Contract != "" }},
	{"pay", "bigint", "coalesce(j.hourly_max, j.hourly_min, j.budget) >= %s", func(f *Filter) (any, bool) { return f.MinPay, f.MinPay != nil }},
	{"country", "text", "j.client_country = %s", func(f *Filter) (any, bool) { return f.Country, f.Country != "" }},
	// To the minute, so that a page and its reload ask the same.
	{"days", "int", "j.posted_at >= date_trunc('minute', now()) - make_interval(days => %s)", func(f *Filter) (any, bool) { return f.Days, f.Days > 0 }},
	{"experience", "text", "j.experience = %s", func(f *Filter) (any, bool) { return f.Experience, f.Experience != "" }},
	{"all_skills", "text[]", "lower(j.skills::text)::text[] @> %s", func(f *Filter) (any, bool) { return f.AllSkills, len(f.AllSkills) > 0 }},
	{"any_skills", "text[]", "lower(j.skills::text)::text[] && %s", func(f *Filter) (any, bool) { return f.AnySkills, len(f.AnySkills) > 0 }},
	{"rating", "int", "j.client_rating >= %s", func(f *Filter) (any, bool) { return f.MinRating, f.MinRating > 0 }},
	{"spent", "bigint", "j.client_spent >= %s", func(f *Filter) (any, bool) { return f.MinSpent, f.MinSpent != nil }},
	{"verified", "bool", "j.client_payment_verified = %s", func(f *Filter) (any, bool) { return f.Verified, f.Verified }},
	{"proposals", "int", "j.proposals_max <= %s", func(f *Filter) (any, bool) { return f.MaxProposals, f.MaxProposals > 0 }},
	{"format", "text", `EXISTS (SELECT FROM import_rows r JOIN imports i ON i.tenant_id = r.tenant_id AND i.id = r.import_id
		    WHERE r.tenant_id = $1 AND i.tenant_id = $1 AND r.job_id = j.id AND i.state = 'imported' AND i.format = %s)`,
		func(f *Filter) (any, bool) { return f.Format, f.Format != "" }},
	{"assignee", "uuid", "j.assignee_id = %s", func(f *Filter) (any, bool) { return f.Assignee, f.Assignee != nil }},
	{"unassigned", "bool", "(j.assignee_id IS NULL) = %s", func(f *Filter) (any, bool) { return f.Unassigned, f.Unassigned }},
	{"draft", "bool", `EXISTS (SELECT FROM proposals p WHERE p.tenant_id = $1 AND p.job_id = j.id AND p.status IN ('draft', 'in_review', 'approved')) = %s`,
		func(f *Filter) (any, bool) { return f.Draft, f.Draft != nil }},
}

// List queues the rows that f chooses in its order, one more than PageSize when there is a next page. It names members by
// their ids: every further table of a query is one more look at the gate, and a page has its members anyway.
func List(v *db.View, f Filter, into *[]Row) {
	w, order := f.where(), f.Sort.order()
	w.behind(order, f.Before)
	sealed.List(v, "job.list", `
		SELECT j.id, j.title, j.snippet, j.contract, j.hourly_min, j.hourly_max, j.budget, j.experience, j.skills, j.proposals_min, j.proposals_max,
		       j.client_country, j.client_payment_verified, j.client_spent, j.client_spent_floor, j.posted_at, j.triage, j.assignee_id,
		       CASE WHEN j.triage = 'drafting' THEN ARRAY(
		         SELECT p.user_id FROM proposals p WHERE p.tenant_id = $1 AND p.job_id = j.id AND p.status IN ('draft', 'in_review', 'approved')
		         ORDER BY p.created_at) END AS drafters
		FROM jobs j
		WHERE j.tenant_id = $1`+w.sql.String()+order.page(), into, w.args...)
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

// behind leaves out what comes before a place in an order, and the place itself.
func (w *where) behind(o order, place *Cursor) {
	if place != nil {
		w.and("("+o.key+", j.id) "+o.behind+" (%s::"+o.kind+", %s)", o.at(place.Key), place.ID)
	}
}

func (f Filter) where() *where {
	w := &where{}
	for _, c := range conditions {
		if value, set := c.value(&f); set {
			w.and(c.sql, value)
		}
	}
	return w
}

// columns are those of Job, in the order of its fields.
const columns = `id, ` + postingColumns + `, triage, skip_reason, assignee_id, version, first_seen_at, last_seen_at`

// Get queues one job; Load reports db.ErrNotFound when the tenant has none of that id.
func Get(v *db.View, id uuid.UUID, into *Job) {
	sealed.Get(v, "job.get", `SELECT `+columns+` FROM jobs WHERE tenant_id = $1 AND id = $2`, into, id)
}

// Exists queues the look whether the tenant has a job: into is its id, or nothing.
func Exists(v *db.View, id uuid.UUID, into *[]uuid.UUID) {
	sealed.Values(v, "job.exists", `SELECT id FROM jobs WHERE tenant_id = $1 AND id = $2`, into, id)
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
