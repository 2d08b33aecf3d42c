package proposal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Sitting is how long what one member types, without saving it themselves, becomes one version of the history.
const Sitting = 10 * time.Minute

// Type replaces the text of a proposal that the transaction holds, while its writer is still at it, and returns the version
// that a next save is made from. The history gets the text when it is saved, judged, or replaced by somebody else, and
// after each Sitting; until then it stands in the proposal alone, and each replaces the one before.
func Type(ctx context.Context, tx *db.Tx, p Proposal, text Text) (version int, err error) {
	author := tx.Member().ID
	since := p.TypingSince
	var statements []sealed.Statement
	if !p.typedBy(author) {
		statements, since = standing(p), nil
	}
	replaced, err := replace(tx, p, text, &author, since)
	if err != nil {
		return 0, err
	}
	return p.Version + 1, sealed.Change(ctx, tx,
		sealed.Event{Name: "proposal.typed", Entity: "proposal", ID: p.ID, Once: once(p.ID, author, Sitting)}, append(statements, replaced...)...)
}

// Keep puts the text that stands into the history. It does nothing when it is there.
func Keep(ctx context.Context, tx *db.Tx, p Proposal) error {
	if p.TypingBy == nil {
		return nil
	}
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "proposal.saved", Entity: "proposal", ID: p.ID, Detail: map[string]any{"version": p.Version, "origin": "typed"}},
		append(standing(p), sealed.ExecOne(db.ErrConflict, "proposal.kept", `
			UPDATE proposals SET typing_by = NULL, typing_since = NULL WHERE tenant_id = $1 AND id = $2 AND version = $3`, p.ID, p.Version))...)
}

// typedBy tells whether what stands was typed by a member in a sitting that is still going on.
func (p Proposal) typedBy(member uuid.UUID) bool {
	return p.TypingBy != nil && *p.TypingBy == member && time.Since(*p.TypingSince) < Sitting
}

// standing puts the text that stands into the history, when it is not there yet.
func standing(p Proposal) []sealed.Statement {
	if p.TypingBy == nil {
		return nil
	}
	return []sealed.Statement{insertVersion(p.ID, Version{Version: p.Version, Text: p.Text, AuthorID: *p.TypingBy, Origin: "typed", CreatedAt: p.UpdatedAt})}
}

// replace changes the text of p, and makes it a draft again: an approval is of one version.
func replace(tx *db.Tx, p Proposal, text Text, typist *uuid.UUID, since *time.Time) ([]sealed.Statement, error) {
	statements := []sealed.Statement{sealed.ExecOne(db.ErrConflict, "proposal.save", `
		UPDATE proposals SET letter = $4, answers = $5, bid = $6, bid_amount = $7, version = version + 1,
		       status = 'draft', approved_version = NULL, updated_at = now(),
		       typing_by = $8, typing_since = CASE WHEN $8::uuid IS NOT NULL THEN coalesce($9, now()) END
		WHERE tenant_id = $1 AND id = $2 AND version = $3`,
		p.ID, p.Version, text.Letter, answers(text.Answers), text.Bid, text.BidAmount, typist, since)}
	if p.Status == Draft {
		return statements, nil
	}
	e, err := event(tx, p.ID, p.Status, Draft, "The text was changed.")
	return append(statements, e), err
}

// once is the key of an audit row that stands for all that a member does with a proposal within a span of the clock.
func once(id, member uuid.UUID, span time.Duration) uuid.UUID {
	return uuid.NewSHA1(id, fmt.Appendf(nil, "%s %s %d", member, span, time.Now().UnixNano()/int64(span)))
}
