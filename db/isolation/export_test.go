package isolation

import (
	"context"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// What the tests of this package reach from outside it.

// Sign is sign.
var Sign = (*Report).sign

// Define is define.
var Define = define

// CanaryID is canaryID.
var CanaryID = canaryID

// Only narrows a proof to some contexts, attacks and objects; nothing is everything.
func (o ProofOptions) Only(contexts, attacks, objects []string) ProofOptions {
	o.only = selection{situations: contexts, attacks: attacks, objects: objects}
	return o
}

// Contexts are the names of all there are.
func Contexts() (all []string) {
	for _, s := range situations {
		all = append(all, s.name)
	}
	return all
}

// Attacks are the names of all there are.
func Attacks() (all []string) {
	for _, a := range everyAttack() {
		all = append(all, a[0])
	}
	return all
}

// Assault is everything that the matrix tries with statements, between two tenants whose rows are there for good: the
// statements that make them, and those of each attack by its name.
func Assault(ctx context.Context, d *sealed.DB, victim, self uuid.UUID) (makes []string, tries map[string][][]string, err error) {
	inv, err := takeInventory(ctx, d, place.Main)
	if err != nil {
		return nil, nil, err
	}
	x := &scene{breeder: newBreeder(inv.relations), inventory: inv, victim: canary{id: victim}, self: canary{id: self}, nobody: canary{id: uuid.New()}}
	for _, r := range x.order {
		for _, c := range []canary{x.victim, x.self} {
			for n := range r.rows() {
				makes = append(makes, r.insert(x.row(r, c, n)))
			}
		}
	}
	tries = map[string][][]string{}
	for _, r := range x.order {
		a := aim{scene: x, from: situations[0], on: r, there: true, whose: x.victim, row: x.breeder.row(r, x.victim, 0)}
		for _, by := range attacks {
			if by.sql != nil && (by.on == nil || by.on(r)) {
				tries[by.name] = append(tries[by.name], by.sql(a))
			}
		}
	}
	return makes, tries, nil
}

// Setting is a setting of a role.
type Setting struct{ Role, Name string }

// Unset are the settings that no role may have.
func Unset() (all []Setting) {
	for _, s := range settings {
		if s.pattern == "^$" {
			all = append(all, Setting{s.role, s.name})
		}
	}
	return all
}
