package clerk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWhatClerkAnswersIsSortedForPeople(t *testing.T) {
	t.Parallel()
	clerkError := `{"errors":[{"code":"quota","message":"short","long_message":"You have too many."}],"clerk_trace_id":"x"}`
	for name, tt := range map[string]struct {
		status int
		body   string
		header string // Retry-After
		tries  int64
		is     []error
		reject string // the message of a RejectedError
	}{
		"not found":                   {404, clerkError, "", 1, []error{ErrNotFound}, ""},
		"an HTML page of a gateway":   {502, "<html>" + strings.Repeat("x", 1000), "", 3, []error{ErrUnavailable}, ""},
		"too many calls":              {429, clerkError, "60", 1, []error{ErrUnavailable, ErrRateLimited}, ""},
		"too many calls, for a while": {429, clerkError, "0", 3, []error{ErrUnavailable, ErrRateLimited}, ""},
		"our key is wrong":            {401, clerkError, "", 1, []error{ErrUnavailable}, ""},
		"a redirect":                  {302, "", "", 1, []error{ErrUnavailable}, ""},
		"refused with a reason":       {422, clerkError, "", 1, nil, "You have too many."},
		"refused without one":         {403, "no", "", 1, nil, ""},
		"no JSON":                     {200, "<html>", "", 1, []error{ErrUnavailable}, ""},
		"an answer without end":       {200, `"` + strings.Repeat("x", maxBody) + `"`, "", 3, []error{ErrUnavailable}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, "live")
			var tries atomic.Int64
			i.mux.HandleFunc("GET /v1/users/user_1", func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.Header().Set("Retry-After", tt.header)
				w.Header().Set("Location", "/v1/jwks")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})

			began := time.Now()
			_, err := i.Person(t.Context(), "user_1")

			if waited := time.Since(began); waited > 5*time.Second {
				t.Errorf("kept a person waiting for %v", waited)
			}
			if tries.Load() != tt.tries {
				t.Errorf("tried %d times, want %d", tries.Load(), tt.tries)
			}
			for _, known := range []error{ErrNotFound, ErrUnavailable, ErrRateLimited} {
				want := false
				for _, e := range tt.is {
					want = want || e == known
				}
				if errors.Is(err, known) != want {
					t.Errorf("got %v; %v: want %v", err, known, want)
				}
			}
			var rejected *RejectedError
			if errors.As(err, &rejected) != (tt.is == nil) || rejected != nil && (rejected.Status != tt.status || rejected.Message != tt.reject) {
				t.Errorf("got %#v", err)
			}
			if len(err.Error()) > 700 {
				t.Errorf("the error carries the whole body: %d bytes", len(err.Error()))
			}
		})
	}
}

func TestAReadIsTriedAgainAfterTheTimeClerkAsksForAndAWriteNever(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	var reads, writes atomic.Int64
	i.mux.HandleFunc("GET /v1/users/user_1", func(w http.ResponseWriter, _ *http.Request) {
		if reads.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		answer(w, map[string]any{"id": "user_1"})
	})
	i.mux.HandleFunc("POST /v1/organizations", func(w http.ResponseWriter, _ *http.Request) {
		writes.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})

	began := time.Now()
	_, err := i.Person(t.Context(), "user_1")
	if waited := time.Since(began); err != nil || reads.Load() != 2 || waited < time.Second {
		t.Errorf("got %v after %d reads and %v", err, reads.Load(), waited)
	}
	if _, err := i.CreateOrganization(t.Context(), "A", "user_1"); !errors.Is(err, ErrUnavailable) || writes.Load() != 1 {
		t.Errorf("got %v after %d writes", err, writes.Load())
	}
}

func TestWhoGivesUpDoesNotWaitForTheNextTry(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	ctx, cancel := context.WithCancel(t.Context())
	i.mux.HandleFunc("GET /v1/users/user_1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
		time.AfterFunc(50*time.Millisecond, cancel)
	})
	began := time.Now()
	if _, err := i.Person(ctx, "user_1"); !errors.Is(err, context.Canceled) || time.Since(began) > time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		after, date string
		want        time.Duration
	}{
		{"3", "", 3 * time.Second},
		{"99999999999", "", time.Hour},
		{"Wed, 04 Mar 2026 05:06:09 GMT", "Wed, 04 Mar 2026 05:06:07 GMT", 2 * time.Second},
		{"Wed, 04 Mar 2026 05:06:09 GMT", "", 0},
		{"soon", "Wed, 04 Mar 2026 05:06:07 GMT", 0},
		{"", "", 0},
	} {
		if got := retryAfter(http.Header{"Retry-After": {tt.after}, "Date": {tt.date}}); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.after, got, tt.want)
		}
	}
}

func TestTheSecretGoesToTheBackendAPIOnly(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed, with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(elsewhere.Close)
	i := start(t, "live")
	i.mux.HandleFunc("GET /v1/users/user_1", func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer sk_live_x" {
			t.Errorf("authorized by %q", got)
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	})
	if _, err := i.Person(t.Context(), "user_1"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
