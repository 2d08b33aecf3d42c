package isolation

import (
	"fmt"
	"strings"
)

// closedAttack is one on a relation that the tenant role has no business with: whatever it answers, it must be a refusal.
type closedAttack struct {
	name    string
	meaning string
	kinds   string // pg_class.relkind of those it fits
	sql     string // {name} stands for the relation, {column} for one of its columns
}

// The conditions are never true: where such a statement is not refused, that is found out, and nothing is changed.
var closedAttacks = []closedAttack{
	{"read what is closed", "read a relation that is not for tenants", "rpvmf", "SELECT * FROM {name} LIMIT 1"},
	{"write what is closed", "insert into it", "rpvf", "INSERT INTO {name} DEFAULT VALUES"},
	{"change what is closed", "change it", "rpvf", "UPDATE {name} SET {column} = DEFAULT WHERE false"},
	{"delete what is closed", "delete from it", "rpvf", "DELETE FROM {name} WHERE false"},
	{"copy what is closed", "COPY it to the client", "rpvmf", "COPY (SELECT * FROM {name} LIMIT 1) TO STDOUT"},
	{"empty what is closed", "TRUNCATE it", "rp", "TRUNCATE {name}"},
	{"lock what is closed", "LOCK it", "rpv", "LOCK TABLE {name} IN ACCESS SHARE MODE NOWAIT"},
	{"count with a sequence", "draw a number", "S", "SELECT nextval({literal})"},
	{"read a sequence", "read how far others have counted", "S", "SELECT last_value FROM {name}"},
}

// closed tries every attack on a relation that is closed.
func (t *trial) closed(s situation, r *relation) {
	for _, x := range closedAttacks {
		if !strings.Contains(x.kinds, r.Kind) || !selected(t.only.attacks, x.name) {
			continue
		}
		t.refuses(s, r.Name, x.name, strings.NewReplacer("{name}", r.Name, "{literal}", literal(r.Name), "{column}", r.first()).Replace(x.sql))
	}
}

// first is whichever column.
func (r *relation) first() string {
	if len(r.Columns) == 0 {
		return "ctid"
	}
	return r.Columns[0].Name
}

// refuses runs a statement that must be refused.
func (t *trial) refuses(s situation, object, attack, sql string) {
	got, _ := t.session.attempt(t.ctx, []string{sql}, nil)
	switch {
	case got.refused() || got.unwritable():
		t.passed(t.path, s.name, object, attack)
	case got.busy():
		t.breach(Unproven, t.path, s.name, object, attack, "no answer in time: "+got.brief())
	default:
		t.breach(Leak, t.path, s.name, object, attack, "answered "+got.brief())
	}
}

const (
	viewAttack    = "view"
	routineAttack = "function"
)

// view tries a view that the tenant role may read: it shows what is the situation's own, or nothing. Otherwise it is closed.
func (t *trial) view(s situation, r *relation) {
	for _, x := range closedAttacks[1:] {
		reads := strings.HasPrefix(x.sql, "COPY") || strings.HasPrefix(x.sql, "LOCK") // as its right to read allows
		if strings.Contains(x.kinds, r.Kind) && !reads && selected(t.only.attacks, x.name) {
			t.refuses(s, r.Name, x.name, strings.NewReplacer("{name}", r.Name, "{column}", r.first()).Replace(x.sql))
		}
	}
	if !selected(t.only.attacks, viewAttack) {
		return
	}
	if r.Key == "" {
		t.unprovable(s, r.Name, viewAttack, "it has no tenant_id that would tell whose its rows are")
		return
	}
	a := aim{scene: t.scene, from: s, on: r}
	got, _ := t.session.attempt(t.ctx, sweep(a), nil)
	ask := func(c canary) reply {
		said, _ := t.session.attempt(t.ctx, []string{fmt.Sprintf("SELECT * FROM %s WHERE %s = %s", r.Name, r.Key, literal(c.id.String()))}, nil)
		return said
	}
	has, hasNot := ask(t.victim), ask(t.nobody)
	switch {
	case !harmless(got) || !harmless(has):
		t.breach(Leak, t.path, s.name, r.Name, viewAttack, "it shows what is another tenant's")
	case has.String() != hasNot.String():
		t.breach(Oracle, t.path, s.name, r.Name, viewAttack, differ(has, hasNot))
	default:
		t.passed(t.path, s.name, r.Name, viewAttack)
	}
}

// probe is how a function that the tenant role may run is asked for what is another tenant's.
type probe struct {
	ask func(x *scene, of canary) []string // the reply to the last is judged
	own func(reply) bool                   // what the owner is told of its own; nil: the same as of another
}

// probes are the functions that the tenant role may run. One that is not in here is unproven.
var probes = map[string]probe{
	"app.set_tenant(uuid, text)": {ask: func(x *scene, of canary) []string {
		return append(open(of.id.String(), x.self.old), fmt.Sprintf("SELECT * FROM app.context WHERE tenant_id = %s", literal(of.id.String())))
	}},
	"public.search_jobs(text)": {ask: func(_ *scene, of canary) []string {
		return []string{fmt.Sprintf("SELECT public.search_jobs(%s)", literal(of.word("public.jobs", "title", 0)))}
	}, own: func(r reply) bool { return r.rows == 2 }},
}

// routine tries a function.
func (t *trial) routine(s situation, f routine) {
	if !selected(t.only.attacks, routineAttack) {
		return
	}
	p, known := probes[f.Name]
	switch {
	case !f.May && f.Call == "":
		t.passed(t.path, s.name, f.Name, routineAttack) // it runs as a trigger or within a query only, and not for this role
	case !f.May:
		t.refuses(s, f.Name, routineAttack, f.Call)
	case !known:
		t.unprovable(s, f.Name, routineAttack, "the tenant role may run it, and package isolation knows no probe of it")
	default:
		t.probe(s, f, p)
	}
}

func (t *trial) probe(s situation, f routine, p probe) {
	ask := func(of canary) reply {
		said, _ := t.session.attempt(t.ctx, p.ask(t.scene, of), nil)
		return said
	}
	has, hasNot := ask(t.victim), ask(t.nobody)
	switch {
	case !harmless(has):
		t.breach(Leak, t.path, s.name, f.Name, routineAttack, "answered "+has.brief())
	case has.String() != hasNot.String():
		t.breach(Oracle, t.path, s.name, f.Name, routineAttack, differ(has, hasNot))
	case p.own != nil && s.read && !p.own(ask(t.self)):
		t.breach(Unproven, t.path, s.name, f.Name, routineAttack, "the positive control is broken: it does not find one's own rows")
	default:
		t.passed(t.path, s.name, f.Name, routineAttack)
	}
}
