package proposal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Start makes a draft for a job by the acting member, with an unanswered answer for each of the job's questions. It
// returns db.ErrDuplicate when the member has a live proposal for the job.
func Start(ctx context.Context, tx *db.Tx, job uuid.UUID, title string, questions []string) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, err
	}
	text := Text{Answers: make([]Answer, len(questions))}
	for i, q := range questions {
		text.Answers[i].Question = q
	}
	author := tx.Member().ID
	return id, sealed.Change(ctx, tx,
		sealed.Event{Name: "proposal.started", Entity: "proposal", ID: id, Detail: map[string]any{"job": job, "title": title}},
		sealed.Exec("proposal.start", `
			INSERT INTO proposals (tenant_id, id, job_id, user_id, letter, answers, bid, bid_amount) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			id, job, author, text.Letter, answers(text.Answers), text.Bid, text.BidAmount),
		keep(id, 1, text, author, "typed"))
}

// Save replaces the text of a proposal that the transaction holds, as its next version. An approval is of one version, so
// a saved proposal is a draft again.
func Save(ctx context.Context, tx *db.Tx, p Proposal, text Text, origin string) error {
	next, author := p.Version+1, tx.Member().ID
	var statements []sealed.Statement
	if origin != "typed" || !p.typedBy(author) { // else it is a pause of the same writing
		statements = standing(p)
	}
	replaced, err := replace(tx, p, text, nil, nil)
	if err != nil {
		return err
	}
	statements = append(append(statements, replaced...), keep(p.ID, next, text, author, origin))
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "proposal.saved", Entity: "proposal", ID: p.ID, Detail: map[string]any{"version": next, "origin": origin}}, statements...)
}

// Outcome is what is told with a change of status.
type Outcome struct {
	Note          string
	LossReason    string
	ContractValue *int64 // US cents
}

// Move changes the status of a proposal that the transaction holds, with its milestones. The caller has asked Next.
func Move(ctx context.Context, tx *db.Tx, p Proposal, to Status, o Outcome) error {
	from := p.Status
	p.Reach(to, time.Now().UTC())
	if o.LossReason != "" {
		p.LossReason = o.LossReason
	}
	if o.ContractValue != nil {
		p.ContractValue = o.ContractValue
	}
	e, err := event(tx, p.ID, from, to, o.Note)
	if err != nil {
		return err
	}
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "proposal.moved", Entity: "proposal", ID: p.ID, Detail: map[string]any{"from": from, "to": to}},
		append(standing(p), sealed.ExecOne(db.ErrConflict, "proposal.move", `
			UPDATE proposals SET typing_by = NULL, typing_since = NULL, status = $4, approved_version = $5, submitted_version = $6, loss_reason = $7, contract_value = $8,
			       submitted_at = $9, viewed_at = $10, interview_at = $11, offered_at = $12, hired_at = $13,
			       declined_at = $14, withdrawn_at = $15, archived_at = $16, updated_at = now()
			WHERE tenant_id = $1 AND id = $2 AND status = $3`,
			p.ID, from, to, p.ApprovedVersion, p.SubmittedVersion, p.LossReason, p.ContractValue,
			p.SubmittedAt, p.ViewedAt, p.InterviewAt, p.OfferedAt, p.HiredAt, p.DeclinedAt, p.WithdrawnAt, p.ArchivedAt), e)...)
}

// keep is the statement that adds to the history.
func keep(id uuid.UUID, version int, t Text, author uuid.UUID, origin string) sealed.Statement {
	return sealed.Exec("proposal.keep", `
		INSERT INTO proposal_versions (tenant_id, proposal_id, version, letter, answers, bid, bid_amount, author_id, origin)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, id, version, t.Letter, answers(t.Answers), t.Bid, t.BidAmount, author, origin)
}

func event(tx *db.Tx, proposal uuid.UUID, from, to Status, note string) (sealed.Statement, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return sealed.Statement{}, err
	}
	var actor *uuid.UUID
	if m := tx.Member().ID; m != uuid.Nil {
		actor = &m
	}
	return sealed.Exec("proposal.event", `
		INSERT INTO proposal_events (tenant_id, id, proposal_id, from_status, to_status, actor_id, note) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, proposal, from, to, actor, note), nil
}

// answers is never null in the database.
func answers(a []Answer) []Answer {
	if a == nil {
		return []Answer{}
	}
	return a
}
