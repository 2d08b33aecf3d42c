// Package webtest starts the whole app for a test: a real database, the sandbox, the front on a loopback port.
package webtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web"
)

// Site is the app of one test.
type Site struct {
	*dbtest.Database
	URL     string // http://localhost:port
	Sandbox *sandbox.Server
	Watch   *app.Watch // looks when a test says so
	Log     *Log
	Metrics *prometheus.Registry
	Front   *web.Server // behind URL
	Spans   *tracetest.InMemoryExporter
}

// Log keeps what the app logs.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps one line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is everything so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Operator is the id of the person who operates the platform of every site.
var Operator = demo.Operator().ID

// Start runs the app over d with the given people and organizations, and with what tune changes of its options. Without
// any it has no limit on requests.
func Start(t testing.TB, d *dbtest.Database, seed sandbox.Seed, tune ...func(*web.Options)) *Site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Database: d, URL: "http://localhost:" + port, Log: &Log{}, Metrics: prometheus.NewRegistry(), Spans: tracetest.NewInMemoryExporter()}
	log := slog.New(slog.NewJSONHandler(s.Log, nil))
	s.Sandbox, err = sandbox.Start(sandbox.Options{AppOrigin: s.URL, StateFile: remembered(t), Seed: seed, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Sandbox.Close(context.Background()) }) // connections of the test's own browser may linger
	front, err := s.front(d.DB, log, tune)
	if err != nil {
		t.Fatal(err)
	}
	s.Front = front
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- front.Serve(ctx, listener) }()
	t.Cleanup(func() {
		plain.CloseIdleConnections() // else the server waits for its browsers to hang up
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the site ended with %v", err)
		}
	})
	return s
}

// key is the sandbox's, the same for all sites of a test process: each would take longer to make its own than to start.
var key = sync.OnceValues(func() ([]byte, error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
})

// remembered is the state of a sandbox of which nothing is left but its key.
func remembered(t testing.TB) (file string) {
	t.Helper()
	content, err := key()
	file = filepath.Join(t.TempDir(), "sandbox.json")
	if err == nil {
		err = os.WriteFile(file, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (s *Site) front(d *db.DB, log *slog.Logger, tune []func(*web.Options)) (*web.Server, error) {
	secret, publishable := s.Sandbox.Keys()
	client, err := clerk.New(clerk.Config{SecretKey: secret, PublishableKey: publishable, APIURL: s.Sandbox.URL(), BaseURL: s.URL})
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	if s.Watch, err = app.NewWatch(d, log); err != nil {
		return nil, err
	}
	o := web.Options{DB: d, Clerk: client, Organizations: app.NewOrganizations(d, client, log), Watch: s.Watch,
		SessionKeys: [][]byte{bytes.Repeat([]byte{1}, 32)}, Operators: []string{Operator}, BaseURL: base, Sandbox: true, Log: log,
		Metrics: s.Metrics, Tracer: sdk.NewTracerProvider(sdk.WithSyncer(s.Spans)).Tracer("test")}
	for _, change := range tune {
		change(&o)
	}
	return web.New(o)
}

// plain is what all browsers ask over. It takes no compressed page: under the race detector, packing and unpacking each of
// tens of thousands costs more than all else that is done for them. Compression has its own tests.
var plain = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
