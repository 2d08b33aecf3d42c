// Package app holds the rules: what a person may do with a job, a proposal or an organization, and what else must happen
// then. It uses the nouns of db and the adapters to the outside world, and knows nothing of pages.
package app

// Code is what kind of answer an Error is.
type Code string

// The codes of an Error.
const (
	Invalid     Code = "invalid"     // what was typed cannot be taken; Fields says where
	Refused     Code = "refused"     // the rules forbid it in this state
	Unavailable Code = "unavailable" // somebody else's service does not answer; try again
)

// Error is an answer for a person: a public message, and a cause that only the log shows.
type Error struct {
	Code    Code
	Message string
	Fields  map[string]string // messages by field name; may be nil
	Cause   error             // may be nil
}

// Error returns the public message, followed by the cause for the log.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// field is an invalid input in one field.
func field(name, message string) *Error {
	return &Error{Code: Invalid, Message: message, Fields: map[string]string{name: message}}
}
