package upwork

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind tells what is wrong with a whole file.
type Kind string

// The kinds of errors that Read returns.
const (
	Empty        Kind = "empty"         // nothing in it
	TooLarge     Kind = "too_large"     // over MaxBytes or MaxRows, or nested too deeply
	NotText      Kind = "not_text"      // not UTF-8, or with NUL bytes
	Broken       Kind = "broken"        // JSON or CSV with a syntax error
	Unrecognised Kind = "unrecognised"  // readable, but of no known format
	SourceFailed Kind = "source_failed" // the tool reports that it failed to collect jobs
)

// Error is why a whole file cannot be read.
type Error struct {
	Kind    Kind
	Message string // for people: whole sentences without names from this program
	Cause   error  // may be nil
}

// Error returns the message for people.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Cause }

// reason is why a row cannot be used: a sentence for people.
type reason string

func (r reason) Error() string { return string(r) }

func unrecognised(seen string) *Error {
	return &Error{Kind: Unrecognised, Message: "This file is not in a format that is understood. It looks like " + seen +
		". Understood are: " + understood() + "."}
}

func understood() string {
	names := make([]string, len(readers))
	for i, r := range readers {
		_, names[i] = r.Format()
	}
	return strings.Join(names, "; ")
}

func tooManyRows() *Error {
	return &Error{Kind: TooLarge, Message: fmt.Sprintf("This file has more than %d jobs. Split it and import the parts.", MaxRows)}
}

// checkBytes refuses what is no text before anything looks into it.
func checkBytes(data []byte) error {
	switch {
	case len(data) > MaxBytes:
		return &Error{Kind: TooLarge, Message: fmt.Sprintf("This file is larger than %d MB. Split it and import the parts.", MaxBytes>>20)}
	case strings.TrimSpace(string(data[:min(len(data), 4096)])) == "" && strings.TrimSpace(string(data)) == "":
		return &Error{Kind: Empty, Message: "This file is empty."}
	case isUTF16(data):
		return &Error{Kind: NotText, Message: "This file is written in UTF-16. Save it as UTF-8 (in Excel: “CSV UTF-8”) and import it again."}
	}
	if at := badByte(data); at >= 0 {
		line, column := place(data, at)
		return &Error{Kind: NotText, Message: fmt.Sprintf("Line %d, column %d is not UTF-8 text. Save the file as UTF-8 (in Excel: “CSV UTF-8”) and import it again.", line, column)}
	}
	return nil
}

func isUTF16(data []byte) bool {
	return len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff)
}

// badByte returns the index of the first NUL byte or invalid UTF-8, or -1.
func badByte(data []byte) int {
	for i := 0; i < len(data); {
		if c := data[i]; c > 0 && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == 0 || r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return -1
}

// place returns the 1-based line and column, in bytes, of an offset.
func place(data []byte, offset int) (line, column int) {
	before := string(data[:min(max(offset, 0), len(data))])
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndex(before, "\n")
}
