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
	"strconv"
	"strings"
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
	Invited   map[string]string `json:"invited"`    // user id to role, of those who have not answered
}

// Seed is what the sandbox begins with. What a person made later stays beside it.
type Seed struct {
	People        []Person // in the order of the sign-in page
	Organizations []Organization
}

// Options of Start.
type Options struct {
	Addr      string // loopback host:port; empty is a port of 127.0.0.1, the same as last time where it is free
	AppOrigin string // the only site that people are sent back to: http, on a loopback name other than Addr's host
	StateFile string // what outlives the process: a JSON file, mode 0600; empty keeps everything in memory
	Seed      Seed
	Log       *slog.Logger     // nil is none
	Now       func() time.Time // nil is the clock
}

// Server is a running sandbox.
type Server struct {
	host   string // host:port
	app    string // origin
	now    func() time.Time
	log    *slog.Logger
	state  *state
	signer signer
	http   *http.Server
}

// Start listens and serves. It refuses an address that is not loopback, and an app that is not on this machine. The app
// must run under another host name (localhost where this is 127.0.0.1), because cookies do not tell ports apart.
func Start(o Options) (*Server, error) {
	s, listener, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("sandbox stopped", "error", err)
		}
	}()
	return s, nil
}

func open(o Options) (*Server, net.Listener, error) {
	s := &Server{now: o.Now, log: o.Log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	app, err := appOrigin(o.AppOrigin)
	if err != nil {
		return nil, nil, err
	}
	s.app = app.Scheme + "://" + app.Host
	if s.state, err = openState(o.StateFile, o.Seed, s.now()); err != nil {
		return nil, nil, err
	}
	if s.signer, err = newSigner(s.state.key); err != nil {
		return nil, nil, err
	}
	listener, err := listen(o.Addr, app.Hostname(), s.state.data.Port)
	if err != nil {
		return nil, nil, err
	}
	s.host = listener.Addr().String()
	err = s.state.change(func(d *saved) error {
		d.Port = listener.Addr().(*net.TCPAddr).Port
		return nil
	})
	if err != nil {
		listener.Close()
	}
	return s, listener, err
}

func appOrigin(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("the app's origin %q is not one like http://localhost:8080; the sandbox serves no https site", address)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if name := u.Hostname(); name != "localhost" && !strings.HasSuffix(name, ".localhost") && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the app at %s is not on this machine, and the sandbox signs anybody in", u.Host)
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// listen opens addr, or a port of our own choice: the one of last time, so that pages that are still open go on working.
func listen(addr, appHost string, lastPort int) (net.Listener, error) {
	if addr != "" {
		address, err := netip.ParseAddrPort(addr)
		switch {
		case err != nil || !address.Addr().IsLoopback():
			return nil, fmt.Errorf("%q is not a loopback address, and the sandbox signs anybody in", addr)
		case address.Addr().String() == appHost:
			return nil, fmt.Errorf("the app is on %s too, and cookies do not tell ports apart: open the app as localhost", appHost)
		}
		return net.Listen("tcp", addr)
	}
	host := "127.0.0.1"
	if appHost == host {
		host = "::1"
	}
	if listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(lastPort))); err == nil {
		return listener, nil
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}

// URL is the sandbox's origin. It is the address of its Frontend API, of its Backend API, and the issuer of its tokens.
func (s *Server) URL() string { return "http://" + s.host }

// Keys are the secret and the publishable key of this instance.
func (s *Server) Keys() (secret, publishable string) {
	return s.state.data.Secret, "pk_test_" + base64.StdEncoding.EncodeToString([]byte(s.host+"$"))
}

// Close stops serving. It waits for answers that are being written, three seconds at most.
func (s *Server) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /{$}":                   s.home,
		"GET /sign-in":               s.signInPage,
		"POST /sign-in":              s.signIn,
		"POST /people":               s.addPerson,
		"POST /sign-out":             s.signOut,
		"GET /style.css":             s.style,
		"GET /v1/client/handshake":   s.handshake,
		"GET /v1/tickets/accept":     s.accept,
		"GET /.well-known/jwks.json": s.public(s.jwks),

		"GET /v1/jwks":       s.api(s.jwks),
		"GET /v1/users/{id}": s.api(s.getUser),
		"GET /v1/users/{id}/organization_memberships": s.api(s.userMemberships),
		"GET /v1/users/{id}/organization_invitations": s.api(s.userInvitations),
		"POST /v1/organizations":                      s.api(s.createOrganization),
		"GET /v1/organizations/{id}":                  s.api(s.getOrganization),
		"GET /v1/organizations/{id}/memberships":      s.api(s.organizationMemberships),
		"GET /v1/sessions/{id}":                       s.api(s.getSession),
		"POST /v1/sessions/{id}/revoke":               s.api(s.revokeSession),
		"GET /v1/clients/handshake_payload":           s.api(s.handshakePayload),
		"/v1/":                                        s.api(func(*http.Request) (any, *apiError) { return nil, errNotFound }),
	} {
		mux.HandleFunc(pattern, h)
	}
	return s.guard(http.NewCrossOriginProtection().Handler(mux))
}

// guard refuses other names for this machine, by which a foreign page could read answers (DNS rebinding), caps bodies, and
// sets the headers of every answer. The app is a form's target too, because a sign-in ends there after redirects.
func (s *Server) guard(next http.Handler) http.Handler {
	policy := "default-src 'none'; style-src 'self'; form-action 'self' " + s.app + "; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			w.Header().Set(name, value)
		}
		if r.Host != s.host {
			http.Error(w, "This is "+s.URL()+" and has no other name.", http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		next.ServeHTTP(w, r)
	})
}
