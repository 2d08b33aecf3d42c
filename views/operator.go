package views

import (
	"slices"
	"strings"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/place"
)

// operatorPages are the entries of the operator's navigation.
var operatorPages = []struct{ section, path, name string }{
	{"overview", "/admin", "Overview"},
	{"tenants", "/admin/tenants", "Organizations"},
	{"isolation", "/admin/isolation", "Isolation"},
	{"why", "/admin/why", "Why?"},
	{"tasks", "/admin/tasks", "Tasks"},
	{"components", "/admin/components", "Components"},
}

// OverviewPage is the operator's first page: what there is, and what needs a look.
type OverviewPage struct {
	Shell
	States   []control.StateCount
	Proof    *control.ProofLine // the last; nil: none has run yet
	Attempts int64              // within 24 hours
	Alerted  []control.Alerted  // organizations with an alert that nobody has seen
	Tasks    []control.TaskCount
}

// failing counts the tasks that have failed: those that will be tried again, and those given up.
func (p OverviewPage) failing() (again, given int64) {
	for _, c := range p.Tasks {
		switch c.State {
		case "retryable":
			again += c.Count
		case "discarded":
			given += c.Count
		}
	}
	return again, given
}

// TenantsPage lists the organizations for the operator.
type TenantsPage struct {
	Shell
	Filter control.TenantFilter
	Rows   []control.TenantLine
}

// filtered tells whether the list leaves some out by choice.
func (p TenantsPage) filtered() bool { return p.Filter.Query != "" || p.Filter.State != "" }

// PosturePage is what the operator sees of the isolation of all.
type PosturePage struct {
	Shell
	Period   Period
	Posture  isolation.Findings
	Found    *isolation.Report // the last proof, when it found something; nil otherwise
	Proofs   []control.ProofLine
	Activity []control.ActivityPoint
	Tried    []control.AttemptPoint
	Noisy    []control.NoisyTenant
	Attempts []control.AttemptLine
}

// activityChart is how many statements of all organizations met the policies.
func (p PosturePage) activityChart() Chart {
	let, refused := make([]int64, p.Period.steps()), make([]int64, p.Period.steps())
	for _, a := range p.Activity {
		if i, ok := p.Period.at(p.Now, a.At); ok {
			let[i] += a.Calls - a.Refused
			refused[i] += a.Refused
		}
	}
	return p.Period.chart("activity", "Queries", p.Now, Series{"answered", Usual, let}, Series{"refused", Refused, refused})
}

// triedChart is how often any organization was tried.
func (p PosturePage) triedChart() Chart {
	values := make([]int64, p.Period.steps())
	for _, t := range p.Tried {
		if i, ok := p.Period.at(p.Now, t.At); ok {
			values[i] += t.Count
		}
	}
	return p.Period.chart("tried", "Attempts", p.Now, Series{"attempts", Refused, values})
}

// WhyPage asks why a member cannot do something with a row, and answers.
type WhyPage struct {
	Shell
	Question isolation.Question // as it was typed
	Errors   Errors             // tenant, member, table, id, operation
	Answer   *isolation.Answer  // nil: nothing was asked, or not in a way that can be answered
}

// TasksPage lists the tasks of the installation.
type TasksPage struct {
	Shell
	Filter control.TaskFilter
	Counts []control.TaskCount
	Rows   []control.TaskLine
	Next   string // address of the next page; empty on the last
	First  string // address of the first page; empty on the first
}

// kinds are the kinds of tasks there are, in order.
func (p TasksPage) kinds() []string {
	var all []string
	for _, c := range p.Counts {
		if len(all) == 0 || all[len(all)-1] != c.Kind {
			all = append(all, c.Kind)
		}
	}
	return all
}

// in counts the tasks in a state.
func (p TasksPage) in(state string) (n int64) {
	for _, c := range p.Counts {
		if c.State == state {
			n += c.Count
		}
	}
	return n
}

