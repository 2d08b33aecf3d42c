package sealed

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/place"
)

// This file is for package isolation: it proves from the outside, with SQL of its own, what the seam promises. What it gets
// here is what an attacker would want, so nothing of it is a method of DB, and nobody outside db can import this package.

// Dial opens a connection of app_tenant to a place, beside the pools and without their tracer. The caller closes it.
func Dial(ctx context.Context, d *DB, name string) (*pgx.Conn, error) {
	pool, ok := d.tenant[name]
	if !ok {
		return nil, place.ErrUnknown
	}
	return dial(ctx, pool.Config().ConnConfig.Copy())
}

// DialServer opens a connection of app_tenant to the server of the main place itself, as the control plane reaches it, with
// no pooler in between. The caller closes it.
func DialServer(ctx context.Context, d *DB) (*pgx.Conn, error) {
	c := d.control.Config().ConnConfig.Copy()
	tenant := d.tenant[place.Main].Config().ConnConfig
	c.User, c.Password = tenant.User, tenant.Password
	return dial(ctx, c)
}

// DialFence opens a connection of app_control to a place, beside the pools. The caller closes it.
func DialFence(ctx context.Context, d *DB, name string) (*pgx.Conn, error) {
	pool, err := d.fenceOf(name)
	if err != nil {
		return nil, err
	}
	return dial(ctx, pool.Config().ConnConfig.Copy())
}

// DialURL opens a connection to where url leads: to a pooler that is run for a proof. The caller closes it.
func DialURL(ctx context.Context, url string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("dial: not a connection string that pgx understands")
	}
	return dial(ctx, c)
}

func dial(ctx context.Context, c *pgx.ConnConfig) (*pgx.Conn, error) {
	c.Tracer = nil
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", classify(err))
	}
	return conn, nil
}

// Token is what opens t in SQL: the second argument of app.set_tenant.
func Token(d *DB, t place.Tenant) string { return d.keys[0].token(t.ID, t.Epoch) }

// SigningKeys are the keys that this installation signs its proofs with, one derived from each seal key, newest first.
func SigningKeys(d *DB) ([]ed25519.PrivateKey, error) {
	all := make([]ed25519.PrivateKey, len(d.keys))
	for i, k := range d.keys {
		seed, err := hkdf.Key(sha256.New, k.key[:], nil, "upwork-ai-agent proof signature", ed25519.SeedSize)
		if err != nil {
			return nil, fmt.Errorf("signing key: %w", err)
		}
		all[i] = ed25519.NewKeyFromSeed(seed)
	}
	return all, nil
}
