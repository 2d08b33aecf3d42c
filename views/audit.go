package views

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/member"
)

// AuditFilter is the filter of the audit as it was typed: all of it stands in the address.
type AuditFilter struct {
	Person string // a member's id, or app
	Event  string
	Entity string
	From   string // a day, UTC
	Until  string // a day, UTC, which is in it
}

// AuditPage is who did what in an organization.
type AuditPage struct {
	Shell
	Filter  AuditFilter
	Errors  Errors // from, until
	Rows    []audit.Entry
	Members []member.Choice // also those who have left
	Next    string
	First   string
}

// organizationPages are the tabs of the pages about an organization.
var organizationPages = []struct{ path, name string }{
	{"/organization/audit", "Audit"}, {"/organization/isolation", "Isolation"},
}

// auditEntities are the kinds of things that the audit speaks of.
var auditEntities = []string{"job", "proposal", "import", "search", "member", "alert", "organization", "page"}

// auditEvents are the events that have a name, by name.
var auditEvents = slices.SortedFunc(maps.Keys(eventNames), func(a, b string) int { return strings.Compare(eventNames[a], eventNames[b]) })

// exportURL is the audit as a file, with this filter.
func (f AuditFilter) exportURL() string {
	q := url.Values{}
	for name, value := range map[string]string{"person": f.Person, "event": f.Event, "entity": f.Entity, "from": f.From, "until": f.Until} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/organization/audit/export.csv"
	}
	return "/organization/audit/export.csv?" + q.Encode()
}

// actorName is who did it.
func actorName(e audit.Entry) string {
	switch {
	case e.Actor != "":
		return e.Actor
	case e.Event == audit.Attempted:
		return "Somebody else"
	}
	return "The app"
}

// about is what is worth telling of an event, in words.
func about(e audit.Entry) string {
	var parts []string
	for _, key := range []string{"title", "name", "assignee"} {
		if s, ok := e.Detail[key].(string); ok && s != "" {
			parts = append(parts, s)
		}
	}
	for _, key := range []string{"kind", "what"} {
		if s, ok := e.Detail[key].(string); ok {
			parts = append(parts, strings.ReplaceAll(s, "_", " "))
		}
	}
	for _, key := range []string{"count", "new", "updated", "same", "failed", "removed", "restored", "kept"} {
		if n, ok := e.Detail[key].(float64); ok && n > 0 {
			parts = append(parts, howMany(e.Event, key, int64(n)))
		}
	}
	return strings.Join(parts, ", ")
}

// howMany is a number of an event's detail, in words. Of an attempt its organization is told twice: when it begins, and of the
// rest when it has ended.
func howMany(event, key string, n int64) string {
	if event == audit.Attempted {
		return counted(n, "time")
	}
	return grouped(n) + " " + countNames[key]
}

// countNames say what the numbers in an event's detail count.
var countNames = map[string]string{"count": "in all", "new": "new", "updated": "updated", "same": "known already", "failed": "not usable", "removed": "removed", "restored": "restored", "kept": "kept"}
