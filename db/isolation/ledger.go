package isolation

import (
	"fmt"
	"sync"
)

// maxBreaches is how many breaches a report lists: of more, nobody reads.
const maxBreaches = 200

// ledger counts what a proof has found. Paths are proven at the same time.
type ledger struct {
	mu       sync.Mutex
	checks   int
	kinds    map[Kind]int
	by       map[string]map[string]*Tally // what it concerned: path, context, object, attack
	breaches []Breach
	listener func(string)
}

func newLedger(listener func(string)) *ledger {
	return &ledger{kinds: map[Kind]int{}, by: map[string]map[string]*Tally{}, listener: listener}
}

// progress tells whoever listens, one line at a time.
func (l *ledger) progress(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		l.listener(fmt.Sprintf(format, args...))
	}
}

// passed enters a check that holds.
func (l *ledger) passed(path, context, object, attack string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(path, context, object, attack, 0)
}

// breach enters a check that does not.
func (l *ledger) breach(k Kind, path, context, object, attack, fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(path, context, object, attack, 1)
	l.kinds[k]++
	if len(l.breaches) < maxBreaches {
		l.breaches = append(l.breaches, Breach{Kind: k, Path: path, Context: context, Object: object, Attack: attack, Fault: fault})
	}
}

// found is how many breaches there are so far, on all paths.
func (l *ledger) found() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kinds[Leak] + l.kinds[Oracle] + l.kinds[Unproven]
}

func (l *ledger) count(path, context, object, attack string, breaches int) {
	l.checks++
	for of, name := range map[string]string{"path": path, "context": context, "object": object, "attack": attack} {
		if l.by[of] == nil {
			l.by[of] = map[string]*Tally{}
		}
		t := l.by[of][name]
		if t == nil {
			t = &Tally{Name: name}
			l.by[of][name] = t
		}
		t.Checks++
		t.Breaches += breaches
	}
}

// tally is what concerned name, which nothing may have.
func (l *ledger) tally(of, name, kind string) Tally {
	t := Tally{Name: name}
	if have := l.by[of][name]; have != nil {
		t = *have
	}
	t.Kind = kind
	return t
}

// report draws the figures.
func (l *ledger) report(objects [][2]string) Report {
	r := Report{Checks: l.checks, Leaks: l.kinds[Leak], Oracles: l.kinds[Oracle], Unproven: l.kinds[Unproven], Breaches: append([]Breach{}, l.breaches...)}
	r.OK = r.Checks > 0 && r.Leaks+r.Oracles+r.Unproven == 0
	for _, o := range objects {
		r.Objects = append(r.Objects, l.tally("object", o[0], o[1]))
	}
	for _, s := range situations {
		r.Contexts = append(r.Contexts, l.tally("context", s.name, s.meaning))
	}
	for _, a := range everyAttack() {
		r.Attacks = append(r.Attacks, l.tally("attack", a[0], a[1]))
	}
	return r
}

// everyAttack is the name and the meaning of each, in the order of the tables.
func everyAttack() [][2]string {
	var all [][2]string
	for _, x := range attacks {
		all = append(all, [2]string{x.name, x.meaning})
	}
	for _, c := range positives {
		all = append(all, [2]string{c.name, "the same on one's own row, which works where it may: the positive control"})
	}
	for _, x := range closedAttacks {
		all = append(all, [2]string{x.name, x.meaning})
	}
	return append(all, [2]string{viewAttack, "read a row of the other's, or any, through a view"}, [2]string{routineAttack, "have a function reach it"},
		[2]string{"canary", "put a row to attack into it"})
}
