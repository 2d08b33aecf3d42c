package isolation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
)

// Diagnosis is what Doctor found.
type Diagnosis struct {
	OK       bool     `json:"ok"`     // no finding
	Checks   int      `json:"checks"` // how many were made, over all places
	Findings Findings `json:"findings"`
}

// String is a line that counts, and one for each finding.
func (x Diagnosis) String() string {
	switch len(x.Findings) {
	case 0:
		return fmt.Sprintf("%d checks, no finding.", x.Checks)
	case 1:
		return fmt.Sprintf("%d checks, 1 finding:\n%s", x.Checks, x.Findings)
	}
	return fmt.Sprintf("%d checks, %d findings:\n%s", x.Checks, len(x.Findings), x.Findings)
}

// Options are what Doctor cannot see for itself.
type Options struct {
	Pooled bool             // the tenant connections are announced to go through a pooler in transaction mode
	Now    func() time.Time // the application's clock; nil is time.Now
}

// catalogs are the checks that ask the catalogs of a place, beyond those of Posture.
var catalogs = slices.Concat(grants, structure)

// examination is one run of Doctor, with what its looks share.
type examination struct {
	*sealed.DB
	Options
	registry map[uuid.UUID]entry
	offsets  map[string]time.Duration // by how much the clock of a place is ahead of ours
	migrated bool                     // the place that is being looked at has had some migration
	current  bool                     // and all of them, and no other
}

// look is a check, or several that are made in one go, that asks more than the catalogs.
type look struct {
	checks []string
	in     func(e *examination, ctx context.Context, place string) (Findings, error)
}

// looks are all of them, in their order.
var looks = []look{
	{[]string{"definitions"}, (*examination).definitions},
	{[]string{"clocks"}, (*examination).clocks},
	{[]string{"fences", "seals"}, (*examination).fences},
	{[]string{"pooler mode", "pooler announced", "pooler isolation", "pooler version"}, (*examination).pooler},
}

// Checks are the names of everything that Doctor looks at, in every place.
func Checks() []string {
	names := []string{"migrations", "server version", "row-level security"}
	for _, c := range slices.Concat(waysAround, roles, catalogs) {
		names = append(names, c.name)
	}
	for _, l := range looks {
		names = append(names, l.checks...)
	}
	return names
}

// Doctor looks at everything that isolation and its speed rest on, in every place. It changes nothing. An error says that
// it could not look.
func Doctor(ctx context.Context, d *sealed.DB, o Options) (Diagnosis, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &examination{DB: d, Options: o, offsets: map[string]time.Duration{}}
	findings := Findings{} // in JSON none is [], not null
	for _, name := range d.Places() {
		found, err := e.examine(ctx, name)
		if err != nil {
			return Diagnosis{}, err
		}
		findings = append(findings, found...)
	}
	return Diagnosis{OK: len(findings) == 0, Checks: len(Checks()) * len(d.Places()), Findings: findings}, nil
}

// examine looks at one place. Without the roles and the schema there is nothing more to ask: that is the finding then.
func (e *examination) examine(ctx context.Context, place string) (Findings, error) {
	findings, err := ask(ctx, e.DB, place, roles)
	if err != nil || slices.ContainsFunc(findings, func(f Finding) bool { return f.Fault == noRole }) {
		return findings, err
	}
	found, err := e.migrations(ctx, place)
	if err != nil || len(found) > 0 && !e.migrated {
		return append(findings, found...), err
	}
	findings = append(findings, found...)
	if found, err = posture(ctx, e.DB, place); err != nil {
		return nil, err
	}
	findings = append(findings, found...)
	if found, err = ask(ctx, e.DB, place, catalogs); err != nil {
		return nil, err
	}
	findings = append(findings, found...)
	for _, l := range looks {
		found, err := l.in(e, ctx, place)
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return findings, nil
}
