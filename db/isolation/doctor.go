package isolation

import (
	"context"
	"slices"

	"upwork-ai-agent/db/internal/sealed"
)

// Diagnosis is what Doctor found.
type Diagnosis struct {
	OK       bool     `json:"ok"`     // no finding
	Checks   int      `json:"checks"` // how many were made, over all places
	Findings Findings `json:"findings"`
}

// catalogs are the checks that ask the catalogs of a place, beyond those of Posture.
var catalogs = slices.Concat(roles, grants, structure)

// Doctor looks at everything that isolation and its speed rest on, in every place. It changes nothing.
func Doctor(ctx context.Context, d *sealed.DB) (Diagnosis, error) {
	findings, err := Posture(ctx, d)
	if err != nil {
		return Diagnosis{}, err
	}
	for _, name := range d.Places() {
		found, err := ask(ctx, d, name, catalogs)
		if err != nil {
			return Diagnosis{}, err
		}
		findings = append(findings, found...)
	}
	return Diagnosis{OK: len(findings) == 0, Findings: findings}, nil
}
