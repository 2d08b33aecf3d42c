package isolation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/pooler"
)

// ProofOptions says how a proof reaches the database.
type ProofOptions struct {
	Pooled   bool         // the tenant role is configured to go through a pooler in transaction mode
	Embedded bool         // the server is ours: a pooler of our own is run before it for the proof
	Progress func(string) // takes a line now and then; nil: nobody listens
	only     selection
}

// The paths to a database.
const (
	direct = "direct"
	pooled = "PgBouncer in transaction mode"
)

// ErrProving says that another proof is under way and did not end in time.
var ErrProving = errors.New("another proof is under way")

// Prove tries, as the tenant role itself, everything that could show or change another tenant's data, or tell whether it is
// there: every attack on every object that the catalog has, from every context, on every path. It is safe on a live
// system: its own rows exist within transactions that are rolled back only, live rows are read with a limit and never
// shown, nothing waits for a lock longer than a moment. Two that run at once take turns. The report is signed.
//
// An error says that the proof could not be made; what it found is in the report only.
func Prove(ctx context.Context, d *sealed.DB, o ProofOptions) (Report, error) {
	began := time.Now()
	p := &proof{db: d, options: o, ledger: newLedger(o.Progress)}
	if err := p.run(ctx); err != nil {
		return Report{}, fmt.Errorf("prove: %w", err)
	}
	r := p.ledger.report(p.objects())
	r.Started, r.ServerVersion, r.Paths = began.UTC().Truncate(time.Millisecond), p.version, p.paths()
	r.TookMS = int(time.Since(began).Milliseconds())
	if err := r.sign(d); err != nil {
		return Report{}, fmt.Errorf("prove: %w", err)
	}
	return r, nil
}

// proof is one that is being made.
type proof struct {
	db      *sealed.DB
	options ProofOptions
	*ledger
	inventory
	version string
	missing string // why there is no pooled path
}

// run holds the turn from the first canary to the last.
func (p *proof) run(ctx context.Context) (err error) {
	fence, err := sealed.DialFence(ctx, p.db, place.Main)
	if err != nil {
		return err
	}
	after := context.WithoutCancel(ctx)
	defer fence.Close(after) // and with it goes the turn
	if err := takeTurn(ctx, fence); err != nil {
		return err
	}
	if p.inventory, err = takeInventory(ctx, p.db, place.Main); err != nil {
		return err
	}
	if err := fence.QueryRow(ctx, "SELECT split_part(current_setting('server_version'), ' ', 1)").Scan(&p.version); err != nil {
		return err
	}
	if err := removeCanaries(ctx, fence); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeCanaries(after, fence)) }()
	return p.everyPath(ctx)
}

// turn is the advisory lock of proofs: any number that nothing else here uses.
const turn = 0x70726f76

// patience with a proof that another process is making.
const turnPatience = 2 * time.Minute

