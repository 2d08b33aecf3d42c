package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
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
	whole   string          // the checksum of the victim's rows
	careful bool            // it is taken after every attack
	own     bool            // the pooler on this path is ours: what a session keeps is lost with it
	told    map[string]bool // the objects that were said to be unprovable
}

// selection narrows a proof for tests. Its zero value is everything.
type selection struct {
	situations, attacks, objects []string
}

func selected(only []string, name string) bool { return len(only) == 0 || slices.Contains(only, name) }

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
		t.unprovable(s, r.Name, "canary", why)
	}
	if r.Key != "" {
		t.everyAttack(s, r, barren)
	}
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
				t.unprovable(s, r.Name, x.name, "there are no canaries in "+r.Foreign[k].Table)
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

// unprovable says once that there is nothing to try an attack with: in the next situation it is the same.
func (t *trial) unprovable(s situation, object, attack, why string) {
	if name := object + " " + attack; !t.told[name] {
		t.told[name] = true
		t.breach(Unproven, t.path, s.name, object, attack, why)
	}
}
