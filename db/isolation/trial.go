package isolation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// trial tries the write, in a transaction that is rolled back, and says what refused it: by class, and by the name of the
// constraint. The server's own words may repeat values, so they are not passed on.
func (i *inquiry) trial(ctx context.Context, tx pgx.Tx) error {
	if !i.writes() {
		return nil
	}
	if !i.there && i.Question.Operation != "insert" {
		i.say("trial", Unasked, "There is no row to try it on.")
		return nil
	}
	sql, args, err := i.attempt(ctx, tx)
	if err != nil {
		return err
	}
	s := Step{Name: "trial", Expression: sql}
	tag, err := tx.Exec(ctx, sql, args...)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		s.Outcome, s.Detail = i.read(refused)
	case err != nil:
		return err
	case tag.RowsAffected() == 0:
		s.Outcome, s.Detail = Refuses, "The statement found nothing that it may change."
	default:
		s.Outcome, s.Detail = Passes, fmt.Sprintf("The statement was taken, and rolled back. Rows that it touched itself: %d.", tag.RowsAffected())
	}
	i.Steps = append(i.Steps, s)
	return nil
}

// attempt is the statement: an update sets every column that may be set to what it is; an insert has its key, and nothing
// else that is not made by itself.
func (i *inquiry) attempt(ctx context.Context, tx pgx.Tx) (sql string, args []any, err error) {
	table := i.table(i.home.Schema)
	condition, args := i.where()
	switch i.Question.Operation {
	case "delete":
		return "DELETE FROM " + table + " t WHERE " + condition, args, nil
	case "update":
		var columns []string
		err := tx.QueryRow(ctx, `
			SELECT coalesce(array_agg(format('%1$I = t.%1$I', a.attname) ORDER BY a.attnum), '{}') FROM pg_attribute a
			WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND has_column_privilege($1, a.attnum, 'UPDATE')`, table).Scan(&columns)
		if err != nil {
			return "", nil, err
		}
		if len(columns) == 0 { // which is refused
			columns = []string{key(i.Question.Table) + " = t." + key(i.Question.Table)}
		}
		return "UPDATE " + table + " t SET " + strings.Join(columns, ", ") + " WHERE " + condition, args, nil
	}
	names, values := []string{}, []string{}
	if i.Question.Table != "tenants" {
		names, values = append(names, "tenant_id"), append(values, "$1")
	}
	for n, c := range i.columns {
		names, values = append(names, pgx.Identifier{c.Name}.Sanitize()), append(values, fmt.Sprintf("$%d::text::%s", n+2, c.Type))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(values, ", ")), args, nil
}

// refusals is what a refusal means, by SQLSTATE. %s is the constraint, where there is one.
var refusals = map[string]string{
	"42501": "a policy or a missing grant refuses it",
	"23505": "the unique constraint %s refuses it: the tenant has such a row already",
	"23503": "the foreign key %s refuses it: another row of the tenant points at this one, or it points at none",
	"23514": "the check %s refuses what the row would contain",
	"23P01": "the exclusion constraint %s refuses it",
	"25006": "the transaction may only read: the server is a standby, or read only",
	"40P01": "another transaction stands in its way",
	"55P03": "another transaction holds the row longer than lock_timeout allows",
	"57014": "it takes longer than statement_timeout allows",
}

// read says what an error means. A row of nothing but its key lacks what it must contain: by then the policies and grants
// have let it in.
func (i *inquiry) read(e *pgconn.PgError) (Outcome, string) {
	if e.Code == "23502" && i.Question.Operation == "insert" {
		return Passes, fmt.Sprintf("Grants and policies let it in (SQLSTATE 23502: a row of nothing but its key lacks %s). What it would contain is checked when it comes.", e.ColumnName)
	}
	meaning, known := refusals[e.Code]
	if !known {
		meaning = "the server refuses it"
	}
	if strings.Contains(meaning, "%s") {
		meaning = fmt.Sprintf(meaning, e.ConstraintName)
	}
	where := ""
	if e.TableName != "" && e.TableName != i.Question.Table {
		where = " of table " + e.TableName
	}
	return Refuses, fmt.Sprintf("SQLSTATE %s%s: %s.", e.Code, where, meaning)
}
