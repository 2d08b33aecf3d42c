package isolation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// rounds is how often the two clients of the probe take turns, and probeTime how long all of it may take: a pooler that has
// no server connection left lets its clients wait.
const (
	rounds    = 5
	probeTime = 20 * time.Second
)

// client is one of the two that look at what stands between them and the server.
type client struct {
	*pgx.Conn
	tenant uuid.UUID
	token  string
	pids   map[uint32]bool // of the server's processes that have answered it
}

// pooler takes turns with two clients, in tenants of their own, and looks whether one of them is shown a setting or a row
// of the other; whether a transaction is kept together; and whether they share server connections.
func (e *examination) pooler(ctx context.Context, where string) (Findings, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	clients, err := e.clients(ctx, where)
	defer func() {
		for _, c := range clients {
			_ = c.Close(context.WithoutCancel(ctx)) // of no use any more
		}
	}()
	if err != nil {
		return nil, err
	}
	findings, err := e.probe(ctx, where, clients)
	if err != nil {
		return nil, err
	}
	if !e.Pooled && shared(clients) {
		findings = append(findings, Finding{where, "pooler announced", "DB_POOLER", "there is a pooler before the server, and nobody has said so: prepared statements will fail",
			"set DB_POOLER=transaction"})
	}
	return append(findings, e.poolerVersion(ctx, where)...), nil
}

func (e *examination) clients(ctx context.Context, where string) ([]*client, error) {
	tenants := e.guests(where)
	var all []*client
	for _, t := range tenants {
		conn, err := sealed.Dial(ctx, e.DB, where)
		if err != nil {
			return all, err
		}
		all = append(all, &client{conn, t.ID, sealed.Token(e.DB, t), map[uint32]bool{}})
	}
	return all, nil
}

// guests are two tenants of a place, made up where there are none: then their context is refused, and settings are all
// that can be seen.
func (e *examination) guests(where string) []place.Tenant {
	var two []place.Tenant
	for _, r := range e.registry {
		if r.Place == where && r.Model == place.Shared && r.State == place.Active && len(two) < 2 {
			two = append(two, place.Tenant{ID: r.ID, Model: r.Model, Place: r.Place, Epoch: r.Epoch})
		}
	}
	for len(two) < 2 {
		two = append(two, place.Tenant{ID: uuid.New(), Model: place.Shared, Place: where, Epoch: 1})
	}
	return two
}

// probe takes the turns. It stops at the first finding: the next turns would only repeat it.
func (e *examination) probe(ctx context.Context, where string, clients []*client) (Findings, error) {
	for range rounds {
		for _, c := range clients {
			leak, err := c.turn(ctx)
			var pg *pgconn.PgError
			switch {
			case errors.As(err, &pg) && strings.HasPrefix(pg.Code, "42"):
				return nil, nil // a missing right or object, which other checks name
			case errors.As(err, &pg) && strings.HasPrefix(pg.Code, "08"): // how PgBouncer puts it
				return Findings{{where, "pooler mode", "connection of app_tenant", "a transaction of several statements fails (SQLSTATE " + pg.Code + ")",
					"let the pooler run in transaction mode, not in statement mode"}}, nil
			case err != nil:
				return nil, fmt.Errorf("pooler of %s: %w", where, err)
			case leak != "":
				return Findings{{where, "pooler isolation", "connection of app_tenant", leak,
					"find what sets app.tenant_id outside a transaction, for a session or for a role, and reconnect the pooler"}}, nil
			}
		}
	}
	return nil, nil
}

// turn is what one client does when it is its turn: it looks around before it has said who it is, says so, looks again,
// and leaves nothing behind. It returns what it was shown of somebody else.
func (c *client) turn(ctx context.Context) (leak string, err error) {
	tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after COMMIT
	leak, err = c.visit(ctx, tx)
	if err != nil || leak != "" {
		return leak, err
	}
	// Nothing was written; but what a transaction sets for the session stays only when it commits.
	return "", tx.Commit(ctx)
}

func (c *client) visit(ctx context.Context, tx pgx.Tx) (leak string, err error) {
	before, err := c.look(ctx, tx)
	if err != nil {
		return "", err
	}
	switch {
	case before.Setting != "":
		return "a setting of tenant " + before.Setting + " was there before anybody had set one", nil
	case before.Rows > 0:
		return "rows of tenants were shown before anybody had set one", nil
	}
	if _, err := tx.Exec(ctx, "SELECT app.set_tenant($1, $2)", pgx.QueryExecModeExec, c.tenant, c.token); err != nil {
		return "", err
	}
	after, err := c.look(ctx, tx)
	if err != nil {
		return "", err
	}
	switch {
	case after.Setting != c.tenant.String():
		return fmt.Sprintf("tenant %s was set, and %q is what the next statement saw", c.tenant, after.Setting), nil
	case after.Foreign > 0:
		return "rows of other tenants were shown", nil
	case after.PID != before.PID:
		return "a transaction went on in another server connection", nil
	}
	return "", nil
}

// sight is what a client is shown.
type sight struct {
	PID     uint32 `db:"pid"`
	Setting string `db:"setting"`
	Rows    int    `db:"rows"`
	Foreign int    `db:"foreign"`
}

func (c *client) look(ctx context.Context, tx pgx.Tx) (sight, error) {
	rows, err := tx.Query(ctx, `
		SELECT pg_backend_pid() AS pid, coalesce(current_setting('app.tenant_id', true), '') AS setting,
		       count(*) AS rows, count(*) FILTER (WHERE t.id <> $1) AS foreign
		FROM public.tenants t`, pgx.QueryExecModeExec, c.tenant)
	if err != nil {
		return sight{}, err
	}
	s, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[sight])
	if err == nil {
		c.pids[s.PID] = true
	}
	return s, err
}

// shared tells whether the clients, which were connected all the time, were answered by the same process, or one of them
// by several.
func shared(clients []*client) bool {
	seen := map[uint32]bool{}
	for _, c := range clients {
		for pid := range c.pids {
			if seen[pid] || len(c.pids) > 1 {
				return true
			}
			seen[pid] = true
		}
	}
	return false
}

// poolerFloor is the first PgBouncer without CVE-2021-3935, by which somebody in between could put statements before
// those of a client.
var poolerFloor = []int{1, 16, 1}

func (e *examination) poolerVersion(ctx context.Context, where string) Findings {
	version, known := sealed.PoolerVersion(ctx, e.DB, where)
	if !known || SupportedPooler(version) {
		return nil
	}
	return Findings{{where, "pooler version", "pooler", version + " has known holes", "upgrade it to PgBouncer 1.16.1 or later"}}
}

// SupportedPooler tells whether what PgBouncer says of itself, "PgBouncer 1.24.1", is a version that this software trusts.
func SupportedPooler(version string) bool {
	m := regexp.MustCompile(`^PgBouncer (\d+)\.(\d+)\.(\d+)`).FindStringSubmatch(version)
	if m == nil {
		return false
	}
	var have []int
	for _, part := range m[1:] {
		n, err := strconv.Atoi(part)
		if err != nil {
			return false
		}
		have = append(have, n)
	}
	return slices.Compare(have, poolerFloor) >= 0
}
