package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// policy is the content security policy of every answer: nothing but our own styles, scripts, images and forms, and no
// script but from a file of ours.
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// unused are the powers of a browser that no page of ours has a use for.
const unused = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), " +
	"magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=()"

// header is one header of every answer, under its name as net/http writes it. All answers share its values: they are full, so
// that who adds one copies them.
type header struct {
	name   string
	values []string
}

// headersFor are the headers of every answer of a site, also of those that no handler gives. What may be kept says so
// itself.
func headersFor(base *url.URL) []header {
	all := []header{
		{"Content-Security-Policy", []string{policy}},
		{"X-Content-Type-Options", []string{"nosniff"}},
		{"X-Frame-Options", []string{"DENY"}},
		{"Referrer-Policy", []string{"same-origin"}},
		{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Origin-Agent-Cluster", []string{"?1"}},
		{"Permissions-Policy", []string{unused}},
		{"Cache-Control", []string{"no-store"}},
	}
	if base.Scheme == "https" {
		all = append(all, header{"Strict-Transport-Security", []string{"max-age=31536000"}})
	}
	return all
}

// Why a request is refused as a whole.
var (
	errHost     = errors.New("asked for another host")
	errEncoding = errors.New("compressed body")
	errMedia    = errors.New("body of an unknown type")
)

// addressed refuses a request for another host than the site's: a page under a name that is not ours could be anybody's.
// Health checks come by whatever address they have.
func (s *Server) addressed(next echo.HandlerFunc) echo.HandlerFunc {
	ours := canonical(s.base.Host, s.base.Scheme)
	return func(c echo.Context) error {
		path := c.Request().URL.Path
		if canonical(c.Request().Host, s.base.Scheme) != ours && path != "/healthz" && path != "/readyz" {
			return errHost
		}
		return next(c)
	}
}

// canonical is host:port in one way of writing.
func canonical(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), map[string]string{"http": "80", "https": "443"}[scheme])
	}
	return strings.ToLower(host)
}

// unencoded refuses a compressed body: nobody sends us one, and it may unpack to anything.
func unencoded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if e := c.Request().Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
			return errEncoding
		}
		return next(c)
	}
}

// bodiless refuses a body where none belongs.
func bodiless(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := c.Request(); r.ContentLength != 0 {
			drain(r, r.Body)
			return &http.MaxBytesError{}
		}
		return next(c)
	}
}
