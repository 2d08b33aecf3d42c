package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"upwork-ai-agent/db/place"
)

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
