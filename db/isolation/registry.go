package isolation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/migrate"
	"upwork-ai-agent/db/place"
)

// migrations compares what a place has had with what this binary brings.
func (e *examination) migrations(ctx context.Context, where string) (Findings, error) {
	records, err := migrate.Records()
	if err != nil {
		return nil, err
	}
	var findings Findings
	e.migrated = false
	for _, r := range records {
		fault, mend, err := e.compare(ctx, where, r)
		if err != nil {
			return nil, err
		}
		if fault != "" {
			findings = append(findings, Finding{where, "migrations", "table " + r.Table, fault, mend})
		}
	}
	e.current = len(findings) == 0
	return findings, nil
}

func (e *examination) compare(ctx context.Context, where string, r migrate.Record) (fault, mend string, err error) {
	const behind = "run `migrate`"
	var table []struct {
		Is       bool `db:"is"`
		Readable bool `db:"readable"`
	}
	err = sealed.AtFence(ctx, e.DB, where, `
		SELECT c.oid IS NOT NULL AS is, coalesce(has_table_privilege(c.oid, 'SELECT'), false) AS readable
		FROM (VALUES ($1)) AS w (name) LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace) ON n.nspname || '.' || c.relname = w.name`, &table, r.Table)
	switch {
	case err != nil:
		return "", "", err
	case !table[0].Is:
		return "it is not there: nothing has been migrated", behind, nil
	}
	e.migrated = true
	if !table[0].Readable {
		return "the database is older than this program", behind, nil
	}
	var had []struct {
		Versions []string `db:"versions"`
	}
	err = sealed.AtFence(ctx, e.DB, where, "SELECT coalesce(array_agg(version::text ORDER BY version), '{}') AS versions FROM "+r.Table, &had)
	if err != nil {
		return "", "", err
	}
	if missing := without(r.Versions, had[0].Versions); len(missing) > 0 {
		return "the database has not had " + strings.Join(missing, ", "), behind, nil
	}
	if unknown := without(had[0].Versions, r.Versions); len(unknown) > 0 {
		return "a newer program has migrated it: this one does not know " + strings.Join(unknown, ", "), "run the newer program here, too", nil
	}
	return "", "", nil
}

// without is what all has and some has not.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// skew is how far clocks may be apart. Sessions and deadlines are minutes and hours.
const skew = 3 * time.Second

// clocks compares the clock of a place with ours, and with those of the places before it.
func (e *examination) clocks(ctx context.Context, where string) (Findings, error) {
	var clock []struct {
		Now time.Time `db:"now"`
	}
	before := e.Now()
	if err := sealed.AtFence(ctx, e.DB, where, "SELECT clock_timestamp() AS now", &clock); err != nil {
		return nil, err
	}
	trip := e.Now().Sub(before)
	ahead := clock[0].Now.Sub(before.Add(trip / 2))
	findings := apart(where, "the application's", ahead, trip)
	for other, offset := range e.offsets {
		findings = append(findings, apart(where, "that of place "+other, ahead-offset, trip)...)
	}
	e.offsets[where] = ahead
	return findings, nil
}

// apart is the finding that a clock is too far ahead of another, or behind it.
func apart(where, other string, ahead, trip time.Duration) Findings {
	if ahead.Abs() <= skew+trip {
		return nil
	}
	word := "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	return Findings{{where, "clocks", "clock of the server", fmt.Sprintf("it is %s %s %s", ahead.Abs().Round(time.Second), word, other),
		"let both machines follow NTP"}}
}

// entry is a tenant as the registry has it.
type entry struct {
	ID    uuid.UUID   `db:"tenant_id"`
	State place.State `db:"state"`
	Model place.Model `db:"isolation"`
	Place string      `db:"place"`
	Epoch int         `db:"epoch"`
	Young bool        `db:"young"` // made within the last minute: it may be on its way
}

// elsewhere are the states of a fence from which the registry may lead to another place: before a move has ended there,
// and after it.
var elsewhere = []place.State{place.Incoming, place.Moved, place.Erasing}

// fences compares the fence of a place with the registry, and its seals with our keys.
func (e *examination) fences(ctx context.Context, where string) (Findings, error) {
	fences, err := sealed.Fences(ctx, e.DB, where, nil)
	if err != nil {
		return nil, err
	}
	if e.registry == nil {
		if err := e.enlist(ctx); err != nil {
			return nil, err
		}
	}
	var findings Findings
	fenced := map[uuid.UUID]bool{}
	for _, f := range fences {
		if IsCanary(f.ID) { // of a proof that runs now
			continue
		}
		fenced[f.ID] = true
		findings = append(findings, e.fence(where, f)...)
	}
	for _, r := range e.registry {
		if r.Place == where && !r.Young && !fenced[r.ID] {
			findings = append(findings, r.finding(where, "it has no fence: nobody gets in",
				"let its owner sign in again, which raises the fence of a new organization; otherwise restore app.fence from a backup"))
		}
		if where == place.Main && !slices.Contains(e.Places(), r.Place) {
			findings = append(findings, r.finding(where, "its place "+r.Place+" is not configured: nobody gets in", "configure that place"))
		}
	}
	return findings, nil
}

func (r entry) finding(where, fault, mend string) Finding {
	return Finding{where, "fences", "tenant " + r.ID.String(), fault, mend}
}

// enlist reads the registry. It is read after the first fence: a tenant enters it before it gets one.
func (e *examination) enlist(ctx context.Context) error {
	var all []entry
	err := e.Control(ctx, func(tx *sealed.ControlTx) error {
		return sealed.ControlList(ctx, tx, "isolation.registry", `
			SELECT tenant_id, state, isolation, place, epoch, created_at > now() - interval '1 minute' AS young FROM control.registry`, &all)
	})
	e.registry = make(map[uuid.UUID]entry, len(all))
	for _, r := range all {
		e.registry[r.ID] = r
	}
	return err
}

// fence judges one.
func (e *examination) fence(where string, f sealed.Fence) Findings {
	var findings Findings
	add := func(check, fault, mend string) {
		findings = append(findings, Finding{where, check, "tenant " + f.ID.String(), fault, mend})
	}
	if !f.Opens {
		add("seals", "none of the configured keys opens it", "put the key that it was sealed with last into SEAL_KEYS")
	}
	r, known := e.registry[f.ID]
	switch {
	case !known:
		add("fences", "it has a fence, and the registry does not know it", "DELETE it FROM app.fence, once it is sure that nobody misses it")
	case r.Place != where:
		if !slices.Contains(elsewhere, f.State) {
			add("fences", "its fence is open here, and the registry says that it lives in "+r.Place, "set the state of one of the two fences to moved")
		}
	case r.Epoch != f.Epoch:
		add("fences", fmt.Sprintf("its fence is in epoch %d, the registry in epoch %d: nobody gets in", f.Epoch, r.Epoch), "set the epoch in control.registry to that of the fence")
	case r.State != f.State:
		add("fences", fmt.Sprintf("its fence says %s, which decides, and the registry says %s", f.State, r.State), "set the state in control.registry to that of the fence")
	}
	return findings
}
