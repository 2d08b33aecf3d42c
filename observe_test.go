package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestTheMetricsPageIsAnOfferUnlessItsAddressWasChosen(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir, port := place(t)
	refused := program(t, dir, port)
	refused.Env = append(refused.Env, "METRICS_ADDR="+taken.Addr().String())
	if said, err := refused.CombinedOutput(); code(err) != 1 || !strings.Contains(string(said), "METRICS_ADDR "+taken.Addr().String()) {
		t.Errorf("a chosen address that is taken: %v, said %q", err, said)
	}

	first, err := net.Listen("tcp", "127.0.0.1:9090") // or another test's app, or another program of this machine, has it
	if err == nil {
		defer first.Close()
	}
	p := serveIn(t, dir, port, "METRICS_ADDR=")
	if !strings.Contains(p.said, "No metrics page: another program has 127.0.0.1:9090. Set METRICS_ADDR") {
		t.Errorf("without its metrics page the app said %q", p.said)
	}
	if said, err := program(t, dir, port, "health").CombinedOutput(); err != nil || len(said) != 0 {
		t.Errorf("health of the running app: %v, said %q", err, said)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v: %s", err, p.err)
	}
	if said, err := program(t, dir, port, "health").CombinedOutput(); code(err) != 1 || !strings.Contains(string(said), "nothing answers on ADDR") {
		t.Errorf("health of nothing: %v, said %q", err, said)
	}
}

func TestTheMetricsPageNamesNoTenantAndNoPerson(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	_, metrics := place(t)
	serveIn(t, dir, port, "METRICS_ADDR=127.0.0.1:"+metrics)
	browser := signedIn(t, port)
	names := tenantsOf(t, browser, port)
	if len(names) < 4 {
		t.Fatalf("only %q to look for", names)
	}
	page, _ := fetch(t, http.DefaultClient, "http://127.0.0.1:"+metrics+"/metrics")
	for _, want := range []string{`http_request_duration_seconds_count{method="GET",route="/jobs",status="2xx"} `, `db_pool_max{place="main",role="app_tenant"} 16`,
		`db_pool_acquired{place="main",role="app_control"}`, "go_goroutines", "process_resident_memory_bytes", `build_info{go="go1.`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, name := range append(names, "user_demo", "org_demo", "@", "Mara") {
		if strings.Contains(strings.ToLower(page), strings.ToLower(name)) {
			t.Errorf("the page names %q", name)
		}
	}
	if elsewhere, _ := fetch(t, http.DefaultClient, "http://localhost:"+port+"/metrics"); strings.Contains(elsewhere, "go_goroutines") {
		t.Error("the app's own address has the page")
	}
}

// collector stands in for an OpenTelemetry collector: it decodes what it gets.
type collector struct {
	*httptest.Server
	got chan *tracepb.ResourceSpans
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{got: make(chan *tracepb.ResourceSpans, 100)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request coltracepb.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &request) != nil {
			t.Errorf("%s %s of %s: %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), err)
		}
		for _, spans := range request.ResourceSpans {
			c.got <- spans
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func TestTracesGoToTheCollectorAndTheLastOnesToo(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	dir, port := place(t)
	// Nothing is sent before the end: what arrives has been sent by it.
	p := serveIn(t, dir, port, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_BSP_SCHEDULE_DELAY=600000", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")
	fetch(t, signedIn(t, port), "http://localhost:"+port+"/jobs")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v: %s", err, p.err)
	}
	close(c.got)
	names, traces := map[string]int{}, map[string]bool{}
	for resource := range c.got {
		about := fmt.Sprint(resource.Resource.Attributes)
		for _, want := range []string{`"upwork-ai-agent"`, `"unreleased"`, `"deployment.environment.name"`, `"opentelemetry"`} {
			if !strings.Contains(about, want) {
				t.Errorf("the spans do not say %s: %s", want, about)
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				names[span.Name]++
				traces[string(span.TraceId)] = true
			}
		}
	}
	if names["GET /jobs"] == 0 || names["db view"] == 0 || names["db peek"] == 0 || len(traces) < 3 {
		t.Errorf("%d traces of %v", len(traces), names)
	}
}

func TestTheWorkerIsWatchedAsTheAppIs(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	dir, port := place(t)
	_, metrics := place(t)
	cmd := program(t, dir, port, "worker")
	cmd.Env = append(cmd.Env, "METRICS_ADDR=127.0.0.1:"+metrics, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL)
	p := started(t, cmd)
	p.await(t, "Running tasks")
	const done = `tasks{kind="tend_tenants",state="completed"} 1`
	for late := time.After(time.Minute); ; {
		page, _ := fetch(t, http.DefaultClient, "http://127.0.0.1:"+metrics+"/metrics")
		if strings.Contains(page, done) {
			break
		}
		select {
		case <-late:
			t.Fatalf("the page never had %s: %s", done, page)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v: %s", err, p.err)
	}
	close(c.got)
	names := map[string]int{}
	for resource := range c.got {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				names[span.Name]++
			}
		}
	}
	if names["task tend_tenants"] == 0 || names["db begin"] == 0 {
		t.Errorf("the spans are %v", names)
	}
}

func TestACollectorThatIsAwayHoldsUpNothing(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.Close()
	dir, port := place(t)
	p := serveIn(t, dir, port, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_TIMEOUT=500")
	if page, _ := fetch(t, signedIn(t, port), "http://localhost:"+port+"/jobs"); !strings.Contains(page, `<li class="row">`) {
		t.Error("no jobs")
	}
	start := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil || time.Since(start) > 10*time.Second || !strings.Contains(p.err.String(), `"msg":"traces"`) {
		t.Errorf("it ended after %v with %v: %s", time.Since(start), err, p.err)
	}
}

// tenantsOf reads the jobs of every organization of whoever is signed in, and returns their ids and names.
func tenantsOf(t *testing.T, browser *http.Client, port string) []string {
	t.Helper()
	site := "http://localhost:" + port
	page, _ := fetch(t, browser, site+"/jobs")
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(page)
	if token == nil {
		t.Fatal("no form token on the page")
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?s)name="tenant_id" value="([0-9a-f-]{36})".*?class="name">([^<]+)<`).FindAllStringSubmatch(page, -1) {
		form := url.Values{"token": {token[1]}, "tenant_id": {m[1]}, "return_to": {"/jobs"}}
		r, err := http.NewRequest(http.MethodPost, site+"/organizations/switch", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", site)
		answer, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("switching to %s: %s", m[2], answer.Status)
		}
		all = append(all, m[1], m[2])
	}
	return all
}
