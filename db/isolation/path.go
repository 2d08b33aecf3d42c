package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/place"
)

// trial is the proof of one path: the scene, with a connection of the tenant role on that path and one that moves the fence.
type trial struct {
	ctx     context.Context // of the whole proof: a trial lives no longer
	path    string
	dial    func(context.Context) (*pgx.Conn, error)
	fence   *pgx.Conn
	session *session
	*scene
	*ledger
	only    selection
	whole   string // the checksum of the victim's rows
	careful bool   // it is taken after every attack
	own     bool   // the pooler on this path is ours: what a session keeps is lost with it
}

// selection narrows a proof for tests. Its zero value is everything.
type selection struct {
	situations, attacks, objects []string
}

func selected(only []string, name string) bool { return len(only) == 0 || slices.Contains(only, name) }

// rehearse makes every canary once, and leaves out what cannot be made. Whatever it leaves out is unproven.
func (t *trial) rehearse() error {
	if err := t.session.begin(t.ctx); err != nil {
		return err
	}
	if err := t.session.must(t.ctx, append(open(t.victim.id.String(), t.victim.token), setMark)...); err != nil {
		return err
	}
	t.before = t.session.send(t.ctx, "SELECT now()::text")[0].values
	sound := t.order[:0]
	for _, r := range slices.Clone(t.order) {
		if why := t.bred(r); why != "" {
			t.barren[r.Name] = why
			delete(t.tables, r.Name)
			continue
		}
		sound = append(sound, r)
	}
	t.order = sound
	for _, r := range t.relations {
		if t.tables[r.Root] != nil && r.Root != r.Name && r.reachable() {
			if got := t.session.send(t.ctx, setMark, "SELECT FROM "+r.Name+" LIMIT 1"); got[len(got)-1].rows == 0 {
				t.barren[r.Name] = "no canary lands in this partition"
			}
			t.session.send(t.ctx, toMark)
		}
	}
	return errors.Join(t.session.end(t.ctx), t.session.err)
}

// bred inserts the victim's rows of r, and says why that fails.
func (t *trial) bred(r *relation) string {
	for n := range r.rows() {
		all := t.session.send(t.ctx, setMark, r.insert(t.row(r, t.victim, n)))
		if last := all[len(all)-1]; last.code != "" {
			t.session.send(t.ctx, toMark)
			return "its canary was refused: " + last.brief()
		}
	}
	return ""
}

