// Package organization holds what a tenant knows about itself.
package organization

import (
	"context"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Put makes the tenant's own row, or renames it.
func Put(ctx context.Context, tx *db.Tx, name string) error {
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "organization.named", Entity: "organization", ID: tx.Tenant(), Detail: map[string]any{"name": name}},
		sealed.Exec("organization.put", `
			INSERT INTO tenants (id, name) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name`, name))
}
