package local

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthTimeout is how long a healthy process may take to answer.
const healthTimeout = 3 * time.Second

// Health asks the process that listens on addr of this machine whether it is well. It is what a container's health check
// runs: there is no shell and no curl beside the program.
func Health(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(addr)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("health: nothing answers on ADDR: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s answers %s", addr, answer.Status)
	}
	return nil
}

// reachable is addr as seen from this machine: a process that listens everywhere is asked on loopback.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port) // not a name: an image has no file that says what it is
	}
	return addr
}
