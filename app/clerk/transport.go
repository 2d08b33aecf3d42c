package clerk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// What Clerk can answer beside the thing asked for.
var (
	ErrNotFound    = errors.New("clerk: not found")
	ErrUnavailable = errors.New("clerk: does not answer")      // or not in a way that can be used
	ErrRateLimited = errors.New("clerk: asks for fewer calls") // always together with ErrUnavailable
)

// RejectedError is a request that Clerk understood and did not accept.
type RejectedError struct {
	Status  int
	Code    string // Clerk's, as organization_membership_quota_exceeded
	Message string // Clerk's, for people
}

// Error names the code for the log.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("clerk: rejected with %d %s: %s", e.Status, e.Code, e.Message)
}

// statusError is an answer that is no success. The SDK would lose the status of one that is not JSON, and put its whole
// body into the error.
type statusError struct {
	status  int
	code    string
	message string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("status %d %s %s", e.status, e.code, e.message)
}

// classify turns an error of the transport into one of ours.
func classify(what string, err error) error {
	var status *statusError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &status):
		return fmt.Errorf("%s: %w: %w", what, ErrUnavailable, err)
	case status.status == http.StatusNotFound:
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case status.status == http.StatusTooManyRequests:
		return fmt.Errorf("%s: %w: %w: %w", what, ErrUnavailable, ErrRateLimited, err)
	case status.status < 400, status.status >= 500, status.status == http.StatusUnauthorized: // the last is our key, not the person
		return fmt.Errorf("%s: %w: %w", what, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", what, &RejectedError{Status: status.status, Code: status.code, Message: status.message})
}

const (
	maxBody     = 4 << 20 // 500 memberships are about 1 MB
	maxTries    = 3
	maxWait     = 2 * time.Second // longer than a person waits for a page is no use
	callTimeout = 10 * time.Second
)

// hardened is client with our transport around its own. nil is a client of our own: the SDK's default has no retry.
func hardened(client *http.Client) *http.Client {
	base, timeout := http.DefaultTransport, callTimeout
	if client != nil && client.Transport != nil {
		base = client.Transport
	}
	if client != nil && client.Timeout > 0 {
		timeout = client.Timeout
	}
	return &http.Client{Transport: transport{base}, Timeout: timeout}
}

// transport caps bodies, keeps statuses, and tries a GET again when Clerk asks to, or fails.
type transport struct{ base http.RoundTripper }

// RoundTrip returns only successes; everything else is an error with its status.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		response, err := t.once(r)
		wait, again := retry(r, err, try)
		if !again {
			return response, err
		}
		select {
		case <-r.Context().Done():
			return nil, errors.Join(r.Context().Err(), err)
		case <-time.After(wait):
		}
	}
}

func (t transport) once(r *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, errors.New("answer too large")
	}
	if response.StatusCode < 200 || response.StatusCode >= 300 {
		return nil, newStatusError(response, body)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// newStatusError reads Clerk's error body, of which only the first error and a bounded part of its text count.
func newStatusError(r *http.Response, body []byte) error {
	e := &statusError{status: r.StatusCode}
	var parsed struct {
		Errors []struct {
			Code        string `json:"code"`
			Message     string `json:"message"`
			LongMessage string `json:"long_message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &parsed) == nil && len(parsed.Errors) > 0 {
		first := parsed.Errors[0]
		e.code, e.message = clip(first.Code), clip(first.LongMessage)
		if e.message == "" {
			e.message = clip(first.Message)
		}
	}
	if after := retryAfter(r.Header); after > 0 {
		return &retryAfterError{e, after}
	}
	return e
}

// retryAfter reads the header's two forms, seconds and a date (RFC 9110, section 10.2.3). The date is compared with the
// server's own clock, and no wait is longer than an hour.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	until, err := http.ParseTime(v)
	now, errNow := http.ParseTime(h.Get("Date"))
	if err != nil || errNow != nil {
		return 0
	}
	return min(until.Sub(now), time.Hour)
}

type retryAfterError struct {
	*statusError
	after time.Duration
}

func (e *retryAfterError) Unwrap() error { return e.statusError }

// clip keeps what somebody else wrote short enough for a log line and a page.
func clip(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), 300)])
}

// retry tells whether to try again, and after what time.
func retry(r *http.Request, err error, try int) (time.Duration, bool) {
	if err == nil || r.Method != http.MethodGet || try >= maxTries || r.Context().Err() != nil {
		return 0, false
	}
	var (
		status *statusError
		asked  *retryAfterError
	)
	if errors.As(err, &status) && status.status != http.StatusTooManyRequests && status.status < 500 {
		return 0, false
	}
	wait := time.Duration(try) * 100 * time.Millisecond
	if errors.As(err, &asked) {
		wait = asked.after
	}
	return wait, wait <= maxWait
}
