package web

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"upwork-ai-agent/db/control"
)

// cookie is what our session cookie holds: a random id and the active tenant, signed and encrypted. Neither grants
// anything by itself: the id must have a live row, and the tenant is checked against the member row in every request.
type cookie struct {
	sid    control.SID
	tenant uuid.UUID
	old    bool // made with a key that is not the newest: to be made anew while that key is still known
}

// news is what the last write of a session did, for its next page. It has a cookie of its own, so that a page which takes it
// away leaves the session's alone: another tab may have switched meanwhile.
type news struct {
	message string
	undo    string // where a form that takes it back is sent; empty: it cannot be
}

// entry is a sign-in under way: it ties the answer of Clerk to the browser that asked.
type entry struct {
	state    string
	returnTo string
	tenant   uuid.UUID // to work in after it, if the person is in it; zero: no matter
	named    bool      // the address named it: they need not have been there
}

// cookies reads and writes our three cookies.
type cookies struct {
	session *sessions.CookieStore
	news    *sessions.CookieStore
	entry   *sessions.CookieStore
	prefix  string // "__Host-" on https
}

// entryLife is how long a person may take to sign in, in seconds.
const entryLife = 15 * 60

// newsLife is how long news wait for a page, in seconds.
const newsLife = 15 * 60

// newCookies derives a signing and an encryption key from each of keys, newest first: cookies made with an older key stay
// valid as long as it is listed.
func newCookies(keys [][]byte, base *url.URL) (*cookies, error) {
	secure := base.Scheme == "https"
	c := &cookies{}
	if secure {
		c.prefix = "__Host-"
	}
	var err error
	if c.session, err = store(keys, "session", int(control.Lifetime/time.Second), secure); err != nil {
		return nil, err
	}
	if c.news, err = store(keys, "news", newsLife, secure); err != nil {
		return nil, err
	}
	c.entry, err = store(keys, "sign-in", entryLife, secure)
	return c, err
}

func store(keys [][]byte, use string, seconds int, secure bool) (*sessions.CookieStore, error) {
	var pairs [][]byte
	for _, k := range keys {
		sign, err := hkdf.Key(sha256.New, k, nil, "upwork-ai-agent "+use+" sign", 32)
		if err != nil {
			return nil, fmt.Errorf("session key: %w", err)
		}
		encrypt, err := hkdf.Key(sha256.New, k, nil, "upwork-ai-agent "+use+" encrypt", 32)
		if err != nil {
			return nil, fmt.Errorf("session key: %w", err)
		}
		pairs = append(pairs, sign, encrypt)
	}
	s := sessions.NewCookieStore(pairs...)
	s.Options = &sessions.Options{Path: "/", MaxAge: seconds, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	for _, codec := range s.Codecs {
		codec.(*securecookie.SecureCookie).SetSerializer(textSerializer{}).MaxAge(seconds)
	}
	return s, nil
}

// textSerializer writes a session's values as a JSON object of texts. securecookie's own gob codec takes a twelfth of a
// page's CPU.
type textSerializer struct{}

// Serialize writes values, all of which are texts under text keys.
func (textSerializer) Serialize(src any) ([]byte, error) {
	values, ok := src.(map[any]any)
	if !ok {
		return nil, errors.New("session: not a map of values")
	}
	texts := make(map[string]string, len(values))
	for k, v := range values {
		texts[fmt.Sprint(k)] = fmt.Sprint(v)
	}
	return json.Marshal(texts)
}

// Deserialize reads what Serialize wrote: as the values of a session, or into a struct.
func (textSerializer) Deserialize(src []byte, dst any) error {
	values, ok := dst.(*map[any]any)
	if !ok {
		return json.Unmarshal(src, dst)
	}
	var texts map[string]string
	if err := json.Unmarshal(src, &texts); err != nil {
		return err
	}
	*values = make(map[any]any, len(texts))
	for k, v := range texts {
		(*values)[k] = v
	}
	return nil
}

// Encodings whose texts can be written in one way only, but for line ends, which a cookie cannot have.
var (
	strictBase64    = base64.URLEncoding.Strict()
	strictRawBase64 = base64.RawURLEncoding.Strict()
)

// opened is what stands in a session cookie.
type opened struct {
	SID    sidText   `json:"sid"`
	Tenant uuid.UUID `json:"tenant"` // zero where there is none
}

// sidText is a session id as a cookie has it.
type sidText control.SID

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *sidText) UnmarshalText(text []byte) error {
	if len(text) != strictRawBase64.EncodedLen(len(s)) {
		return errSID
	}
	n, err := strictRawBase64.Decode(s[:], text)
	if err == nil && n != len(s) {
		err = errSID
	}
	return err
}

