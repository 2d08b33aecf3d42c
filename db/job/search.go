package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// MaxSearches is how many searches one member can keep.
const MaxSearches = 20

// Search is a filter that a member keeps under a name.
type Search struct {
	ID      uuid.UUID `db:"id"`
	Name    string    `db:"name"`
	Address string    `db:"address"` // of the list, behind "?"
	Default bool      `db:"is_default"`
	Unread  int       `db:"unread"` // jobs that came since the member last opened it, at most 100
	More    bool      `db:"more"`   // Unread is at least that: so many jobs came that not all were looked at
}

// arrivals is how many of the jobs that came last are looked at for what is new in a search.
const arrivals = 300

// searchesSQL counts by the conditions of the list. The names of a row of arrived hide those of the criteria, which are
// therefore written with their c.
var searchesSQL = func() string {
	var columns, terms []string
	for _, c := range conditions {
		value := "c." + c.name
		sql := c.sql
		if c.name == "query" {
			sql = "j.search @@ websearch_to_tsquery('english', %s)" // of a few hundred rows, where the list asks an index of all
		}
		columns = append(columns, c.name+" "+c.kind)
		terms = append(terms, "("+value+" IS NULL OR "+fmt.Sprintf(sql, value)+")")
	}
	return fmt.Sprintf(`
		WITH mine AS (
		  SELECT s.* FROM saved_searches s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
		  WHERE s.tenant_id = $1 AND u.tenant_id = $1 AND u.clerk_id = $2),
		arrived AS MATERIALIZED (
		  SELECT * FROM jobs WHERE tenant_id = $1 AND first_seen_at > (SELECT min(looked_at) FROM mine)
		  ORDER BY first_seen_at DESC LIMIT %d)
		SELECT m.id, m.name, m.address, m.is_default, (SELECT count(*) FROM arrived) >= %[1]d AS more,
		       (SELECT count(*) FROM (SELECT FROM arrived j WHERE j.first_seen_at > m.looked_at AND %s LIMIT 100) n)::int AS unread
		FROM mine m CROSS JOIN LATERAL jsonb_to_record(m.criteria) AS c (%s)
		ORDER BY lower(m.name), m.id`, arrivals, strings.Join(terms, " AND "), strings.Join(columns, ", "))
}()

// Searches queues the searches that a member keeps, by name, with what is new in each. mine is the Clerk user id of who
// asks.
func Searches(v *db.View, mine string, into *[]Search) {
	sealed.List(v, "job.searches", searchesSQL, into, mine)
}

// ErrTooMany says that a member keeps as many searches as one can.
var ErrTooMany = errors.New("job: too many saved searches")

// SaveSearch keeps a filter of the acting member's under a name; one of that name is replaced.
func SaveSearch(ctx context.Context, tx *db.Tx, name, address string, f Filter) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	criteria, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return sealed.Change(ctx, tx, sealed.Event{Name: "search.saved", Entity: "search", ID: id, Detail: map[string]any{"name": name}},
		sealed.ExecOne(ErrTooMany, "search.save", `
			INSERT INTO saved_searches AS s (tenant_id, id, user_id, name, address, criteria)
			SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM saved_searches WHERE tenant_id = $1 AND user_id = $3 AND name <> $4) < $7
			ON CONFLICT (tenant_id, user_id, name) DO UPDATE SET address = excluded.address, criteria = excluded.criteria, looked_at = now()`,
			id, tx.Member().ID, name, address, criteria, MaxSearches))
}

// LockSearch reads a search of the acting member's and holds its row; db.ErrNotFound when the member has none of that id.
func LockSearch(ctx context.Context, tx *db.Tx, id uuid.UUID) (Search, error) {
	var s Search
	err := sealed.Lock(ctx, tx, "search.lock", `
		SELECT id, name, address, is_default, 0 AS unread, false AS more FROM saved_searches
		WHERE tenant_id = $1 AND id = $2 AND user_id = $3`, &s, id, tx.Member().ID)
	return s, err
}

// LookAt notes that the member has looked at what a search finds.
func LookAt(ctx context.Context, tx *db.Tx, s Search) error {
	return changeSearch(ctx, tx, "search.opened", s, `UPDATE saved_searches SET looked_at = now() WHERE tenant_id = $1 AND id = $2`)
}

// RenameSearch returns db.ErrConflict when the member has another search of that name.
func RenameSearch(ctx context.Context, tx *db.Tx, s Search, name string) error {
	s.Name = name
	return changeSearch(ctx, tx, "search.renamed", s, `
		UPDATE saved_searches s SET name = $3 WHERE s.tenant_id = $1 AND s.id = $2
		  AND NOT EXISTS (SELECT FROM saved_searches o WHERE o.tenant_id = $1 AND o.user_id = s.user_id AND o.name = $3 AND o.id <> s.id)`, name)
}

// DeleteSearch lets go of a search.
func DeleteSearch(ctx context.Context, tx *db.Tx, s Search) error {
	return changeSearch(ctx, tx, "search.deleted", s, `DELETE FROM saved_searches WHERE tenant_id = $1 AND id = $2`)
}

// SetDefault makes a search the one that the list opens with, or no longer.
func SetDefault(ctx context.Context, tx *db.Tx, s Search, on bool) error {
	return sealed.Change(ctx, tx, sealed.Event{Name: "search.default", Entity: "search", ID: s.ID, Detail: map[string]any{"name": s.Name, "default": on}},
		sealed.Exec("search.undefault", `UPDATE saved_searches SET is_default = false WHERE tenant_id = $1 AND user_id = $2 AND is_default`, tx.Member().ID),
		sealed.ExecOne(db.ErrConflict, "search.default", `UPDATE saved_searches SET is_default = $3 WHERE tenant_id = $1 AND id = $2`, s.ID, on))
}

func changeSearch(ctx context.Context, tx *db.Tx, event string, s Search, sql string, args ...any) error {
	return sealed.Change(ctx, tx, sealed.Event{Name: event, Entity: "search", ID: s.ID, Detail: map[string]any{"name": s.Name}},
		sealed.ExecOne(db.ErrConflict, event, sql, append([]any{s.ID}, args...)...))
}
