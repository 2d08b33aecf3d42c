//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// errNotYet: the server answers, but it is starting up or shutting down (SQLSTATE 57P03).
var errNotYet = errors.New("the database system does not accept connections yet")

// greet logs in once and leaves: the only proof that a server serves. It returns the server's version. Nothing of the
// environment (PGSERVICE, PGSSLMODE …) takes part, unlike in pgconn.Connect.
func greet(ctx context.Context, socketDir string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socketFile(socketDir))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // only read from; there is nothing to lose
	deadline := time.Now().Add(5 * time.Second)
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
	if err := server.Flush(); err != nil {
		return "", err
	}
	return readGreeting(server)
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
