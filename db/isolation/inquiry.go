package isolation

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// inquiry is one question that was understood, and what has been found out.
type inquiry struct {
	*sealed.DB
	Answer
	home    place.Home
	tenant  place.Tenant
	state   place.State
	role    sealed.Role
	clerk   string
	columns []keyColumn // of the primary key, after the tenant
	keys    []string    // their values
	open    place.Access
	nowhere bool // there is no home to look in
	there   bool // the row is in this tenant, and can be seen there
}

// keyColumn is a column of a primary key.
type keyColumn struct {
	Name string `db:"name"`
	Type string `db:"type"`
}

func (i *inquiry) writes() bool { return i.Question.Operation != "select" }

// say adds a step.
func (i *inquiry) say(name string, outcome Outcome, detail string) {
	i.Steps = append(i.Steps, Step{Name: name, Outcome: outcome, Detail: detail})
}

var (
	clerkUser = regexp.MustCompile(`^user_[A-Za-z0-9]+$`)
	plainName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// understand checks the fields that say something by themselves.
func understand(q Question) (Question, error) {
	for _, f := range []struct {
		name  string
		value *string
	}{{"tenant", &q.Tenant}, {"member", &q.Member}, {"table", &q.Table}, {"id", &q.ID}, {"operation", &q.Operation}} {
		*f.value = strings.TrimSpace(*f.value)
		if !utf8.ValidString(*f.value) || strings.ContainsRune(*f.value, 0) || len(*f.value) > 400 {
			return q, &BadQuestion{f.name, "is not text that could be one"}
		}
	}
	if q.Operation == "" {
		q.Operation = Operations[0]
	}
	switch {
	case q.Tenant == "":
		return q, &BadQuestion{"tenant", "is needed: the id of an organization, or its slug"}
	case q.Member == "":
		return q, &BadQuestion{"member", "is needed: a Clerk user id, or the id of a row of users"}
	case !clerkUser.MatchString(q.Member) && !isUUID(q.Member):
		return q, &BadQuestion{"member", fmt.Sprintf("%q is neither a Clerk user id, user_…, nor the id of a row of users", q.Member)}
	case !slices.Contains(Operations, q.Operation):
		return q, &BadQuestion{"operation", fmt.Sprintf("%q is none of %s", q.Operation, strings.Join(Operations, ", "))}
	case q.Table == "" || q.ID == "":
		return q, &BadQuestion{map[bool]string{true: "table", false: "id"}[q.Table == ""], "is needed"}
	}
	return q, nil
}

// isUUID is stricter than uuid.Parse, which takes braces and the form without hyphens, too.
func isUUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// name finds the primary key of the table, and reads the id as its values. Every home has the same tables; the main place
// has one for certain.
func (i *inquiry) name(ctx context.Context) error {
	const where, schema = place.Main, "public"
	q := i.Question
	var names []struct {
		Name string `db:"name"`
	}
	err := sealed.Catalog(ctx, i.DB, where, `
		SELECT c.relname::text AS name FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p') ORDER BY 1`, &names, pgx.Identifier{schema}.Sanitize())
	if err != nil {
		return err
	}
	var all []string
	for _, n := range names {
		all = append(all, n.Name)
	}
	if !slices.Contains(all, q.Table) || !plainName.MatchString(q.Table) {
		return &BadQuestion{"table", fmt.Sprintf("%q is none of %s", q.Table, strings.Join(all, ", "))}
	}
	err = sealed.Catalog(ctx, i.DB, where, `
		SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type
		FROM pg_index x CROSS JOIN unnest(x.indkey) WITH ORDINALITY k (attnum, n) JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
		WHERE x.indisprimary AND x.indrelid = to_regclass($1) AND (k.n > 1 OR $2 = 'tenants') ORDER BY k.n`, &i.columns, i.table(schema), q.Table)
	if err != nil {
		return err
	}
	i.keys = strings.Split(q.ID, "/")
	if len(i.keys) != len(i.columns) {
		return &BadQuestion{"id", fmt.Sprintf("a row of %s is named by %s", q.Table, i.keyNames())}
	}
	for n, c := range i.columns {
		key, ok := value(c.Type, i.keys[n])
		if !ok {
			return &BadQuestion{"id", fmt.Sprintf("%q is no %s, which %s is", i.keys[n], c.Type, c.Name)}
		}
		i.keys[n] = key
	}
	return nil
}

func (i *inquiry) table(schema string) string {
	return pgx.Identifier{schema, i.Question.Table}.Sanitize()
}

func (i *inquiry) keyNames() string {
	names := make([]string, len(i.columns))
	for n, c := range i.columns {
		names[n] = c.Name
	}
	return strings.Join(names, "/")
}

// value is the text that Postgres takes for a value of a type that a primary key has; false when a person's text is none.
func value(typ, text string) (string, bool) {
	switch typ {
	case "uuid":
		return text, isUUID(text)
	case "integer":
		_, err := strconv.ParseInt(text, 10, 32)
		return text, err == nil
	case "timestamp with time zone":
		return instant(text)
	}
	return text, true
}

// instants are the forms of a time that a person may have at hand: RFC 3339, and what Postgres prints, which shortens the
// zone as far as it can.
var instants = []string{time.RFC3339, "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z07:00"}

// instant is written anew, because Go takes years and zones that Postgres raises an error for.
func instant(text string) (string, bool) {
	for _, form := range instants {
		if at, err := time.Parse(form, text); err == nil {
			at = at.UTC()
			return at.Format(time.RFC3339Nano), at.Year() >= 1 && at.Year() <= 9999
		}
	}
	return "", false
}

// where is the condition that chooses the row, with its arguments. The tenant is $1.
func (i *inquiry) where() (condition string, args []any) {
	parts := []string{"t." + key(i.Question.Table) + " = $1"}
	args = []any{i.Tenant}
	for n, c := range i.columns {
		parts = append(parts, fmt.Sprintf("t.%s = $%d::text::%s", pgx.Identifier{c.Name}.Sanitize(), n+2, c.Type))
		args = append(args, i.keys[n])
	}
	return strings.Join(parts, " AND "), args
}

// lowerFirst makes a sentence the end of another.
func lowerFirst(s string) string {
	if strings.HasPrefix(s, "SQLSTATE") || s == "" || !unicode.IsUpper(rune(s[0])) || len(s) > 1 && unicode.IsUpper(rune(s[1])) {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// key is the column that says whose row it is.
func key(table string) string {
	if table == "tenants" {
		return "id"
	}
	return "tenant_id"
}
