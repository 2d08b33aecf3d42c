package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"upwork-ai-agent/web/webtest"
)

// of are the spans of the request that was answered with p: its own, and those within. The first ends a moment after the
// answer was sent.
func of(t *testing.T, site *webtest.Site, p *webtest.Page) (own tracetest.SpanStub, within []tracetest.SpanStub) {
	t.Helper()
	var spans tracetest.SpanStubs
	await(t, func() bool {
		spans = site.Spans.GetSpans()
		i := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return attribute(s, "request_id") == p.Header.Get("X-Request-Id") })
		if i >= 0 {
			own = spans[i]
		}
		return i >= 0
	})
	for _, s := range spans {
		if s.Parent.SpanID() == own.SpanContext.SpanID() && s.SpanContext.TraceID() == own.SpanContext.TraceID() {
			within = append(within, s)
		}
	}
	return own, within
}

// await returns when something has come about.
func await(t *testing.T, has func() bool) {
	t.Helper()
	for late := time.After(10 * time.Second); !has(); {
		select {
		case <-late:
			t.Fatal("it never came about")
		case <-time.After(time.Millisecond):
		}
	}
}

func attribute(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func kinds(spans []tracetest.SpanStub) []string {
	var all []string
	for _, s := range spans {
		all = append(all, s.Name)
	}
	return all
}

func TestARequestIsASpanWithOneForEachRoundTrip(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	jobs := b.Get("/jobs")
	own, within := of(t, s, jobs)
	if own.Name != "GET /jobs" || own.SpanKind != trace.SpanKindServer || attribute(own, "http.route") != "/jobs" || attribute(own, "http.response.status_code") != "200" {
		t.Errorf("the page is %q with %v", own.Name, own.Attributes)
	}
	if got := kinds(within); !slices.Equal(got, []string{"db peek", "db view"}) {
		t.Fatalf("its round trips are %q", got)
	}
	var statements []string
	if err := json.Unmarshal([]byte(attribute(within[1], "db.statements")), &statements); err != nil || !slices.Contains(statements, "job.list") {
		t.Errorf("the view carries %q, %v", statements, err)
	}
	b.NoRedirects()
	_, within = of(t, s, decided(t, b, jobs, "skipped"))
	if got := kinds(within); got[0] != "db peek" || got[1] != "db begin" || got[len(got)-1] != "db commit" || !slices.Contains(got, "db change") {
		t.Errorf("the round trips of a change are %q", got)
	}
}

func TestATraceFromOutsideIsLinkedAndNeverJoined(t *testing.T) {
	t.Parallel()
	s := start(t)
	const id, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, flags := range []string{"00", "01"} { // whether to record is not for the stranger to say
		r, err := http.NewRequest(http.MethodGet, s.URL+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "00-"+id+"-"+span+"-"+flags)
		r.Header.Set("Tracestate", "vendor="+canary)
		r.Header.Set("Baggage", "tenant="+canary)
		own, _ := of(t, s, s.Browser(t).Do(r))
		if own.SpanContext.TraceID().String() == id || own.Parent.IsValid() || len(own.Links) != 1 || own.Links[0].SpanContext.SpanID().String() != span {
			t.Errorf("trace %s, parent %v, links %v", own.SpanContext.TraceID(), own.Parent, own.Links)
		}
	}
	silent(t, s)
}

func TestNoSpanHasWhatAClientSentOrWhoItWas(t *testing.T) {
	t.Parallel()
	s := start(t)
	sing(t, s)
	if n := len(s.Spans.GetSpans()); n < 60 {
		t.Fatalf("only %d spans", n)
	}
	tenant := lines(t, s.Log.String(), "request")
	silent(t, s, ana, ben, "Acme", fmt.Sprint(tenant[len(tenant)-2]["tenant"]))
}

// silent fails when a span has the canary, or one of the words.
func silent(t *testing.T, site *webtest.Site, words ...string) {
	t.Helper()
	for _, s := range site.Spans.GetSpans() {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range append(words, canary) {
			if word != "" && strings.Contains(strings.ToLower(string(text)), strings.ToLower(word)) {
				t.Errorf("a span has %q: %s", word, text)
			}
		}
	}
}
