package sealed_test

import (
	"context"
	"strings"
	"testing"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

func TestAnErrorDoesNotRepeatAValue(t *testing.T) {
	t.Parallel()
	d, n := one(t)
	const secret = "Canary7q"
	type text struct {
		N string `db:"n"`
	}
	peek := func(sql string, args ...any) func(context.Context) error {
		return func(ctx context.Context) error {
			var into number
			return sealed.Peek(ctx, d, "peek", sql, &into, args...)
		}
	}
	view := func(sql string, args ...any) func(context.Context) error {
		return func(ctx context.Context) error {
			var into []number
			return d.Read(ctx, n.Actor(db.Viewer), func(v *db.View) error {
				sealed.List(v, "view", sql, &into, args...)
				return v.Load()
			})
		}
	}
	find := func(sql string, args ...any) func(context.Context) error {
		return func(ctx context.Context) error {
			var into []number
			return d.Write(ctx, n.Actor(db.Viewer), func(ctx context.Context, tx *db.Tx) error {
				return sealed.FindAll(ctx, tx, "find", sql, &into, args...)
			})
		}
	}
	change := func(ctx context.Context) error {
		return d.Write(ctx, n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
			return sealed.Change(ctx, tx, sealed.Event{Name: "test.changed"},
				sealed.Exec("change", "UPDATE users SET name = name WHERE tenant_id = $1 AND length(name) = $2::text::int", secret))
		})
	}
	plane := func(ctx context.Context) error {
		var into []text
		return d.Control(ctx, func(tx *db.ControlTx) error {
			return sealed.ControlList(ctx, tx, "plane", "SELECT ($1::text)::date::text AS n", &into, secret)
		})
	}
	for what, fails := range map[string]func(context.Context) error{
		"a cast":                peek("SELECT $1::text::int AS n", secret),
		"an argument":           peek("SELECT $1::int AS n", secret),
		"a column":              peek("SELECT $1::text AS n", secret),
		"a cast of a view":      view("SELECT $2::text::int AS n WHERE $1::uuid IS NOT NULL", secret),
		"an argument of a view": view("SELECT $2::int AS n WHERE $1::uuid IS NOT NULL", secret),
		"a column of a view":    view("SELECT $2::text AS n WHERE $1::uuid IS NOT NULL", secret),
		"a cast of a find":      find("SELECT $2::text::int AS n WHERE $1::uuid IS NOT NULL", secret),
		"an argument of a find": find("SELECT $2::int AS n WHERE $1::uuid IS NOT NULL", secret),
		"a column of a find":    find("SELECT $2::text AS n WHERE $1::uuid IS NOT NULL", secret),
		"a cast of a change":    change,
		"a cast of the plane":   plane,
		"a list as an argument": view("SELECT 1 AS n WHERE $1::uuid = ANY($2::uuid[])", []string{secret}),
	} {
		if err := fails(t.Context()); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "withheld") {
			t.Errorf("%s fails with %v", what, err)
		}
	}
}
