package control

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
)

// ProofLine is a proof of the isolation in a list: when, and what it found.
type ProofLine struct {
	ID       uuid.UUID `db:"id"`
	At       time.Time `db:"at"` // when it was started
	TookMS   int       `db:"took_ms"`
	OK       bool      `db:"ok"`
	Checks   int       `db:"checks"`
	Leaks    int       `db:"leaks"`
	Oracles  int       `db:"oracles"`
	Unproven int       `db:"unproven"`
}

// Proof is a proof with its signed report.
type Proof struct {
	ProofLine
	Report    json.RawMessage `db:"report"`    // an isolation.Report, as it was signed
	Signature string          `db:"signature"` // which the report has too
}

// SaveProof keeps a proof.
func SaveProof(ctx context.Context, t *sealed.ControlTx, p Proof) error {
	return sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "isolation.proven", Detail: map[string]any{"proof": p.ID, "ok": p.OK}},
		sealed.Exec("control.save_proof", `
			INSERT INTO control.proofs (id, at, took_ms, ok, checks, leaks, oracles, unproven, report, signature)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			p.ID, p.At, p.TookMS, p.OK, p.Checks, p.Leaks, p.Oracles, p.Unproven, p.Report, p.Signature))
}

const latestProof = `
	SELECT id, at, took_ms, ok, checks, leaks, oracles, unproven, report, signature
	FROM control.proofs ORDER BY at DESC, id DESC LIMIT 1`

// LatestProof is the newest proof; sealed.ErrNotFound when there is none yet.
func LatestProof(ctx context.Context, d *sealed.DB) (Proof, error) {
	var p Proof
	err := sealed.Peek(ctx, d, "control.latest_proof", latestProof, &p)
	return p, err
}

// LastProof is LatestProof beside what else a transaction reads: one, or none.
func LastProof(ctx context.Context, t *sealed.ControlTx, into *[]Proof) error {
	return sealed.ControlList(ctx, t, "control.last_proof", latestProof, into)
}

// Proofs lists the last proofs, newest first, at most limit.
func Proofs(ctx context.Context, t *sealed.ControlTx, limit int, into *[]ProofLine) error {
	return sealed.ControlList(ctx, t, "control.proofs", `
		SELECT id, at, took_ms, ok, checks, leaks, oracles, unproven
		FROM control.proofs ORDER BY at DESC, id DESC LIMIT $1`, into, limit)
}
