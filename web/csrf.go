package web

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// tokens makes what every form of ours carries to show that it was drawn for the session that sends it. A token is an HMAC
// of the session's id, which no page shows and no switch changes: a form of another tab is still the person's own.
type tokens struct{ keys [][]byte } // newest first

// otherSite tells whether the browser says that r was brought about by another site. A browser that says nothing is old.
func otherSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return true
}

// tokenSize is half a token, in bytes: the HMAC, cut, and as much randomness over it.
const tokenSize = 16

// newTokens derives a key from each of keys, newest first: a form drawn under an older key is taken as long as it is listed.
func newTokens(keys [][]byte) (*tokens, error) {
	t := &tokens{}
	for _, k := range keys {
		derived, err := hkdf.Key(sha256.New, k, nil, "upwork-ai-agent form token", 32)
		if err != nil {
			return nil, fmt.Errorf("session key: %w", err)
		}
		t.keys = append(t.keys, derived)
	}
	return t, nil
}

// draw returns the token of a session, masked: no two pages show the same bytes, so that the length of a compressed page
// tells nothing of them.
func (t *tokens) draw(session uuid.UUID) string {
	var b [2 * tokenSize]byte
	rand.Read(b[:tokenSize]) // never fails: it ends the program when the system has no randomness
	subtle.XORBytes(b[tokenSize:], b[:tokenSize], t.mac(t.keys[0], session))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// fits tells whether token was drawn for session.
func (t *tokens) fits(token string, session uuid.UUID) bool {
	b, err := strictRawBase64.DecodeString(token)
	if err != nil || len(b) != 2*tokenSize {
		return false
	}
	var mac [tokenSize]byte
	subtle.XORBytes(mac[:], b[:tokenSize], b[tokenSize:])
	fits := 0
	for _, k := range t.keys {
		fits |= subtle.ConstantTimeCompare(mac[:], t.mac(k, session))
	}
	return fits == 1
}

func (t *tokens) mac(key []byte, session uuid.UUID) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(session[:])
	return h.Sum(nil)[:tokenSize]
}

// Why a change is refused before anybody looks at it.
var (
	errForeign = errors.New("sent from another site")
	errToken   = errors.New("form of another session")
)

// sameOrigin refuses a change that a browser says comes from another site.
func sameOrigin(base *url.URL) echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(base.Scheme + "://" + base.Host); err != nil {
		panic(err) // the configuration was checked before
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := protection.Check(c.Request()); err != nil {
				return fmt.Errorf("%w: %w", errForeign, err)
			}
			return next(c)
		}
	}
}

// fromBrowser refuses a change that does not say where it comes from. Every browser of today does; what does not is no
// browser, or something between the browser and us that takes the answer away.
func fromBrowser(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return errForeign
	}
	return nil
}
