package proposal

import (
	"context"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// columns are those of Proposal.
const columns = `p.id, p.job_id, p.user_id, p.letter, p.answers, p.bid, p.bid_amount, p.status, p.version, p.approved_version,
	p.submitted_version, p.loss_reason, p.contract_value, p.submitted_at, p.viewed_at, p.interview_at, p.offered_at, p.hired_at,
	p.declined_at, p.withdrawn_at, p.archived_at, p.created_at, p.updated_at, p.typing_by, p.typing_since`

// PageSize is how many rows a page of the list has.
const PageSize = 50

// Filter chooses rows of the proposals list. The zero Filter is all of them.
type Filter struct {
	Status Status
	Job    *uuid.UUID
	Mine   bool       // only those of the member who asks
	Before *uuid.UUID // the last proposal of the page before
}

const listColumns = `SELECT ` + columns + `, j.title AS job_title, u.name AS author_name,
	  coalesce((SELECT t.name FROM users t WHERE t.tenant_id = $1 AND t.id = p.typing_by), '') AS typist_name,
	  (SELECT count(*) FROM proposal_versions h WHERE h.tenant_id = $1 AND h.proposal_id = p.id)::int AS kept
	FROM proposals p
	JOIN jobs j ON j.tenant_id = p.tenant_id AND j.id = p.job_id AND j.tenant_id = $1
	JOIN users u ON u.tenant_id = p.tenant_id AND u.id = p.user_id AND u.tenant_id = $1
	WHERE p.tenant_id = $1`

// List queues the rows that f chooses, last changed first, one more than PageSize when there is a next page. mine is the
// Clerk user id of who asks, needed for Mine only.
func List(v *db.View, f Filter, mine string, into *[]Row) {
	sealed.List(v, "proposal.list", listColumns+`
		  AND ($2 = '' OR p.status = $2)
		  AND ($3::uuid IS NULL OR p.job_id = $3)
		  AND (NOT $4 OR u.clerk_id = $5)
		  AND ($6::uuid IS NULL OR (p.updated_at, p.id) < (SELECT b.updated_at, b.id FROM proposals b WHERE b.tenant_id = $1 AND b.id = $6))
		ORDER BY p.updated_at DESC, p.id DESC
		LIMIT $7`, into, f.Status, f.Job, f.Mine, mine, f.Before, PageSize+1)
}

// Get queues one proposal with the title of its job and its author's name; Load reports db.ErrNotFound when the tenant
// has none of that id.
func Get(v *db.View, id uuid.UUID, into *Row) {
	sealed.Get(v, "proposal.get", listColumns+` AND p.id = $2`, into, id)
}

// Exists queues the look whether the tenant has a proposal: into is its id, or nothing.
func Exists(v *db.View, id uuid.UUID, into *[]uuid.UUID) {
	sealed.Values(v, "proposal.exists", `SELECT id FROM proposals WHERE tenant_id = $1 AND id = $2`, into, id)
}

// Versions queues the history of a proposal's text, newest first.
func Versions(v *db.View, id uuid.UUID, into *[]Version) {
	sealed.List(v, "proposal.versions", `
		SELECT h.version, (row_number() OVER (ORDER BY h.version))::int AS number, h.letter, h.answers, h.bid, h.bid_amount, h.author_id, u.name AS author_name, h.origin, h.created_at
		FROM proposal_versions h JOIN users u ON u.tenant_id = h.tenant_id AND u.id = h.author_id AND u.tenant_id = $1
		WHERE h.tenant_id = $1 AND h.proposal_id = $2
		ORDER BY h.version DESC LIMIT 200`, into, id)
}

// Events queues the changes of a proposal's status, latest first.
func Events(v *db.View, id uuid.UUID, into *[]Event) {
	sealed.List(v, "proposal.events", `
		SELECT e.from_status, e.to_status, e.note, coalesce(u.name, '') AS actor_name, e.occurred_at
		FROM proposal_events e LEFT JOIN users u ON u.tenant_id = e.tenant_id AND u.id = e.actor_id AND u.tenant_id = $1
		WHERE e.tenant_id = $1 AND e.proposal_id = $2
		ORDER BY e.occurred_at DESC, e.id DESC`, into, id)
}

// Lock reads a proposal and holds its row until the transaction ends; db.ErrNotFound when the tenant has none of that id.
func Lock(ctx context.Context, tx *db.Tx, id uuid.UUID) (Proposal, error) {
	var p Proposal
	err := sealed.Lock(ctx, tx, "proposal.lock", `
		SELECT `+columns+` FROM proposals p WHERE p.tenant_id = $1 AND p.id = $2`, &p, id)
	return p, err
}

// LiveOf finds the live proposal of the acting member for a job; db.ErrNotFound when there is none.
func LiveOf(ctx context.Context, tx *db.Tx, job uuid.UUID) (Proposal, error) {
	var p Proposal
	err := sealed.Find(ctx, tx, "proposal.live_of", `
		SELECT `+columns+` FROM proposals p
		WHERE p.tenant_id = $1 AND p.job_id = $2 AND p.user_id = $3 AND p.status NOT IN ('declined', 'withdrawn', 'archived')`,
		&p, job, tx.Member().ID)
	return p, err
}

// Kept reads the text of one version, and its number among those that are kept; db.ErrNotFound when there is none.
func Kept(ctx context.Context, tx *db.Tx, id uuid.UUID, version int) (Text, int, error) {
	var t struct {
		Text
		Number int `db:"number"`
	}
	err := sealed.Find(ctx, tx, "proposal.kept", `
		SELECT v.letter, v.answers, v.bid, v.bid_amount,
		       (SELECT count(*) FROM proposal_versions h WHERE h.tenant_id = $1 AND h.proposal_id = $2 AND h.version <= $3)::int AS number
		FROM proposal_versions v WHERE v.tenant_id = $1 AND v.proposal_id = $2 AND v.version = $3`, &t, id, version)
	return t.Text, t.Number, err
}
