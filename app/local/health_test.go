package local_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"upwork-ai-agent/app/local"
)

func TestHealthIsTheAnswerOfTheProcessOnThisMachine(t *testing.T) {
	t.Parallel()
	status, asked := http.StatusOK, ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path
		w.WriteHeader(status)
	}))
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1:" + port, "0.0.0.0:" + port, "[::]:" + port, ":" + port} {
		if err := local.Health(t.Context(), addr); err != nil || asked != "GET /healthz" {
			t.Errorf("%s: %v after %s", addr, err, asked)
		}
	}
	status = http.StatusServiceUnavailable
	if err := local.Health(t.Context(), "127.0.0.1:"+port); err == nil {
		t.Error("503 is healthy")
	}
	s.Close()
	if err := local.Health(t.Context(), "127.0.0.1:"+port); err == nil {
		t.Error("nobody is healthy")
	}
}
