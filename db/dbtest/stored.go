package dbtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Letter is what a database keeps of one text that was saved in a proposal.
type Letter struct {
	Text     string
	Versions int // how often it is in the history
	Audited  int // how many audit rows say that those versions were saved
}

// Letters reads every text in the history of the proposals of a database, past row-level security, by the text. address is
// the superuser's. It fails the test for whatever is half stored: a version without its audit row or the reverse, a
// proposal that is not its latest version, a job whose changes and audit rows differ in number.
func Letters(t testing.TB, address string) map[string]Letter {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for what, sql := range halves {
		var n int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM ("+sql+") AS half").Scan(&n); err != nil || n > 0 {
			t.Errorf("%s: %d rows, %v", what, n, err)
		}
	}
	rows, err := conn.Query(ctx, letters)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Letter])
	if err != nil {
		t.Fatal(err)
	}
	byText := make(map[string]Letter, len(all))
	for _, l := range all {
		byText[l.Text] = l
	}
	return byText
}

const letters = `
	SELECT v.letter, count(*)::int, (sum((SELECT count(*) FROM analytics a
	         WHERE a.tenant_id = v.tenant_id AND a.entity_id = v.proposal_id AND a.event = 'proposal.saved' AND a.detail->>'version' = v.version::text)))::int
	FROM proposal_versions v WHERE v.version > 1 GROUP BY v.letter`

// halves find what must not be there, by what it is.
var halves = map[string]string{
	"a version that no audit row knows": `
		SELECT FROM proposal_versions v JOIN analytics s ON s.tenant_id = v.tenant_id AND s.entity_id = v.proposal_id AND s.event = 'proposal.started'
		WHERE v.version > 1 AND NOT EXISTS (SELECT FROM analytics a
		  WHERE a.tenant_id = v.tenant_id AND a.entity_id = v.proposal_id AND a.event = 'proposal.saved' AND a.detail->>'version' = v.version::text)`,
	"an audit row of a version that is not there": `
		SELECT FROM analytics a WHERE a.event = 'proposal.saved' AND NOT EXISTS (SELECT FROM proposal_versions v
		  WHERE v.tenant_id = a.tenant_id AND v.proposal_id = a.entity_id AND v.version::text = a.detail->>'version')`,
	"a proposal that is not its latest version": `
		SELECT FROM proposals p WHERE p.typing_by IS NULL AND NOT EXISTS (SELECT FROM proposal_versions v
		  WHERE v.tenant_id = p.tenant_id AND v.proposal_id = p.id AND v.version = p.version AND v.letter = p.letter)`,
	"a job whose moves and audit rows differ": `
		SELECT FROM jobs j WHERE EXISTS (SELECT FROM analytics a WHERE a.tenant_id = j.tenant_id AND a.entity_id = j.id AND a.event = 'job.triaged')
		  AND j.version - 1 <> (SELECT count(*) FROM analytics a WHERE a.tenant_id = j.tenant_id AND a.entity_id = j.id AND a.event = 'job.triaged')`,
}
