package chaos

import (
	"testing"
	"time"

	"upwork-ai-agent/db/dbtest"
)

func TestTerminatedBackendsCostNothingButATryAgain(t *testing.T) {
	t.Parallel()
	server := dbtest.Alone(t)
	terminate(t, server.Database)
}

func TestBackendsTerminatedBehindPgBouncerCostNothingButATryAgain(t *testing.T) {
	t.Parallel()
	server := dbtest.Alone(t)
	through, _ := pooled(t, server.Database)
	terminate(t, through)
}

// terminate ends random backends of the app's roles for some seconds.
func terminate(t *testing.T, d *dbtest.Database) {
	t.Helper()
	l := work(t, start(t, d))
	killer, killed := d.Connect(t, "postgres"), 0
	end := time.After(6 * time.Second)
	var last time.Time
	for every := time.Tick(40 * time.Millisecond); ; {
		var n int
		err := killer.QueryRow(t.Context(), `
			SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE usename IN ('app_tenant', 'app_control') AND random() < 0.3`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		killed, last = killed+n, time.Now()
		select {
		case <-every:
			continue
		case <-end:
		}
		break
	}
	l.recovers(t, "after the last of the terminated backends", last)
	l.check(t, d)
	t.Logf("%d backends terminated", killed)
	if killed < 50 || l.Answers("503") == 0 {
		t.Errorf("%d backends were terminated, %d requests felt it", killed, l.Answers("503"))
	}
}
