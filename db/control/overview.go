package control

import (
	"context"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// StateCount is how many organizations are in a state.
type StateCount struct {
	State place.State `db:"state"`
	Count int64       `db:"count"`
}

// CountStates counts the organizations by state, for the operator. A state that none is in is left out.
func CountStates(ctx context.Context, t *sealed.ControlTx, into *[]StateCount) error {
	return sealed.ControlList(ctx, t, "control.states", `
		SELECT state, count(*) AS count FROM control.registry GROUP BY state ORDER BY count(*) DESC, state`, into)
}
