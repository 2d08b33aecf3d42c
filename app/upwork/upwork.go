// Package upwork reads what people and tools export from Upwork into job postings. Every format that is understood has
// one Reader and one line in the table of readers. The package opens no connection: it turns bytes into postings.
//
// Rules that hold for every format:
//   - Unknown is never zero: a value that a source leaves out stays nil or empty, and so does a pay of 0.
//   - A value that cannot be read is left unknown, with a note on the row. A number too large to keep, a missing title
//     or an over-long title refuses the row. Nothing else does.
//   - A description over MaxDescription characters is cut and marked as truncated.
//   - Text loses control characters and writing-direction overrides; its line ends become "\n".
//   - Amounts in another currency than US dollars are left unknown, with a note.
//   - Two rows of one job stay two rows: the store decides what they become.
package upwork

import (
	"bytes"
	"time"

	"upwork-ai-agent/db/job"
)

// Limits of one import. Characters are Unicode code points.
const (
	MaxBytes       = 32 << 20 // of a file
	MaxRows        = 5000     // of a file
	MaxTitle       = 500      // characters; a longer title refuses its row, as columns are probably mixed up
	MaxDescription = 50_000   // characters; a longer description is cut and marked
	MaxSkills      = 50       // of one job; the rest is left out
	MaxQuestions   = 50       // of one job; the rest is left out
)

// Row is one job of an import, or why it cannot be used.
type Row struct {
	Position int         // 1-based, for people: the number of the record below a table's header, or of the item in a list
	Title    string      // what to call the row, also when it failed; at most 120 characters
	Posting  job.Posting // the zero value when Err is set
	Notes    []string    // what was left out or cut, for people
	Err      error       // why this row cannot be used; its message is for people
}

// Batch is everything that one file or delivery holds.
type Batch struct {
	Format     string // a stable name for code and database, as "vollna-webhook"
	FormatName string // the same for people, as "Vollna webhook"
	Source     string // the saved search, filter or target that it came from, where the format tells
	Rows       []Row  // in the order of the file
}

// Reader understands one format.
type Reader interface {
	// Format returns the stable name and the name for people.
	Format() (name, people string)
	// Recognises tells from the shape alone whether the document is of this format.
	Recognises(Document) bool
	// Read returns where the jobs came from and one row a job. Errors are of type *Error.
	// The time is that of the import: relative dates count back from it.
	Read(Document, time.Time) (source string, rows []Row, err error)
}

// readers is the table of formats, in the order in which they are asked. The most particular shape comes first.
var readers = []Reader{
	vollnaWebhook{},
	extensionV3{},
	upworkGraphQL{},
	spreadsheet{},
}

// Read finds out the format of the data and reads it. Every error is an *Error with a message for people; a row that
// cannot be used does not fail the others.
func Read(data []byte, now time.Time) (Batch, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := checkBytes(data); err != nil {
		return Batch{}, err
	}
	doc, err := open(data)
	if err != nil {
		return Batch{}, err
	}
	for _, r := range readers {
		if r.Recognises(doc) {
			return readWith(r, doc, now)
		}
	}
	return Batch{}, unrecognised(doc.describe())
}

func readWith(r Reader, doc Document, now time.Time) (Batch, error) {
	source, rows, err := r.Read(doc, now)
	if err != nil {
		return Batch{}, err
	}
	if len(rows) == 0 {
		return Batch{}, &Error{Kind: Empty, Message: "There are no jobs in this file."}
	}
	name, people := r.Format()
	return Batch{Format: name, FormatName: people, Source: short(cleanLine(source), 200), Rows: rows}, nil
}
