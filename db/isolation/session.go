package isolation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// reply is everything that a statement tells whoever runs it.
type reply struct {
	rows   int
	values string // of the rows, as text
	tag    string // the command tag, such as "UPDATE 0"
	code   string // SQLSTATE of the error, empty when there is none
	text   string // what else the error says
}

// String is the reply without what is only the name of a canary's row.
func (r reply) String() string {
	if r.code != "" {
		return unnamed(r.code + " " + r.text)
	}
	return unnamed(strings.TrimSpace(r.tag + " " + r.values))
}

// brief is the reply for a report: without any value that was shown, which in an installation that leaks may be anybody's.
func (r reply) brief() string {
	if r.code == "" {
		return r.tag
	}
	const most = 200
	if said := r.String(); len(said) <= most {
		return said
	}
	return r.String()[:most] + " …"
}

var names = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|canary[0-9a-f]{16}`)

// unnamed replaces ids and words, so that the replies about two rows can be compared.
func unnamed(s string) string { return names.ReplaceAllString(s, "…") }

// nothing tells whether the statement did nothing and showed nothing.
func (r reply) nothing() bool {
	return r.code == "" && r.rows == 0 && (!strings.Contains(r.tag, " ") || strings.HasSuffix(r.tag, " 0"))
}

// refused tells whether a policy or a missing grant refused the statement.
func (r reply) refused() bool { return r.code == "42501" }

// unwritable tells whether nobody could have written through the view that was named: it has no row to write.
func (r reply) unwritable() bool { return r.code == "55000" && readOnlyView.MatchString(r.text) }

var readOnlyView = regexp.MustCompile(`^cannot (insert into|update|delete from) view "[a-z_]+"`)

// session is a connection of the tenant role with its transaction. Statements are sent as text: everything in them is ours,
// and a pooler in transaction mode understands it.
type session struct {
	conn  *pgconn.PgConn
	err   error // why the connection is gone; nil while it is there
	dirty bool  // the last statement failed, or did what shall be undone
}

// send runs statements in one round trip. It returns the replies of those that were reached: the last may be an error.
func (s *session) send(ctx context.Context, statements ...string) []reply {
	results := s.conn.Exec(ctx, strings.Join(statements, ";\n"))
	var all []reply
	for results.NextResult() {
		result := results.ResultReader().Read()
		if result.Err != nil {
			break // Close has it too
		}
		r := reply{rows: len(result.Rows), tag: result.CommandTag.String()}
		var lines []string
		for _, values := range result.Rows {
			lines = append(lines, line(values))
		}
		r.values = strings.Join(lines, "\n")
		all = append(all, r)
	}
	if err := results.Close(); err != nil {
		all = append(all, s.failed(err))
	}
	return all
}

func line(values [][]byte) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = string(v)
	}
	return strings.Join(parts, " ")
}

// failed is err as a reply.
func (s *session) failed(err error) reply {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Severity == "FATAL" {
		s.err = errors.Join(s.err, err)
		return reply{code: "connection", text: "the connection broke"}
	}
	said := []string{pg.Message, pg.Detail, pg.Hint, pg.SchemaName, pg.TableName, pg.ColumnName, pg.ConstraintName}
	return reply{code: pg.Code, text: strings.TrimRight(strings.Join(said, "|"), "|")}
}

// must runs statements that do not fail in a sound installation.
func (s *session) must(ctx context.Context, statements ...string) error {
	all := s.send(ctx, statements...)
	if last := all[len(all)-1]; last.code != "" {
		name, _, _ := strings.Cut(statements[len(all)-1], "(") // what follows may be a token
		return errors.Join(fmt.Errorf("%s: %s", name, last.brief()), s.err)
	}
	return nil
}

// begin begins a transaction as the application does, with limits that keep it from holding up anybody.
func (s *session) begin(ctx context.Context) error {
	return s.must(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", "SET LOCAL statement_timeout = '2s'", "SET LOCAL lock_timeout = '200ms'",
		"SET LOCAL idle_in_transaction_session_timeout = '20s'")
}

// The mark is what attacks are rolled back to: the canaries are there and the context is open.
const (
	setMark = "SAVEPOINT canaries"
	toMark  = "ROLLBACK TO SAVEPOINT canaries"
	keep    = "RELEASE SAVEPOINT canaries"
)

// back goes back to the mark before whatever is sent next. What a statement that did nothing may have done all the same, by
// a trigger, stays behind the mark: the checksum shall find it.
func (s *session) back() []string {
	if s.dirty {
		return []string{toMark}
	}
	return []string{keep, setMark}
}

// attempt runs attack and then after behind the mark, in one round trip. It returns the reply to the last statement of
// attack, or to the one that failed, and that to the last of after if it got that far.
func (s *session) attempt(ctx context.Context, attack, after []string) (got reply, then *reply) {
	statements := slices.Concat(s.back(), attack, after)
	at := len(statements) - len(after) - 1
	all := s.send(ctx, statements...)
	last := all[len(all)-1]
	s.dirty = !last.nothing() || len(attack)+len(after) != 1
	if len(all) <= at {
		return last, nil
	}
	if len(all) == len(statements) && len(after) > 0 {
		then = &last
	}
	return all[at], then
}

// clean goes back to the mark, for what is not sent by attempt and must be undone.
func (s *session) clean(ctx context.Context) {
	s.send(ctx, s.back()...)
	s.dirty = true
}

// end rolls back.
func (s *session) end(ctx context.Context) error { return s.must(ctx, "ROLLBACK") }
