package isolation

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// counter counts the lines that COPY sends, each of which is the tenant of a row, and keeps none of them.
type counter struct {
	own        []byte
	mine, rest int
	cut        []byte // what came of a line that is not complete
}

// Write counts the lines that p completes.
func (c *counter) Write(p []byte) (int, error) {
	lines := bytes.Split(append(c.cut, p...), []byte("\n"))
	c.cut = bytes.Clone(lines[len(lines)-1])
	for _, l := range lines[:len(lines)-1] {
		if bytes.Equal(l, c.own) {
			c.mine++
		} else {
			c.rest++
		}
	}
	return len(p), nil
}

// copyOut copies the table out. The reply counts the rows that should not be there: those of others, and of one's own more
// than the situation allows.
func copyOut(t *trial, a aim) (reply, *reply) {
	actor := a.from.actor(a.scene)
	count := &counter{own: []byte(actor.id.String())}
	text := fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT", a.on.Key, a.on.Name)
	if a.on.Kind == "r" {
		text = fmt.Sprintf("COPY %s (%s) TO STDOUT", a.on.Name, a.on.Key)
	}
	t.session.clean(t.ctx)
	if _, err := t.session.conn.CopyTo(t.ctx, count, text); err != nil {
		return t.session.failed(err), nil
	}
	want := 0
	if a.from.read && !a.from.bare {
		want = a.on.rows()
	}
	if count.mine < want {
		return reply{code: blunt, text: "one's own rows are missing"}, nil
	}
	return reply{tag: fmt.Sprintf("COPY %d", count.rest+count.mine-want)}, nil
}

// copyIn copies the row in.
func copyIn(t *trial, a aim) (reply, *reply) {
	columns := slices.Sorted(maps.Keys(a.row))
	plain := make([]string, len(columns))
	for i, c := range columns {
		plain[i] = strings.ReplaceAll(strings.ReplaceAll(strings.Trim(a.row[c], "'"), "''", "'"), `\`, `\\`)
	}
	t.session.clean(t.ctx)
	tag, err := t.session.conn.CopyFrom(t.ctx, strings.NewReader(strings.Join(plain, "\t")+"\n"),
		fmt.Sprintf("COPY %s (%s) FROM STDIN", a.on.Name, strings.Join(columns, ", ")))
	if err != nil {
		return t.session.failed(err), nil
	}
	return reply{tag: tag.String()}, nil
}

// preparedPlan prepares a generic plan as the victim, uses it, changes to the situation and uses it again. A statement that
// is prepared outlives a rollback, and through a pooler its transaction: it is always given up.
func preparedPlan(t *trial, a aim) (reply, *reply) {
	var (
		attack = []string{"SET LOCAL plan_cache_mode = force_generic_plan"}
		use    = "EXECUTE canary_plan"
	)
	attack = append(attack, open(a.victim.id.String(), a.victim.token)...)
	attack = append(attack, fmt.Sprintf("PREPARE canary_plan AS SELECT * FROM %s WHERE %s", a.on.Name, a.on.where(a.row)), use)
	used := len(attack) - 1
	attack = append(attack, a.from.open(a.scene)...)
	attack = append(attack, use)
	t.session.clean(t.ctx)
	all := t.session.send(t.ctx, attack...)
	t.session.send(t.ctx, toMark, "DEALLOCATE canary_plan") // fails when it came to none
	got := all[len(all)-1]
	if a.there && got.code == "" && all[used].rows != 1 {
		return reply{code: blunt, text: "the plan shows nothing to whom it may"}, nil
	}
	return got, nil
}
