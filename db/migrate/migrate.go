// Package migrate brings databases up to date. Its SQL lies in four folders, by what it is run once for: a cluster (roles,
// by its superuser), a place (the gate), the installation (the control plane, in the main place), and a home (the tenant
// tables). dbmate runs them; what dbmate does not do, locking above all, is done here.
package migrate

import (
	"bytes"
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/amacneil/dbmate/v2/pkg/dbmate"
	_ "github.com/amacneil/dbmate/v2/pkg/driver/postgres" // dbmate finds drivers by registration
	"github.com/jackc/pgx/v5"
)

//go:embed cluster place control tenant
var files embed.FS

// set is one folder of migrations with the table that records it. The records live outside the homes, where every table
// is under the gate.
type set struct{ folder, table string }

// sets is the order in which a place is migrated.
var sets = []set{
	{"place", "app.place_migrations"},
	{"control", "control.control_migrations"},
	{"tenant", "app.migrations_public"},
}

// lock is the advisory lock that migrators of one database hold: any number that nothing else here uses.
const lock = 0x7570776f726b

// Up migrates the database at ownerURL, which logs in as app_owner on a direct connection. Progress goes to log, a line
// a file. Two that run at once take turns. It stops at the first failing file, which leaves no trace unless it is marked
// transaction:false.
func Up(ctx context.Context, ownerURL string, log io.Writer) error {
	u, err := url.Parse(ownerURL)
	if err != nil {
		return errors.New("migrate: the owner's URL cannot be parsed")
	}
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := takeLock(ctx, conn); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	u = encrypted(u, conn)
	for _, s := range sets {
		if err := s.up(u, log); err != nil {
			return fmt.Errorf("migrate %s: %w", s.folder, err)
		}
	}
	if err := riverUp(ctx, ownerURL, log); err != nil {
		return fmt.Errorf("migrate %s: %w", riverFolder, err)
	}
	return nil
}

// encrypted is u with an answer to whether the connection is encrypted: the one that conn has got. dbmate's driver insists on
// encryption where nothing is said, and the server of an address that says nothing may have none.
func encrypted(u *url.URL, conn *pgx.Conn) *url.URL {
	q := u.Query()
	switch q.Get("sslmode") {
	case "", "prefer", "allow":
		q.Set("sslmode", "disable")
		if _, ok := conn.PgConn().Conn().(*tls.Conn); ok {
			q.Set("sslmode", "require")
		}
	}
	settled := *u
	settled.RawQuery = q.Encode()
	return &settled
}

// takeLock polls: a session that waits inside pg_advisory_lock holds a snapshot, for which CREATE INDEX CONCURRENTLY in
// the migrator that has the lock would wait for ever.
func takeLock(ctx context.Context, conn *pgx.Conn) error {
	for {
		var taken bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", lock).Scan(&taken); err != nil || taken {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s set) up(u *url.URL, log io.Writer) error {
	m := s.dbmate(u)
	pending, err := s.pending(m)
	if err != nil || pending == 0 {
		return err
	}
	var out bytes.Buffer // dbmate says "Applied" of a file that failed: its own lines are of no use to anybody
	m.Log = &out
	if err := m.Migrate(); err != nil {
		return err
	}
	fmt.Fprintf(log, "migrated %s: %d file(s)\n", s.folder, pending)
	return nil
}

func (s set) dbmate(u *url.URL) *dbmate.DB {
	m := dbmate.New(u)
	m.FS, m.MigrationsDir, m.MigrationsTableName = files, []string{s.folder}, s.table
	m.AutoDumpSchema = false
	m.Log = io.Discard
	m.Strict = true
	return m
}

// pending counts the files that are not recorded yet.
func (s set) pending(m *dbmate.DB) (int, error) {
	found, err := m.FindMigrations()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, f := range found {
		if !f.Applied {
			n++
		}
	}
	return n, nil
}

// Down takes back the newest file of a folder, or all of river's. It is for developing migrations, and tested with each
// of them.
func Down(ownerURL, folder string) error {
	u, err := url.Parse(ownerURL)
	if err != nil {
		return errors.New("migrate: the owner's URL cannot be parsed")
	}
	if folder == riverFolder {
		return riverDown(context.Background(), ownerURL)
	}
	for _, s := range sets {
		if s.folder == folder {
			return s.dbmate(u).Rollback()
		}
	}
	return fmt.Errorf("migrate: no folder %q", folder)
}

// Record is a table in which a database keeps which migrations of one kind it has had.
type Record struct {
	Table    string   // with its schema; column version
	Versions []string // what this binary brings, oldest first
}

// Records are those of a migrated place.
func Records() ([]Record, error) {
	all := make([]Record, len(sets), len(sets)+1)
	for i, s := range sets {
		entries, err := files.ReadDir(s.folder)
		if err != nil {
			return nil, fmt.Errorf("records: %w", err)
		}
		all[i].Table = s.table
		for _, e := range entries {
			version, _, _ := strings.Cut(e.Name(), "_")
			all[i].Versions = append(all[i].Versions, version)
		}
	}
	river, err := riverRecord()
	return append(all, river), err
}
