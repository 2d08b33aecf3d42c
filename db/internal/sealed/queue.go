package sealed

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file is for package task, whose queue keeps its tables on the control plane and speaks to them itself.

// Plane is the pool of the control plane.
func Plane(d *DB) *pgxpool.Pool { return d.control }

// OnPlane runs fn on the driver's transaction behind t: what it enqueues is there when t commits, and only then. fn must
// neither end the transaction nor keep it.
func OnPlane(t *ControlTx, fn func(pgx.Tx) error) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	return t.stay.fail(classify(fn(t.plane)))
}
