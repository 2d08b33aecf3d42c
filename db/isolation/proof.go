package isolation

import (
	"context"
	"errors"
	"fmt"
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
	missing []Path // those that were not proven
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
	if err := p.sameVersion(ctx); err != nil {
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

// ErrOtherVersion says that the database and this program are not of one version, so a proof would speak of neither.
var ErrOtherVersion = errors.New("the database is not at the version of this program")

func (p *proof) sameVersion(ctx context.Context) error {
	found, err := (&examination{DB: p.db}).migrations(ctx, place.Main)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%w: %s: %s; %s", ErrOtherVersion, found[0].Object, found[0].Fault, found[0].Mend)
	}
	return err
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

// canariesOfPath is how many canaries a path has, and canaries how many a proof may raise, at most.
const (
	canariesOfPath = 3
	canaries       = 2 * canariesOfPath
)

// removeCanaries takes down what stands behind the fence for proofs: of this one, or of one that was killed.
func removeCanaries(ctx context.Context, fence *pgx.Conn) error {
	ids := make([]uuid.UUID, canaries)
	for i := range ids {
		ids[i] = canaryID(i)
	}
	_, err := fence.Exec(ctx, "DELETE FROM app.fence WHERE tenant_id = ANY ($1)", ids)
	return err
}

// route is a path with how to connect by it.
type route struct {
	name string
	dial func(context.Context) (*pgx.Conn, error)
}

// everyPath proves the paths that there are, at the same time.
func (p *proof) everyPath(ctx context.Context) error {
	routes, stop := p.routes(ctx)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	failed := make([]error, len(routes))
	for i, r := range routes {
		all.Go(func() {
			if failed[i] = p.path(ctx, r, canariesOfPath*i); failed[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// routes are the paths that can be proven. The one that the application takes is always among them; why the other is not,
// the report says.
func (p *proof) routes(ctx context.Context) (all []route, stop func()) {
	used := route{direct, func(ctx context.Context) (*pgx.Conn, error) { return sealed.Dial(ctx, p.db, place.Main) }}
	stop = func() {}
	switch {
	case p.options.Pooled:
		used.name = pooled
		past := route{direct, func(ctx context.Context) (*pgx.Conn, error) { return sealed.DialServer(ctx, p.db) }}
		conn, err := past.dial(ctx)
		if err != nil {
			p.progress("%s: %v", direct, err)
			p.missing = append(p.missing, Path{Name: direct, Note: "app_tenant cannot log in where CONTROL_DATABASE_URL leads to, past the pooler"})
			return []route{used}, stop
		}
		conn.Close(context.WithoutCancel(ctx))
		return []route{past, used}, stop
	case p.options.Embedded:
		through, end, err := p.startPooler(ctx)
		if errors.Is(err, pooler.ErrMissing) {
			p.missing = append(p.missing, Path{Name: pooled, Note: err.Error()})
		} else if err != nil {
			p.progress("%s: %v", pooled, err)
			p.missing = append(p.missing, Path{Name: pooled, Note: "PgBouncer could not be started here"})
		} else {
			return []route{used, through}, end
		}
	default:
		p.missing = append(p.missing, Path{Name: pooled, Note: "TENANT_DATABASE_URL leads past no pooler: nobody goes that way here"})
	}
	return []route{used}, stop
}

// startPooler runs a pooler before the embedded server, for as long as the proof takes.
func (p *proof) startPooler(ctx context.Context) (through route, stop func(), err error) {
	conn, err := sealed.Dial(ctx, p.db, place.Main)
	if err != nil {
		return route{}, nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	server := conn.Config().ConnString()
	run, err := pooler.Start(ctx, server, []string{conn.Config().User}, nil)
	if err != nil {
		return route{}, nil, err
	}
	dial := func(ctx context.Context) (*pgx.Conn, error) { return sealed.DialURL(ctx, run.URL(server)) }
	return route{pooled, dial}, func() { _ = run.Stop() }, nil // what it may leave is in a directory for temporary files
}

// path proves one path with canaries of its own: two transactions that insert the same row would wait for each other.
func (p *proof) path(ctx context.Context, by route, number int) error {
	fence, err := sealed.DialFence(ctx, p.db, place.Main)
	if err != nil {
		return err
	}
	defer fence.Close(context.WithoutCancel(ctx))
	conn, err := by.dial(ctx)
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
	t := &trial{ctx: ctx, path: by.name, dial: by.dial, fence: fence, session: &session{conn: conn.PgConn()}, scene: x, ledger: p.ledger, only: p.options.only, own: p.options.Embedded, told: map[string]bool{}}
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
	var all []Path
	for _, name := range []string{direct, pooled} {
		if n := p.tally("path", name, "").Checks; n > 0 {
			all = append(all, Path{Name: name, Proven: true, Checks: n})
		}
	}
	return append(all, p.missing...)
}
