package db_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
)

// The list shows as many characters of a description, not bytes, and says when there are more; also after it has changed.
func TestTheListShowsTheBeginningOfADescription(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	n, conn := d.NewTenant(t), d.Connect(t, "postgres")
	id := uuid.New()
	_, err := conn.Exec(t.Context(), `
		INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source)
		VALUES ($1, $2, 'x', 'A job', now(), 'import')`, n.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	shown := func() (s string) {
		n.Read(t, db.Viewer, func(v *db.View) error {
			var rows []job.Row
			job.List(v, job.Filter{}, &rows)
			err := v.Load()
			if len(rows) == 1 {
				s = rows[0].Snippet
			}
			return err
		})
		return s
	}
	for _, c := range []struct{ description, want string }{
		{"", ""},
		{"Short.", "Short."},
		{strings.Repeat("é", 240), strings.Repeat("é", 240)},
		{strings.Repeat("é", 241), strings.Repeat("é", 240) + "…"},
		{strings.Repeat("🛠", 50_000), strings.Repeat("🛠", 240) + "…"},
	} {
		if _, err := conn.Exec(t.Context(), "UPDATE jobs SET description = $2 WHERE id = $1", id, c.description); err != nil {
			t.Fatal(err)
		}
		if got := shown(); got != c.want {
			t.Errorf("of %d bytes the list shows %q", len(c.description), got)
		}
	}
}