// takeTurn polls, so that an interrupted proof does not leave a session that waits.
func takeTurn(ctx context.Context, fence *pgx.Conn) error {
	for deadline := time.Now().Add(turnPatience); ; {
		var taken bool
		if err := fence.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", turn).Scan(&taken); err != nil || taken {
			return err
		}
		if time.Now().After(deadline) {
			return ErrProving
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// canaries is how many a proof may raise, at most.
const canaries = 8

// removeCanaries takes down what stands behind the fence for proofs: of this one, or of one that was killed.
func removeCanaries(ctx context.Context, fence *pgx.Conn) error {
	ids := make([]uuid.UUID, canaries)
	for i := range ids {
		ids[i] = canaryID(i)
	}
	_, err := fence.Exec(ctx, "DELETE FROM app.fence WHERE tenant_id = ANY ($1)", ids)
	return err
}

// everyPath proves the paths that there are, at the same time.
func (p *proof) everyPath(ctx context.Context) error {
	paths := map[string]func(context.Context) (*pgx.Conn, error){
		direct: func(ctx context.Context) (*pgx.Conn, error) { return sealed.Dial(ctx, p.db, place.Main) },
	}
	if p.options.Pooled {
		paths[pooled] = paths[direct]
		paths[direct] = func(ctx context.Context) (*pgx.Conn, error) { return sealed.DialServer(ctx, p.db) }
	}
	if p.options.Embedded {
		through, stop, err := p.startPooler(ctx)
		if err != nil && !errors.Is(err, pooler.ErrMissing) {
			return err
		}
		if err == nil {
			defer stop()
			paths[pooled] = through
		} else {
			p.missing = err.Error()
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		first error
		n     int
	)
	for name, dial := range paths {
		numbers := n
		n += 3
		all.Go(func() {
			if err := p.path(ctx, name, dial, numbers); err != nil {
				mu.Lock()
				defer mu.Unlock()
				first = cmp.Or(first, err)
				cancel()
			}
		})
	}
	all.Wait()
	return first
}

// startPooler runs a pooler before the embedded server, for as long as the proof takes.
func (p *proof) startPooler(ctx context.Context) (func(context.Context) (*pgx.Conn, error), func(), error) {
	conn, err := sealed.Dial(ctx, p.db, place.Main)
	if err != nil {
		return nil, nil, err
	}
	server := conn.Config().ConnString()
	role := conn.Config().User
	conn.Close(context.WithoutCancel(ctx))
	if !filepath.IsAbs(conn.Config().Host) {
		return nil, nil, pooler.ErrMissing
	}
	run, err := pooler.Start(ctx, server, []string{role}, nil)
	if err != nil {
		return nil, nil, err
	}
	through := func(ctx context.Context) (*pgx.Conn, error) { return sealed.DialURL(ctx, run.URL(server)) }
	return through, func() { _ = run.Stop() }, nil // what it has left is in a directory for temporary files
}

// path proves one path with canaries of its own: two transactions that insert the same row would wait for each other.
func (p *proof) path(ctx context.Context, name string, dial func(context.Context) (*pgx.Conn, error), number int) error {
	fence, err := sealed.DialFence(ctx, p.db, place.Main)
	if err != nil {
		return err
	}
	defer fence.Close(context.WithoutCancel(ctx))
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	x := &scene{breeder: newBreeder(p.relations), inventory: p.inventory}
	if x.victim, err = p.raise(ctx, number); err != nil {
		return err
	}
	if x.self, err = p.raise(ctx, number+1); err != nil {
		return err
	}
	x.nobody = p.canary(number + 2)
	t := &trial{ctx: ctx, path: name, dial: dial, fence: fence, session: &session{conn: conn.PgConn()}, scene: x, ledger: p.ledger, only: p.options.only, own: p.options.Embedded, told: map[string]bool{}}
	if err := t.rehearse(); err != nil {
		return err
	}
	return t.run()
}

// epoch is that of every canary: there is one before it.
const epoch = 2

func (p *proof) canary(n int) canary {
	t := place.Tenant{ID: canaryID(n), Model: place.Shared, Place: place.Main, Epoch: epoch}
	c := canary{id: t.ID, token: sealed.Token(p.db, t)}
	t.Epoch--
	c.old = sealed.Token(p.db, t)
	return c
}

// raise puts a canary behind the fence.
func (p *proof) raise(ctx context.Context, n int) (canary, error) {
	t := place.Tenant{ID: canaryID(n), Model: place.Shared, Place: place.Main, Epoch: epoch}
	return p.canary(n), p.db.RaiseFence(ctx, t, place.Active)
}

// objects are the names and kinds of everything in the inventory.
func (p *proof) objects() [][2]string {
	var all [][2]string
	for _, r := range p.relations {
		all = append(all, [2]string{r.Name, r.kind()})
	}
	for _, f := range p.routines {
		all = append(all, [2]string{f.Name, "function"})
	}
	return all
}

// paths says which were proven.
func (p *proof) paths() []Path {
	all := []Path{{Name: direct, Proven: true, Checks: p.tally("path", direct, "").Checks}}
	switch n := p.tally("path", pooled, "").Checks; {
	case n > 0:
		all = append(all, Path{Name: pooled, Proven: true, Checks: n})
	case p.missing != "":
		all = append(all, Path{Name: pooled, Note: p.missing})
	}
	return all
}
