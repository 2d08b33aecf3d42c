package sandbox

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // a name for cookies, as Clerk computes it; nothing is protected by it
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
)

// handshake tells the app who this browser is: https://clerk.com/docs/how-clerk-works/overview. As in a development
// instance, the answer goes into the address.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, ok := s.back(q.Get("redirect_url"))
	if !ok {
		s.writeError(w, &apiError{http.StatusBadRequest, "invalid_url", "redirect_url must lead to " + s.app})
		return
	}
	if q.Has("organization_id") {
		if err := s.choose(client(r), q.Get("organization_id")); err != nil {
			s.fail(w, "choosing an organization", err)
			return
		}
	}
	directives, err := s.directives(client(r), q)
	if err == nil {
		err = s.hand(to, directives, q.Get("format") == "nonce")
	}
	if err != nil {
		s.fail(w, "handshake", err)
		return
	}
	http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
}

// choose makes an organization the one of this browser's session; empty is none.
func (s *Server) choose(cookie, org string) error {
	return s.state.change(func(d *saved) error {
		if v, ok := d.of(cookie, s.now()); ok {
			d.choose(v, org)
		}
		return nil
	})
}

// directives are the Set-Cookie lines that a handshake hands over, with the instance's suffix too where that is asked for.
func (s *Server) directives(cookie string, q url.Values) (lines []string, err error) {
	values := map[string]string{"__clerk_db_jwt": q.Get("__clerk_db_jwt"), "__client_uat": "0", "__session": ""}
	if values["__clerk_db_jwt"] == "" {
		values["__clerk_db_jwt"] = newDevBrowser()
	}
	s.state.look(func(d *saved) {
		if v, ok := d.of(cookie, s.now()); ok {
			values["__client_uat"] = fmt.Sprint(v.CreatedAt.Unix())
			values["__session"], err = s.sessionToken(d, v)
		}
	})
	suffixes := []string{""}
	if q.Get("suffixed_cookies") == "true" {
		suffixes = append(suffixes, "_"+s.suffix())
	}
	for name, value := range values {
		for _, suffix := range suffixes {
			lines = append(lines, (&http.Cookie{Name: name + suffix, Value: value, Path: "/", SameSite: http.SameSiteLaxMode, MaxAge: age(value)}).String())
		}
	}
	return lines, err
}

// age is a year, or negative to delete what is empty.
func age(value string) int {
	if value == "" {
		return -1
	}
	return 365 * 24 * 3600
}

func newDevBrowser() string { return "dvb_" + rand.Text() }

// suffix is the ending of cookie names by which instances on one domain are told apart.
func (s *Server) suffix() string {
	_, publishable := s.Keys()
	digest := sha1.Sum([]byte(publishable)) //nolint:gosec // as above
	return base64.URLEncoding.EncodeToString(digest[:])[:8]
}

// hand puts the directives into the address, signed, or a nonce that stands for them.
func (s *Server) hand(to *url.URL, directives []string, asNonce bool) error {
	q := to.Query()
	if asNonce {
		name := rand.Text()
		s.state.keepNonce(name, directives, s.now())
		q.Set("__clerk_handshake_nonce", name)
	} else {
		payload, err := sign(s.signer.payload, map[string]any{"handshake": directives})
		if err != nil {
			return err
		}
		q.Set("__clerk_handshake", payload)
	}
	to.RawQuery = q.Encode()
	return nil
}
