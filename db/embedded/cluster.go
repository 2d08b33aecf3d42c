//go:build linux || darwin

package embedded

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cluster is the data of one major version.
type cluster struct {
	major int
	dir   string
}

func clusterOf(dataDir string, major int) cluster {
	return cluster{major, filepath.Join(dataDir, clusterPrefix+strconv.Itoa(major))}
}

const clusterPrefix = "postgres-"

// logFile stands beside the cluster, so that it is there when the cluster cannot be opened.
func (c cluster) logFile() string { return c.dir + ".log" }

// clusters lists what data is here, newest major first.
func clusters(dataDir string) []cluster {
	entries, err := os.ReadDir(dataDir)
	if err != nil {
		return nil // no data directory, no clusters; making one reports what is wrong with it
	}
	var found []cluster
	for _, entry := range entries {
		digits, ok := strings.CutPrefix(entry.Name(), clusterPrefix)
		major, err := strconv.Atoi(digits)
		if ok && err == nil && entry.IsDir() && strconv.Itoa(major) == digits {
			found = append(found, clusterOf(dataDir, major))
		}
	}
	slices.SortFunc(found, func(a, b cluster) int { return cmp.Compare(b.major, a.major) })
	return found
}

// create runs initdb in a side folder and renames the result, so that a cluster is either whole or absent. A side
// folder that an interrupted run left behind was never a cluster.
func (c cluster) create(ctx context.Context, b binaries, as account, fast bool) error {
	side := c.dir + ".new"
	if err := os.RemoveAll(side); err != nil {
		return err
	}
	if err := os.Mkdir(side, 0o700); err != nil {
		return err
	}
	if err := as.give(side); err != nil {
		return err
	}
	if err := initdb(ctx, b, as, side, fast); err != nil {
		return err
	}
	return os.Rename(side, c.dir)
}

// initdb sorts by code point, which never changes under an index, and knows the letters of all languages where the
// system has C.UTF-8. An unknown locale fails before anything is written.
func initdb(ctx context.Context, b binaries, as account, dir string, fast bool) error {
	args := []string{
		"-D", dir, "--username=" + Superuser, "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions",
		"--auth-local=trust", "--auth-host=reject", // TCP stays shut even when somebody starts this cluster by hand
	}
	if fast {
		args = append(args, "--no-sync")
	}
	_, err := output(ctx, as, b.path("initdb"), append(slices.Clone(args), "--lc-ctype=C.UTF-8")...)
	if err != nil && strings.Contains(err.Error(), "invalid locale name") {
		_, err = output(ctx, as, b.path("initdb"), args...)
	}
	return err
}

// status is what postmaster.pid says of the server of a cluster.
type status struct {
	pid       int
	socketDir string
	state     string // "starting", "ready", "standby" or "stopping"; empty while the file is being written
}

func (s status) ready() bool { return s.state == "ready" || s.state == "standby" }

// status reads postmaster.pid: pid, data directory, start time, port, socket directory, address, shared memory, state,
// a line each (miscadmin.h and utils/pidfile.h in the sources of Postgres). A file that is still being written has
// fewer. The file is never removed here: it is what keeps two servers off one cluster.
func (c cluster) status() (status, bool) {
	content, err := os.ReadFile(filepath.Join(c.dir, "postmaster.pid"))
	if err != nil {
		return status{}, false
	}
	return parseStatus(string(content))
}

func parseStatus(content string) (status, bool) {
	line := strings.Split(content, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line[0]))
	if err != nil || pid <= 0 {
		return status{}, false // a negative pid belongs to a single-user backend
	}
	s := status{pid: pid}
	if len(line) > 4 {
		s.socketDir = line[4]
	}
	if len(line) > 7 {
		s.state = strings.TrimSpace(line[7])
	}
	return s, true
}

// settings are given on the command line at each start, so that what the code says is what runs.
func settings(o Options, socketDir string) []string {
	var args []string
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	set("timezone", "UTC")
	set("log_timezone", "UTC")
	set("log_checkpoints", "off")
	set("log_line_prefix", "%m [%p] %q%u@%d ")
	if o.Fast {
		set("fsync", "off")
		set("synchronous_commit", "off")
		set("full_page_writes", "off")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		set(name, o.Settings[name])
	}
	// The last of a name wins: these cannot be overridden. The socket directory is an element of a list.
	set("listen_addresses", "")
	set("port", strconv.Itoa(port))
	set("unix_socket_directories", `"`+strings.ReplaceAll(socketDir, `"`, `""`)+`"`)
	set("unix_socket_permissions", "0700")
	// The gate's token is a parameter, and so is what tenants type.
	set("log_parameter_max_length", "0")
	set("log_parameter_max_length_on_error", "0")
	set("logging_collector", "off")
	return args
}

// logLimit is the size in bytes at which a start sets the log aside.
const logLimit = 8 << 20

// openLog opens the server's log to append; a long one becomes .old first, so that two are the most there ever are.
func (c cluster) openLog() (*os.File, error) {
	name := c.logFile()
	if info, err := os.Stat(name); err == nil && info.Size() > logLimit {
		if err := os.Rename(name, name+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
}

// said returns what the log got from offset on, its last lines only.
func said(log *os.File, offset int64) string {
	info, err := log.Stat()
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	const most = 4 << 10
	from := max(offset, info.Size()-most)
	text := make([]byte, info.Size()-from)
	n, _ := log.ReadAt(text, from) // what could be read is what there is to show
	return strings.TrimSpace(string(text[:n]))
}