// String is the text that UnmarshalText reads.
func (s sidText) String() string { return strictRawBase64.EncodeToString(s[:]) }

var errSID = errors.New("session: an id of another length")

// read returns the session cookie, opened with the newest key that fits, or false when there is none that is ours. A value that
// is written in another way than ours is none of ours, even where it decodes to the same.
func (c *cookies) read(r *http.Request) (cookie, bool) {
	ck, err := r.Cookie(c.prefix + "session")
	if err != nil || !strictly(ck.Value) {
		return cookie{}, false
	}
	for i, codec := range c.session.Codecs {
		var o opened
		if codec.Decode(ck.Name, ck.Value, &o) == nil && o.SID != (sidText{}) {
			return cookie{sid: control.SID(o.SID), tenant: o.Tenant, old: i > 0}, true
		}
	}
	return cookie{}, false
}

// strictly tells whether s is base64 in the one way of writing it.
func strictly(s string) bool {
	_, err := strictBase64.DecodeString(s)
	return err == nil
}

func (c *cookies) write(w http.ResponseWriter, r *http.Request, v cookie) error {
	s := fresh(c.session, c.prefix+"session")
	s.Values["sid"] = sidText(v.sid).String()
	if v.tenant != uuid.Nil {
		s.Values["tenant"] = v.tenant.String()
	}
	return c.session.Save(r, w, s)
}

// clear ends the session in the browser, with its news.
func (c *cookies) clear(w http.ResponseWriter, r *http.Request) error {
	return errors.Join(expire(c.session, c.prefix+"session", w, r), c.hush(w, r))
}

// tell leaves news for the next page of a session.
func (c *cookies) tell(w http.ResponseWriter, r *http.Request, sid control.SID, n news) error {
	s := fresh(c.news, c.prefix+"news")
	s.Values["sid"], s.Values["message"], s.Values["undo"] = sidText(sid).String(), n.message, n.undo
	return c.news.Save(r, w, s)
}

// hear returns the news of a session. Those of another, who was signed in in this browser before, are none.
func (c *cookies) hear(r *http.Request, sid control.SID) news {
	if _, err := r.Cookie(c.prefix + "news"); err != nil {
		return news{}
	}
	s, err := c.news.New(r, c.prefix+"news")
	if err != nil || s.IsNew || text(s, "sid") != sidText(sid).String() {
		return news{}
	}
	return news{message: text(s, "message"), undo: text(s, "undo")}
}

func (c *cookies) hush(w http.ResponseWriter, r *http.Request) error {
	return expire(c.news, c.prefix+"news", w, r)
}

// begin remembers a sign-in under way and returns its state.
func (c *cookies) begin(w http.ResponseWriter, r *http.Request, e entry) error {
	s := fresh(c.entry, c.prefix+"sign-in")
	s.Values["state"], s.Values["return"], s.Values["tenant"] = e.state, e.returnTo, e.tenant.String()
	if e.named {
		s.Values["named"] = "yes"
	}
	return c.entry.Save(r, w, s)
}

// pending returns the sign-in under way in this browser.
func (c *cookies) pending(r *http.Request) (entry, bool) {
	s, err := c.entry.New(r, c.prefix+"sign-in")
	if err != nil || s.IsNew || text(s, "state") == "" {
		return entry{}, false
	}
	tenant, _ := uuid.Parse(text(s, "tenant")) // no matter where there is none
	return entry{state: text(s, "state"), returnTo: text(s, "return"), tenant: tenant, named: text(s, "named") != ""}, true
}

func (c *cookies) end(w http.ResponseWriter, r *http.Request) error {
	return expire(c.entry, c.prefix+"sign-in", w, r)
}

func expire(store *sessions.CookieStore, name string, w http.ResponseWriter, r *http.Request) error {
	s := fresh(store, name)
	s.Options.MaxAge = -1
	return store.Save(r, w, s)
}

// fresh is an empty cookie with options of its own.
func fresh(store *sessions.CookieStore, name string) *sessions.Session {
	s := sessions.NewSession(store, name)
	options := *store.Options
	s.Options = &options
	return s
}

func text(s *sessions.Session, key string) string {
	v, _ := s.Values[key].(string)
	return v
}
