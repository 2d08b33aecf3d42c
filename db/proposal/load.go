package proposal

import (
	"context"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Past is a proposal with everything that has happened to it.
type Past struct {
	Proposal
	Versions []Version     // oldest first
	Steps    []StepByActor // oldest first
}

// StepByActor is a change of status with who made it.
type StepByActor struct {
	Event
	ActorID uuid.UUID
}

// Load puts whole proposals into the tenant, as one change.
func Load(ctx context.Context, tx *db.Tx, past []Past) error {
	var statements []sealed.Statement
	for _, p := range past {
		statements = append(statements, insertWhole(p.Proposal))
		for _, v := range p.Versions {
			statements = append(statements, insertVersion(p.ID, v))
		}
		for _, s := range p.Steps {
			e, err := insertStep(p.ID, s)
			if err != nil {
				return err
			}
			statements = append(statements, e)
		}
	}
	return sealed.Change(ctx, tx, sealed.Event{Name: "proposals.loaded", Entity: "proposal", Detail: map[string]any{"count": len(past)}}, statements...)
}

func insertWhole(p Proposal) sealed.Statement {
	return sealed.Exec("proposal.load", `
		INSERT INTO proposals (tenant_id, id, job_id, user_id, letter, answers, bid, bid_amount, status, version, approved_version,
		  submitted_version, loss_reason, contract_value, submitted_at, viewed_at, interview_at, offered_at, hired_at,
		  declined_at, withdrawn_at, archived_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`,
		p.ID, p.JobID, p.UserID, p.Letter, answers(p.Answers), p.Bid, p.BidAmount, p.Status, p.Version, p.ApprovedVersion,
		p.SubmittedVersion, p.LossReason, p.ContractValue, p.SubmittedAt, p.ViewedAt, p.InterviewAt, p.OfferedAt, p.HiredAt,
		p.DeclinedAt, p.WithdrawnAt, p.ArchivedAt, p.CreatedAt, p.UpdatedAt)
}

func insertVersion(id uuid.UUID, v Version) sealed.Statement {
	return sealed.Exec("proposal.load_version", `
		INSERT INTO proposal_versions (tenant_id, proposal_id, version, letter, answers, bid, bid_amount, author_id, origin, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		id, v.Version, v.Letter, answers(v.Answers), v.Bid, v.BidAmount, v.AuthorID, v.Origin, v.CreatedAt)
}

func insertStep(proposal uuid.UUID, s StepByActor) (sealed.Statement, error) {
	id, err := uuid.NewV7()
	return sealed.Exec("proposal.load_step", `
		INSERT INTO proposal_events (tenant_id, id, proposal_id, from_status, to_status, actor_id, note, occurred_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, id, proposal, s.From, s.To, s.ActorID, s.Note, s.OccurredAt), err
}
