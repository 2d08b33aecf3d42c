// Package member holds the people of an organization: the users rows that are the only authority to act in it.
package member

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Put makes somebody a member, or brings the row in step with Clerk: a person who was removed and has come back gets the
// old row again, so that their proposals stay theirs.
func Put(ctx context.Context, tx *db.Tx, clerkUser, email, name string, role db.Role) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "member.joined", Entity: "member", ID: id, Detail: map[string]any{"name": name, "role": role}},
		sealed.Exec("member.put", `
			INSERT INTO users (tenant_id, id, clerk_id, email, name, role) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (tenant_id, clerk_id) DO UPDATE
			SET email = excluded.email, name = excluded.name, role = excluded.role, removed_at = NULL`,
			id, clerkUser, strings.ToLower(email), name, role))
}

// Remove takes the right to act in the organization away, from the next request on. The row stays: what the person
// wrote still has an author.
func Remove(ctx context.Context, tx *db.Tx, clerkUser string) error {
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "member.removed", Entity: "member", Detail: map[string]any{"clerk_user": clerkUser}},
		sealed.Exec("member.remove", `UPDATE users SET removed_at = now() WHERE tenant_id = $1 AND clerk_id = $2 AND removed_at IS NULL`, clerkUser))
}

// Row is a member as the tenant has it.
type Row struct {
	ID      uuid.UUID `db:"id"`
	ClerkID string    `db:"clerk_id"`
	Email   string    `db:"email"`
	Name    string    `db:"name"`
	Role    db.Role   `db:"role"`
	Removed bool      `db:"removed"`
}

// Find reads the row of a person in the transaction; db.ErrNotFound when there was never one.
func Find(ctx context.Context, tx *db.Tx, clerkUser string) (Row, error) {
	var r Row
	err := sealed.Find(ctx, tx, "member.find", `
		SELECT id, clerk_id, email, name, role, removed_at IS NOT NULL AS removed
		FROM users WHERE tenant_id = $1 AND clerk_id = $2`, &r, clerkUser)
	return r, err
}

// Choice is a member as a list to choose from has it.
type Choice struct {
	ID   uuid.UUID `db:"id"`
	Name string    `db:"name"`
	Left bool      `db:"has_left"` // is no member any more
}

// Choices queues the present members by name, at most 200.
func Choices(v *db.View, into *[]Choice) {
	sealed.List(v, "member.choices", `
		SELECT id, name, false AS has_left FROM users WHERE tenant_id = $1 AND removed_at IS NULL ORDER BY lower(name), id LIMIT 200`, into)
}

// Everybody queues the members by name, those who have left included, at most 500.
func Everybody(v *db.View, into *[]Choice) {
	sealed.List(v, "member.everybody", `
		SELECT id, name, removed_at IS NOT NULL AS has_left FROM users
		WHERE tenant_id = $1 ORDER BY lower(name), id LIMIT 500`, into)
}

// Name is that of a present member; db.ErrNotFound when there is none of that id.
func Name(ctx context.Context, tx *db.Tx, id uuid.UUID) (string, error) {
	var row struct {
		Name string `db:"name"`
	}
	err := sealed.Find(ctx, tx, "member.name", `SELECT name FROM users WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL`, &row, id)
	return row.Name, err
}
