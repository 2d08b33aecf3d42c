package isolation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/internal/sealed"
)

// Report is what a proof of the isolation found, and on what. Signed, it is what an owner can show to others: it names
// tables, functions and attacks, and nothing of any organization.
type Report struct {
	OK       bool `json:"ok"`       // no breach of any kind
	Checks   int  `json:"checks"`   // answers that were judged
	Leaks    int  `json:"leaks"`    // breaches by kind
	Oracles  int  `json:"oracles"`  //
	Unproven int  `json:"unproven"` //

	Started       time.Time `json:"started"`
	TookMS        int       `json:"took_ms"`
	Installation  string    `json:"installation"` // the fingerprint of its signing key
	ServerVersion string    `json:"server_version"`

	Paths    []Path   `json:"paths"`
	Objects  []Tally  `json:"objects"`
	Contexts []Tally  `json:"contexts"`
	Attacks  []Tally  `json:"attacks"`
	Breaches []Breach `json:"findings"` // at most maxBreaches; the counts above are of all

	Signature *Signature `json:"signature,omitempty"` // the last member: what stands before it is signed
}

// Path is a way to the database.
type Path struct {
	Name   string `json:"name"`
	Proven bool   `json:"proven"`
	Checks int    `json:"checks"`
	Note   string `json:"note,omitempty"` // why it is not proven, and how to have it proven
}

// Tally counts what concerned one object, one context or one attack.
type Tally struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"` // of an object: table, view, …; of a context or an attack: what it is
	Checks   int    `json:"checks"`
	Breaches int    `json:"findings"`
}

// Kind is what a breach means.
type Kind string

// The kinds of breaches.
const (
	Leak     Kind = "leak"     // something of another tenant was shown or changed
	Oracle   Kind = "oracle"   // an answer tells whether another tenant has a row
	Unproven Kind = "unproven" // it cannot be said: nothing to try it with, or the positive control does not work
)

// Breach is one thing that is not as it must be.
type Breach struct {
	Kind    Kind   `json:"kind"`
	Path    string `json:"path"`
	Context string `json:"context"`
	Object  string `json:"object"`
	Attack  string `json:"attack"`
	Fault   string `json:"fault"`
}

// String is one line.
func (b Breach) String() string {
	return fmt.Sprintf("%s: %s: %s, in the context %q, %s: %s", b.Kind, b.Object, b.Attack, b.Context, b.Path, b.Fault)
}

// Save keeps a signed report on the control plane.
func (r Report) Save(ctx context.Context, d *sealed.DB) error {
	if r.Signature == nil {
		return errUnsigned
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("save proof: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("save proof: %w", err)
	}
	return d.Control(ctx, func(tx *sealed.ControlTx) error {
		return control.SaveProof(ctx, tx, control.Proof{
			ProofLine: control.ProofLine{ID: id, At: r.Started, TookMS: r.TookMS, OK: r.OK, Checks: r.Checks, Leaks: r.Leaks, Oracles: r.Oracles, Unproven: r.Unproven},
			Report:    text, Signature: r.Signature.Value,
		})
	})
}
