package isolation

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Question is what an operator asks of one row: why can this member not do that with it? The fields are as a person types
// them; Why says which of them it does not understand.
type Question struct {
	Tenant    string `json:"tenant"`    // its id or its slug
	Member    string `json:"member"`    // a Clerk user id, or the id of a row of users
	Table     string `json:"table"`     // the name of a table of a home
	ID        string `json:"id"`        // the primary key without the tenant: mostly one uuid; several columns are separated by a slash
	Operation string `json:"operation"` // one of Operations; empty is select
}

// Operations are what can be asked about, in the order in which a form offers them.
var Operations = []string{"select", "insert", "update", "delete"}

// BadQuestion is a field of a question that cannot be understood, in words for the person who filled it in.
type BadQuestion struct {
	Field   string // tenant, member, table, id, operation: as in the JSON of Question
	Message string
}

// Error names the field first.
func (e *BadQuestion) Error() string { return e.Field + ": " + e.Message }

// Outcome is what one step says.
type Outcome string

// The outcomes of a step.
const (
	Passes  Outcome = "passes"  // it stands in nobody's way
	Refuses Outcome = "refuses" // it is a reason why not
	Unasked Outcome = "unasked" // an earlier step refuses, and without that one nothing can be said
)

// Step is one thing that decides, in the order in which it does.
type Step struct {
	Name       string  `json:"name"` // registry, place, fence, state, gate, member, directory, grant, policy, row, trial, app
	Outcome    Outcome `json:"outcome"`
	Detail     string  `json:"detail"`               // one sentence; never what the row contains
	Expression string  `json:"expression,omitempty"` // of a policy, or the statement that was tried
}

// Answer is why, step by step.
type Answer struct {
	Question Question  `json:"question"` // as it was understood
	Tenant   uuid.UUID `json:"tenant_id"`
	Allowed  bool      `json:"allowed"` // no step refuses
	Decider  string    `json:"decider"` // the name of the first step that refuses; empty when none does
	Verdict  string    `json:"verdict"` // one sentence
	Steps    []Step    `json:"steps"`
}

// String is the verdict, and a line a step.
func (a Answer) String() string {
	var b strings.Builder
	b.WriteString(a.Verdict + "\n")
	for n, s := range a.Steps {
		fmt.Fprintf(&b, "\n%3d. %-10s %-8s %s", n+1, s.Name, s.Outcome, s.Detail)
		if s.Expression != "" {
			fmt.Fprintf(&b, "\n     %19s %s", "", s.Expression)
		}
	}
	return b.String()
}
