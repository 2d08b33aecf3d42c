package metric_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/app/metric"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// served is a page that listens, with everything about d on it.
func served(t *testing.T, d *db.DB, log io.Writer) (read func() string) {
	t.Helper()
	page, err := metric.New("1.2.3", slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Watch(d); err != nil {
		t.Fatal(err)
	}
	addr := free(t)
	if err := page.Listen(addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := page.Close(); err != nil {
			t.Error(err)
		}
	})
	return func() string {
		answer, err := http.Get("http://" + addr + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v: %s", answer.Status, err, body)
		}
		return string(body)
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestThePageTellsOfTheInstallationAndNamesNobody(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a, b := d.NewTenant(t), d.NewTenant(t)
	read := served(t, d.DB, io.Discard)
	if before := read(); strings.Contains(before, "isolation_proof_ok") || !strings.Contains(before, "isolation_alerts_open 0") {
		t.Errorf("before anything happened: %s", before)
	}
	err := d.DB.Control(t.Context(), func(tx *db.ControlTx) error {
		return control.SaveProof(t.Context(), tx, control.Proof{Report: json.RawMessage("{}"), ProofLine: control.ProofLine{
			ID: uuid.New(), At: time.Now().Add(-time.Hour), OK: false, Checks: 4711, Leaks: 3, Oracles: 2, Unproven: 1}})
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Connect(t, "postgres").Exec(t.Context(), `
		INSERT INTO control.attempts (id, tenant_id, period, clerk_user_id, kind, entity, request_id, count, first_at, last_at)
		SELECT gen_random_uuid(), tenant_id, now(), 'user_'||n, 'foreign_id', 'job', 'r', n, now(), now() - CASE n WHEN 7 THEN interval '2 hours' ELSE interval '0' END
		FROM control.registry, generate_series(5, 7) n WHERE state = 'active';
		UPDATE control.registry SET alert_at = now() WHERE tenant_id = (SELECT tenant_id FROM control.registry WHERE state = 'active' LIMIT 1);
		INSERT INTO control.river_job (kind, max_attempts, args, state) VALUES ('tell_attempt', 1, jsonb_build_object('tenant', 'x'), 'available')`)
	if err != nil {
		t.Fatal(err)
	}
	page := read()
	for _, want := range []string{
		`tenants{state="active"} 2`, `tasks{kind="tell_attempt",state="available"} 1`, `isolation_attempts_last_hour{kind="foreign_id"} 22`, "isolation_alerts_open 1",
		"isolation_proof_ok 0", "isolation_proof_checks 4711", "isolation_proof_leaks 3", "isolation_proof_oracles 2", "isolation_proof_unproven 1", "isolation_proof_age_seconds 360",
		`db_pool_max{place="main",role="app_tenant"} 16`, `db_pool_acquired{place="main",role="app_control"} `, `version="1.2.3"`, "go_goroutines ",
	} {
		if !strings.Contains(page, "\n"+want) && !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, n := range []*dbtest.Tenant{a, b} {
		for _, word := range []string{n.ID.String(), n.Name, n.Members[db.Owner]} {
			if strings.Contains(page, word) {
				t.Errorf("the page names %s", word)
			}
		}
	}
}

func TestThePageHasTheRestWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	var log bytes.Buffer
	read := served(t, d.DB, &log)
	d.DB.Close()
	if page := read(); !strings.Contains(page, "go_goroutines ") || strings.Contains(page, "isolation_alerts_open") {
		t.Errorf("the page is %s", page)
	}
	if !strings.Contains(log.String(), `"msg":"metrics"`) {
		t.Errorf("the log says %q", log.String())
	}
}

func TestAPageThatDoesNotListenCloses(t *testing.T) {
	t.Parallel()
	page, err := metric.New("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := page.Listen(taken.Addr().String()); err == nil {
		t.Error("it listens where somebody else does")
	}
	if err := page.Close(); err != nil {
		t.Error(err)
	}
}
