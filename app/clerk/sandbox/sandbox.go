// Package sandbox is a stand-in for Clerk on this machine: hosted sign-in page, handshake and the part of the Backend API
// that the adapter calls, so that the very same adapter runs without an account at Clerk. It signs anybody in, asks for no
// password, and therefore listens on loopback only.
//
// It was written from Clerk's published descriptions and its JavaScript library. It has never been compared with a live
// Clerk instance.
package sandbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Person is somebody who can sign in.
type Person struct {
	ID    string `json:"id"` // user_…
	Email string `json:"email"`
	Name  string `json:"name"`
	Note  string `json:"note"` // shown on the sign-in page: what signing in as this person shows
}

// Organization is an organization with its members.
type Organization struct {
	ID        string            `json:"id"` // org_…
	Name      string            `json:"name"`
	Slug      string            `json:"slug"`
	CreatedBy string            `json:"created_by"` // user_…
	Members   map[string]string `json:"members"`    // user id to role: org:admin, org:manager, org:member, org:viewer
}

// Seed is what the sandbox begins with. What a person made later stays beside it.
type Seed struct {
	People        []Person
	Organizations []Organization
}

// Options of Start.
type Options struct {
	Addr      string // loopback host:port; empty is a free port of 127.0.0.1
	AppOrigin string // the only site that people are sent back to
	StateFile string // what outlives the process: a JSON file; empty keeps everything in memory
	Seed      Seed
	Log       *slog.Logger
	Now       func() time.Time // nil is the clock
}

// Server is a running sandbox.
type Server struct {
	url    string
	app    string
	now    func() time.Time
	log    *slog.Logger
	state  *state
	signer signer
	http   *http.Server
}

// Start listens and serves. It refuses an address that is not loopback. The app must run under another host name (localhost
// where this is 127.0.0.1), because cookies do not tell ports apart.
func Start(o Options) (*Server, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if address, err := netip.ParseAddrPort(o.Addr); err != nil || !address.Addr().IsLoopback() {
		return nil, fmt.Errorf("sandbox: %s is not a loopback address", o.Addr)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	st, err := openState(o.StateFile, o.Seed)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	signer, err := newSigner(st.key)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Server{url: "http://" + listener.Addr().String(), app: o.AppOrigin, now: o.Now, log: o.Log, state: st, signer: signer}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("sandbox stopped", "error", err)
		}
	}()
	return s, nil
}

// URL is the sandbox's origin.
func (s *Server) URL() string { return s.url }

// secretKey is what the Backend API asks for. It is no secret: there is nothing to protect on this machine's loopback that
// the sign-in page would not give to anybody.
const secretKey = "sk_test_sandbox"

// Keys are the secret and the publishable key of this instance.
func (s *Server) Keys() (secret, publishable string) {
	u, err := url.Parse(s.url)
	if err != nil {
		panic(err) // made from a listener's address
	}
	return secretKey, "pk_test_" + base64.RawStdEncoding.EncodeToString([]byte(u.Host+"$"))
}

// Close stops serving.
func (s *Server) Close(ctx context.Context) error { return s.http.Shutdown(ctx) }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /{$}":                                    s.home,
		"GET /sign-in":                                s.signInPage,
		"POST /sign-in":                               s.signIn,
		"POST /people":                                s.addPerson,
		"GET /style.css":                              s.style,
		"GET /v1/client/handshake":                    s.handshake,
		"GET /v1/jwks":                                s.api(s.jwks),
		"GET /v1/users/{id}":                          s.api(s.getUser),
		"POST /v1/organizations":                      s.api(s.createOrganization),
		"GET /v1/organizations/{id}":                  s.api(s.getOrganization),
		"GET /v1/organizations/{id}/memberships":      s.api(s.organizationMemberships),
		"GET /v1/users/{id}/organization_memberships": s.api(s.userMemberships),
		"GET /v1/sessions/{id}":                       s.api(s.getSession),
		"POST /v1/sessions/{id}/revoke":               s.api(s.revokeSession),
		"GET /v1/clients/handshake_payload":           s.api(s.handshakePayload),
	} {
		mux.HandleFunc(pattern, h)
	}
	protection := http.NewCrossOriginProtection()
	return protection.Handler(limited(mux))
}

// limited caps bodies and sets the headers of every answer.
func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
