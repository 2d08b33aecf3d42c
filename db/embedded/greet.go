//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// errNotYet: there is a server, but it is starting up, shutting down (SQLSTATE 57P03), or ended in mid-sentence.
var errNotYet = errors.New("the database system does not accept connections")

// greetingLimit is how long a server may take to greet; one that takes longer hangs.
const greetingLimit = 10 * time.Second

// greet logs in once and leaves: the only proof that a server serves. It returns the server's version. Nothing of the
// environment (PGSERVICE, PGSSLMODE …) takes part, unlike in pgconn.Connect.
func greet(ctx context.Context, socketDir string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socketFile(socketDir))
	if errors.Is(err, syscall.EAGAIN) {
		return "", errNotYet // more callers than its queue holds
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // only read from; there is nothing to lose
	deadline := time.Now().Add(greetingLimit)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	server := pgproto3.NewFrontend(conn, conn)
	server.Send(&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": Superuser, "database": "postgres", "application_name": appName + " start"},
	})
	err = server.Flush()
	version := ""
	if err == nil {
		version, err = readGreeting(server)
	}
	return version, interrupted(err)
}

// interrupted tells a server that ended while it spoke from one that refuses or hangs.
func interrupted(err error) error {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return errNotYet
		}
	}
	return err
}

func readGreeting(server *pgproto3.Frontend) (version string, err error) {
	for {
		message, err := server.Receive()
		if err != nil {
			return "", err
		}
		switch m := message.(type) {
		case *pgproto3.ParameterStatus:
			if m.Name == "server_version" {
				version = m.Value
			}
		case *pgproto3.ErrorResponse:
			return "", refusal(m)
		case *pgproto3.ReadyForQuery:
			server.Send(&pgproto3.Terminate{})
			return version, server.Flush()
		}
	}
}

func refusal(m *pgproto3.ErrorResponse) error {
	switch m.Code {
	case "57P03":
		return errNotYet
	case "53300":
		return nil // too many connections: it serves, more than it can
	}
	return fmt.Errorf("log in as %s: %w", Superuser, pgconn.ErrorResponseToPgError(m))
}