// run proves every situation, one after the other.
func (t *trial) run() error {
	for i, s := range situations {
		if !selected(t.only.situations, s.name) || s.kept && t.path != direct && !t.own {
			continue
		}
		t.progress("%s: context %d of %d, %s", t.path, i+1, len(situations), s.name)
		if err := t.situation(s); err != nil {
			return fmt.Errorf("%s, %s: %w", t.path, s.name, err)
		}
		if err := errors.Join(t.session.err, t.ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) situation(s situation) (err error) {
	if s.bare || s.kept {
		return t.bareSituation(s)
	}
	if err := t.enter(s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.leave(s)) }()
	t.objects(s)
	return nil
}

// enter opens a transaction with the canaries of both in it, and then the situation.
func (t *trial) enter(s situation) error {
	if err := t.session.begin(t.ctx); err != nil {
		return err
	}
	var statements []string
	for _, c := range []canary{t.victim, t.self} {
		statements = append(statements, open(c.id.String(), c.token)...)
		for _, r := range t.order {
			for n := range r.rows() {
				statements = append(statements, r.insert(t.row(r, c, n)))
			}
		}
	}
	statements = append(statements, "PREPARE canary_sum AS "+t.checksum())
	if err := t.session.must(t.ctx, statements...); err != nil {
		return err
	}
	if err := t.flip(s.state); err != nil {
		return err
	}
	all := t.session.send(t.ctx, t.sum()...)
	t.whole, t.session.dirty = all[len(all)-1].values, false
	return t.session.must(t.ctx, append(s.open(t.scene), setMark)...)
}

// sum reads the checksum as the victim.
func (t *trial) sum() []string {
	return append(open(t.victim.id.String(), t.victim.token), "EXECUTE canary_sum")
}

// checksum is the query of the victim's rows, all of them.
func (t *trial) checksum() string {
	parts := make([]string, len(t.order))
	for i, r := range t.order {
		parts[i] = fmt.Sprintf("SELECT %s || t::text AS r FROM %s t WHERE %s = %s", literal(r.Name), r.Name, r.Key, literal(t.victim.id.String()))
	}
	if len(parts) == 0 {
		return "SELECT 'no canaries'"
	}
	return "SELECT count(*) || ' ' || md5(string_agg(r, E'\\n' ORDER BY r)) FROM (" + strings.Join(parts, " UNION ALL ") + ") x"
}

// leave ends the transaction and lets the next find everything as it was.
func (t *trial) leave(s situation) error {
	ctx := context.WithoutCancel(t.ctx) // the fence is put back also when the proof was interrupted
	t.session.send(t.ctx, toMark, "DEALLOCATE canary_sum")
	err := t.session.end(t.ctx)
	if s.state == "" {
		return err
	}
	_, flipped := t.fence.Exec(ctx, flipSQL, t.self.id, place.Active)
	return errors.Join(err, flipped)
}

const flipSQL = "UPDATE app.fence SET state = $2 WHERE tenant_id = $1"

// flip changes the state of self while its transaction is open: its canaries were made as an active tenant's. It takes no
// lock of the tenant, which that transaction holds.
func (t *trial) flip(to place.State) error {
	if to == "" {
		return nil
	}
	_, err := t.fence.Exec(t.ctx, flipSQL, t.self.id, to)
	return err
}

// bareSituation is one without canaries, on a connection that no tenant was opened on before. What it may find is what
// is there: live rows, read with a limit.
func (t *trial) bareSituation(s situation) error {
	conn, err := t.dial(t.ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(t.ctx))
	used := t.session
	t.session = &session{conn: conn.PgConn()}
	defer func() { t.session = used }()
	if s.kept {
		if err := t.keep(); err != nil {
			return err
		}
	}
	if err := t.session.begin(t.ctx); err != nil {
		return err
	}
	if err := t.session.must(t.ctx, append(s.open(t.scene), setMark)...); err != nil {
		return err
	}
	t.objects(s)
	return errors.Join(t.session.end(t.ctx), t.session.err)
}

// keep lets the session keep the settings of a transaction that has opened self.
func (t *trial) keep() error {
	statements := append([]string{"BEGIN ISOLATION LEVEL READ COMMITTED"}, open(t.self.id.String(), t.self.token)...)
	for _, setting := range []string{"app.tenant_id", "app.tenant_token", "app.tenant_at"} {
		statements = append(statements, fmt.Sprintf("SELECT set_config('%[1]s', current_setting('%[1]s'), false)", setting))
	}
	return t.session.must(t.ctx, append(statements, "COMMIT")...)
}

// objects tries everything on every object in a situation.
func (t *trial) objects(s situation) {
	for _, r := range t.relations {
		if !selected(t.only.objects, r.Name) {
			continue
		}
		switch {
		case r.tenanted() && r.reachable():
			t.table(s, r)
		case r.Kind == "v" && r.Select:
			t.view(s, r)
		default:
			t.closed(s, r)
		}
	}
	for _, f := range t.routines {
		if selected(t.only.objects, f.Name) {
			t.routine(s, f)
		}
	}
}

// table tries every attack and every positive control on a table of tenants.
func (t *trial) table(s situation, r *relation) {
	why, barren := t.barren[r.Name], t.tables[r.Root] == nil || t.barren[r.Name] != ""
	if barren {
		t.unproven(s.name, r.Name, "canary", why)
	}
	t.everyAttack(s, r, barren)
	if barren {
		return
	}
	if !s.bare && t.changed() {
		t.attribute(s, r)
	}
	for _, c := range positives {
		if selected(t.only.attacks, c.name) && (!s.bare || c.write) {
			t.positive(s, r, c)
		}
	}
}

// attribute finds the attack that has changed the victim's rows without saying so, by trying them all again, each by itself.
func (t *trial) attribute(s situation, r *relation) {
	before := t.found()
	t.careful = true
	t.everyAttack(s, r, false)
	t.careful = false
	if t.found() == before {
		t.breach(Leak, t.path, s.name, r.Name, "trigger side effect", "rows of the other tenant have changed, once, and by a statement that did nothing")
	}
}

// changed tells whether the victim's rows are not what they were when it was last asked.
func (t *trial) changed() bool {
	before := t.whole
	if _, then := t.session.attempt(t.ctx, nil, t.sum()); then != nil {
		t.whole = then.values
	}
	return t.whole != before
}

func (t *trial) everyAttack(s situation, r *relation, barren bool) {
	for _, x := range attacks {
		if (barren || s.bare) && !x.bare || x.on != nil && !x.on(r) || !selected(t.only.attacks, x.name) {
			continue
		}
		times := 1
		if x.keys {
			times = len(r.Foreign)
		}
		for k := range times {
			if x.keys && t.tables[r.Foreign[k].Table] == nil {
				t.unproven(s.name, r.Name, x.name, "there are no canaries in "+r.Foreign[k].Table)
				continue
			}
			t.attack(s, r, x, k)
		}
	}
}

// attack points x at a row that the victim has, and at one that it has not, and judges.
func (t *trial) attack(s situation, r *relation, x attack, key int) {
	a := aim{scene: t.scene, from: s, on: r, there: true, whose: t.victim, row: t.row(r, t.victim, 0), key: key}
	got, changed := t.try(x, a)
	other := got
	if !x.once {
		a.there = false
		if a.row = t.row(r, t.victim, absent); r.single() {
			a.whose, a.row = t.nobody, t.row(r, t.nobody, 0)
		}
		var also bool
		other, also = t.try(x, a)
		changed = changed || also
	}
	t.judge(verdict{s, r, x, got, other, changed})
}

// patience with what a busy server answers: a lock or a statement that took too long is tried again.
const tries = 3

func (t *trial) try(x attack, a aim) (got reply, changed bool) {
	var then *reply
	for range tries {
		if x.via != nil {
			got, then = x.via(t, a)
		} else {
			var after []string
			if (x.alone || t.careful) && !a.from.bare {
				after = t.sum()
			}
			got, then = t.session.attempt(t.ctx, x.sql(a), after)
		}
		if !got.busy() {
			break
		}
	}
	return got, then != nil && then.values != t.whole
}

// positive runs a statement on the own rows.
func (t *trial) positive(s situation, r *relation, c positive) {
	actor := s.actor(t.scene)
	n := r.rows() - 1
	a := aim{scene: t.scene, from: s, on: r, there: true, whose: actor, row: t.row(r, actor, n)}
	got, _ := t.session.attempt(t.ctx, c.sql(a), nil)
	may := c.may(r) && (c.write && s.write || !c.write && s.read)
	switch {
	case may && !c.works(got):
		t.breach(Unproven, t.path, s.name, r.Name, c.name, "the positive control is broken: "+got.brief())
	case !may && !harmless(got):
		t.breach(Leak, t.path, s.name, r.Name, c.name, "it works where it must not: "+got.brief())
	default:
		t.passed(t.path, s.name, r.Name, c.name)
	}
}

func (t *trial) unproven(situation, object, attack, why string) {
	t.breach(Unproven, t.path, situation, object, attack, why)
}
