package sealed

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// withheld is an error whose own words are left out, because they may repeat a value: what a person typed, or what a tenant
// keeps. An error's text ends in the log, and whoever reads that shall read about the program only.
type withheld struct {
	what  string
	cause error
}

// Error says what kind of error it was.
func (w *withheld) Error() string { return w.what + " (its text is withheld: it may repeat a value)" }

// Unwrap returns the error with its words, for code that looks at its kind.
func (w *withheld) Unwrap() error { return w.cause }

// discreet withholds the words of the three kinds of errors that repeat values: a data exception of the server (class 22),
// an argument that cannot be sent, and a column that cannot be read.
func discreet(err error) error {
	var (
		pg   *pgconn.PgError
		scan pgx.ScanArgError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg):
		if strings.HasPrefix(pg.Code, "22") {
			return &withheld{"SQLSTATE " + pg.Code, err}
		}
	case errors.As(err, &scan):
		return &withheld{fmt.Sprintf("column %d (%s) cannot be read", scan.ColumnIndex+1, scan.FieldName), err}
	case strings.HasPrefix(err.Error(), "failed to encode args["):
		return &withheld{"an argument cannot be sent", err}
	}
	return err
}
