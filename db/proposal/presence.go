package proposal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Present is how long somebody counts as being there after having been heard of. An open editor is heard of every 20 s.
const Present = 50 * time.Second

// Stand is what an open editor is told of its proposal.
type Stand struct {
	Version int      `db:"version"`
	Others  []string `db:"others"` // names of the other members who have it open
}

// HowItStands queues what somebody who has a proposal open is told; Load reports db.ErrNotFound when the tenant has none of
// that id. mine is the Clerk user id of who asks.
func HowItStands(v *db.View, id uuid.UUID, mine string, into *Stand) {
	sealed.Get(v, "proposal.stand", `
		SELECT p.version, array(
		         SELECT DISTINCT u.name FROM proposal_presence h
		         JOIN users u ON u.tenant_id = h.tenant_id AND u.id = h.user_id AND u.tenant_id = $1 AND u.clerk_id <> $4
		         WHERE h.tenant_id = $1 AND h.proposal_id = $2 AND h.seen_at > now() - $3::interval
		         ORDER BY u.name LIMIT 20) AS others
		FROM proposals p WHERE p.tenant_id = $1 AND p.id = $2`, into, id, Present, mine)
}

// beat is how often somebody's presence is written down at most, however often it is said.
const beat = 10 * time.Second

// Here notes that the acting member has a proposal open; only present members are noted. It returns db.ErrNotFound when the
// tenant has none of that id. The audit tells of it once a day.
func Here(ctx context.Context, tx *db.Tx, id uuid.UUID, present bool) error {
	member := tx.Member().ID
	var known struct {
		Noted bool `db:"noted"`
	}
	err := sealed.Find(ctx, tx, "proposal.noted", `
		SELECT EXISTS (SELECT FROM proposal_presence h WHERE h.tenant_id = $1 AND h.proposal_id = $2 AND h.user_id = $3 AND h.seen_at > now() - $4::interval) AS noted
		FROM proposals p WHERE p.tenant_id = $1 AND p.id = $2`, &known, id, member, beat)
	if err != nil || known.Noted || !present {
		return err
	}
	row, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "proposal.opened", Entity: "proposal", ID: id, Once: once(id, member, 24*time.Hour)},
		sealed.Exec("proposal.gone", `
			DELETE FROM proposal_presence WHERE tenant_id = $1 AND proposal_id = $2 AND (user_id = $3 OR seen_at < now() - $4::interval)`, id, member, Present),
		sealed.ExecOne(db.ErrNotFound, "proposal.here", `
			INSERT INTO proposal_presence (tenant_id, id, proposal_id, user_id)
			SELECT p.tenant_id, $4, p.id, $3 FROM proposals p WHERE p.tenant_id = $1 AND p.id = $2`, id, member, row))
}
