package views

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/proposal"
)

// This file is the only one that calls an address safe. Everything else that becomes one is a text, which templ checks.

// jobURL is the address of a job of ours: an id needs no escaping.
func jobURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/jobs/" + id.String()) }

// proposalURL and importURL likewise.
func proposalURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/proposals/" + id.String()) }

// proposalsURL is the list, or the board, narrowed to a status and to those of one's own.
func proposalsURL(view string, status proposal.Status, mine bool) templ.SafeURL {
	q := url.Values{}
	if view != "" {
		q.Set("view", view)
	}
	if status != "" {
		q.Set("status", string(status))
	}
	if mine {
		q.Set("mine", "1")
	}
	if len(q) == 0 {
		return "/proposals"
	}
	return templ.SafeURL("/proposals?" + q.Encode())
}

func importURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/jobs/import/" + id.String()) }

// upworkURL is a posting's address, if it is one that may be linked.
func upworkURL(s string) (templ.SafeURL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil || (u.Host != "upwork.com" && !strings.HasSuffix(u.Host, ".upwork.com")) {
		return "", false
	}
	return templ.SafeURL(u.String()), true
}

// allJobs is the list without a filter, also for whoever lets it begin with a saved search.
const allJobs = "/jobs?triage="

// Address is the list's address with this filter, behind "?".
func (f JobsFilter) Address() string {
	b := make([]byte, 0, 128)
	for _, field := range f.Fields() {
		if *field.Value != "" {
			b = append(append(append(append(b, '&'), field.Name...), '='), url.QueryEscape(*field.Value)...)
		}
	}
	if len(b) == 0 {
		return "triage="
	}
	return string(b[1:])
}

// filterURL is the jobs list with this filter, at another state of triage.
func (f JobsFilter) filterURL(triage string) templ.SafeURL {
	f.Triage = triage
	return templ.SafeURL("/jobs?" + f.Address())
}

// exportURL is the file of what this filter chooses.
func (f JobsFilter) exportURL() templ.SafeURL {
	return templ.SafeURL("/jobs/export.csv?" + f.Address())
}

// SearchPath is the list with the filter of a saved search.
func SearchPath(s job.Search) string { return "/jobs?" + s.Address }

func undoURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/jobs/undo/" + id.String()) }

func noteURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/jobs/notes/" + id.String()) }

func searchURL(id uuid.UUID) templ.SafeURL { return templ.SafeURL("/jobs/searches/" + id.String()) }

// periodURL is a page at a choice of its period picker.
func periodURL(path, period string) templ.SafeURL {
	return templ.SafeURL(path + "?" + url.Values{"period": {period}}.Encode())
}

// entityURL is the address of one of an organization's own rows, if it is of a kind that has one.
func entityURL(entity string, id *uuid.UUID) (templ.SafeURL, bool) {
	if id == nil {
		return "", false
	}
	switch entity {
	case "job":
		return jobURL(*id), true
	case "proposal":
		return proposalURL(*id), true
	case "import":
		return importURL(*id), true
	}
	return "", false
}

// tenantsURL is the operator's list of the organizations in a state.
func tenantsURL(state place.State) templ.SafeURL {
	return templ.SafeURL("/admin/tenants?" + url.Values{"state": {string(state)}}.Encode())
}

// tasksURL is the list of the tasks in a state and of a kind; any, where they are empty.
func tasksURL(state, kind string) templ.SafeURL {
	q := url.Values{}
	for name, value := range map[string]string{"state": state, "kind": kind} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/admin/tasks"
	}
	return templ.SafeURL("/admin/tasks?" + q.Encode())
}