// The words of the operator's pages.
var (
	tenantSorts = []struct {
		Value control.TenantSort
		Name  string
	}{{control.ByName, "Name"}, {control.BySize, "Size"}, {control.ByCalls, "Queries today"}, {control.ByRefused, "Refused today"}, {control.ByAge, "Newest"}}
	// tenantStates are the choices of the state filter.
	tenantStates = []place.State{place.Active, place.ReadOnly, place.Suspended, place.Copying, place.Incoming, place.Moved, place.Erasing}
	modelNames   = map[place.Model]string{place.Shared: "shared schema", "schema": "schema of its own", "database": "database of its own"}
	taskStates   = []struct{ Value, Name string }{{"retryable", "To be tried again"}, {"discarded", "Given up"}, {"running", "Running"}, {"available", "Waiting"}, {"scheduled", "Scheduled"},
		{"cancelled", "Cancelled"}, {"completed", "Done"}}
	taskNames = map[string]string{"tell_attempt": "Tell what was tried", "raise_alert": "Raise an alert", "tend_tenants": "Measure organizations", "forget_activity": "Forget old counts",
		"prove_isolation": "Prove the isolation"}
	operationNames = map[string]string{"select": "see it", "insert": "add it", "update": "change it", "delete": "delete it"}
	outcomeWords   = map[isolation.Outcome]string{isolation.Passes: "Passes", isolation.Refuses: "Refuses", isolation.Unasked: "Not asked"}
)

// decider is which step decides: the first that refuses; -1 when none does.
func decider(a isolation.Answer) int {
	return slices.IndexFunc(a.Steps, func(s isolation.Step) bool { return s.Outcome == isolation.Refuses })
}

// taskState is a state of a task in words.
func taskState(state string) string {
	for _, s := range taskStates {
		if s.Value == state {
			return s.Name
		}
	}
	return state
}

// failures say in words why a task failed, by what its error says. The error itself may hold SQL and is for the log.
var failures = []struct{ sign, words string }{
	{db.ErrUnavailable.Error(), "The database did not answer."},
	{db.ErrBusy.Error(), "The database was busy."},
	{db.ErrReadOnly.Error(), "The organization cannot be changed at the moment."},
	{db.ErrRefused.Error(), "The organization is closed at the moment."},
	{"context deadline exceeded", "It took too long."},
	{"context canceled", "It was interrupted."},
}

// failure is why a task failed, in words.
func failure(t control.TaskLine) string {
	if t.Error == "" {
		return ""
	}
	for _, f := range failures {
		if strings.Contains(t.Error, f.sign) {
			return f.words
		}
	}
	return "Its reason is in the log, under task " + grouped(t.ID) + "."
}

// stateName is a state in words, the usual one too.
func stateName(s place.State) string {
	if name := stateNames[s]; name != "" {
		return name
	}
	return string(s)
}

// size is a number of bytes as people say it.
func size(bytes int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, " GB"}, {1 << 20, " MB"}, {1 << 10, " kB"}} {
		if bytes >= unit.bytes {
			return string(appendTenths(nil, bytes*10/unit.bytes)) + unit.name
		}
	}
	return grouped(bytes) + " B"
}

// measured is a figure of a measurement, or unknown before the first.
func measured(at *time.Time, figure string) string {
	if at == nil {
		return "unknown"
	}
	return figure
}

// taskTime is the time that matters of a task: when it ended, or began, or will be begun.
func taskTime(t control.TaskLine) time.Time {
	switch {
	case t.FinalizedAt != nil:
		return *t.FinalizedAt
	case t.State == "running" && t.AttemptedAt != nil:
		return *t.AttemptedAt
	}
	return t.ScheduledAt
}

// taskMoment says what happened, or will, at that time.
func taskMoment(t control.TaskLine) string {
	switch {
	case t.FinalizedAt != nil:
		return "ended"
	case t.State == "running":
		return "began"
	}
	return "next"
}
