package views

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/google/uuid"
)

// This file is the only one that calls an address safe. Everything else that becomes one is a text, which templ checks.

// jobURL is the address of a job of ours: an id needs no escaping.
func jobURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/jobs/" + id.String()) }

// proposalURL and importURL likewise.
func proposalURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/proposals/" + id.String()) }

func importURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/jobs/import/" + id.String()) }

// upworkURL is a posting's address, if it is one that may be linked.
func upworkURL(s string) (templ.SafeURL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil || (u.Host != "upwork.com" && !strings.HasSuffix(u.Host, ".upwork.com")) {
		return "", false
	}
	return templ.SafeURL(u.String()), true
}

// filterURL is the jobs list with this filter, at another state of triage.
func (f JobsFilter) filterURL(triage string) templ.SafeURL {
	b := make([]byte, 0, 128)
	for _, field := range [...][2]string{{"q", f.Query}, {"triage", triage}, {"contract", f.Contract}, {"pay", f.MinPay}, {"country", f.Country}, {"age", f.Age}} {
		if field[1] != "" {
			b = append(append(append(append(b, '&'), field[0]...), '='), url.QueryEscape(field[1])...)
		}
	}
	if len(b) == 0 {
		return "/jobs"
	}
	return templ.SafeURL("/jobs?" + string(b[1:]))
}
