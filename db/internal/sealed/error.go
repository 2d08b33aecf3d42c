package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// What a transaction can answer. Everything else is a defect or a broken server.
var (
	ErrNotFound    = errors.New("not found")                          // no such row in this tenant; a foreign id looks the same
	ErrRefused     = errors.New("tenant refused")                     // unknown, suspended, moved or wrongly sealed: one answer
	ErrNotMember   = errors.New("not a member")                       // the tenant has no row for this person
	ErrForbidden   = errors.New("role not sufficient")                // a member, but of a lower role
	ErrReadOnly    = errors.New("tenant is read only")                // try again later
	ErrConflict    = errors.New("changed by somebody else meanwhile") // the version is not the current one
	ErrDuplicate   = errors.New("exists already")                     // a unique constraint
	ErrBadInput    = errors.New("input cannot be stored")             // a check, a length, an encoding
	ErrBusy        = errors.New("busy")                               // a lock or a statement took too long; try again
	ErrUnavailable = errors.New("database unavailable")               // no connection; nothing was stored, try again
	ErrInDoubt     = errors.New("not known whether it was stored")    // the connection broke under COMMIT; look before trying again
	ErrClosed      = errors.New("transaction used outside its function")
	ErrNested      = errors.New("transaction inside a transaction")
	ErrNotLoaded   = errors.New("view queued and not loaded")
	ErrUnaudited   = errors.New("write without an audit row")
	ErrDenied      = errors.New("refused by a policy or a grant") // a defect, or somebody at work: it is no answer to a person
)

// sqlstates is the one table of server errors that are answers. They leave the connection healthy.
var sqlstates = map[string]error{
	"23505": ErrDuplicate,
	"23514": ErrBadInput,    // check
	"22001": ErrBadInput,    // too long
	"22003": ErrBadInput,    // out of range
	"22021": ErrBadInput,    // not valid in this encoding
	"22P05": ErrBadInput,    // \u0000 in jsonb
	"55P03": ErrBusy,        // lock timeout
	"57014": ErrBusy,        // statement timeout, or cancelled
	"40P01": ErrBusy,        // deadlock
	"53300": ErrUnavailable, // too many connections
	"57P01": ErrUnavailable, // the server is going down
	"57P02": ErrUnavailable,
	"57P03": ErrUnavailable, // it is starting up
	"08P01": ErrUnavailable, // a pooler that lost its server
	"42501": ErrDenied,      // by a policy or a grant
	"25006": nil,            // a write on a View: a defect, but the connection is whole
	"23503": nil,            // a foreign key
}

// classify turns a driver's error into one of ours, keeping it wrapped. The driver's text never leaves db: whoever shows
// an error to a person shows the public text of the class.
func classify(err error) error {
	err = discreet(err)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case errors.As(err, &pg):
		class := sqlstates[pg.Code]
		if class == nil && fatal(pg) {
			class = ErrUnavailable
		}
		if class == nil {
			return err
		}
		return fmt.Errorf("%w: %w", class, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case disconnected(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// disconnected tells whether err is about the connection and not about the statement.
func disconnected(err error) bool {
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) || isNetwork(err)
}

// fatal tells whether the server, or a pooler, ended the connection with its answer.
func fatal(pg *pgconn.PgError) bool {
	return pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC" || pg.Severity == "FATAL" // poolers send only the last
}

// commitError says what a COMMIT that failed means. Whoever lost the connection after sending it cannot know what became
// of it: the answer may have been on its way. That is no ErrUnavailable, which promises that nothing was stored. A
// constraint that fails at COMMIT stays a defect: nobody expects it there, so it is no answer to a person.
func commitError(err error) error {
	var pg *pgconn.PgError
	class := classify(err)
	switch {
	case pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed):
		return class // it was never sent; pgx says "closed" and "safe to retry" also of an answer that did not come
	case errors.As(err, &pg) && !fatal(pg) && errors.Is(class, ErrBusy):
		return class
	case errors.As(err, &pg) && !fatal(pg) && pg.Code != "08P01", errors.Is(err, pgx.ErrTxCommitRollback):
		return err // the server answered: it was rolled back
	}
	return fmt.Errorf("%w: %w", ErrInDoubt, err)
}

// settle gives a connection back. One that returned an unexpected SQLSTATE is closed: whatever state it is in, nobody
// else shall find it.
func settle(conn *pgxpool.Conn, err error) {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if _, expected := sqlstates[pg.Code]; !expected {
			// The error is reported already; that of closing adds nothing.
			_ = conn.Conn().Close(context.Background())
		}
	}
	conn.Release()
}

// isNetwork tells whether the connection broke under a statement.
func isNetwork(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
