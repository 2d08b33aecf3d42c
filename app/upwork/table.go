package upwork

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// table is a CSV or TSV file. Rows may be shorter than the header.
type table struct {
	header []string
	rows   [][]string
}

// separators are the characters between cells that are tried.
var separators = []byte{',', ';', '\t', '|'}

// parseTable reads a file with a header line, whatever its separator. It stops with an error above MaxRows.
func parseTable(data []byte) (*table, error) {
	separator, data := takeSeparator(bytes.TrimLeft(data, "\r\n"))
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = rune(separator), -1, false
	header, err := r.Read()
	if err != nil {
		return nil, brokenTable(err)
	}
	t := &table{header: header}
	for {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return t, nil
		case err != nil:
			return nil, brokenTable(err)
		case len(t.rows) == MaxRows:
			return nil, tooManyRows()
		}
		t.rows = append(t.rows, row)
	}
}

// takeSeparator finds the separator: named by a first line "sep=;" as spreadsheets write it, or the one that occurs
// most often outside quotes in the header.
func takeSeparator(data []byte) (byte, []byte) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimRight(line, "\r ")
	if len(line) == 5 && bytes.EqualFold(line[:4], []byte("sep=")) && bytes.IndexByte(separators, line[4]) >= 0 {
		return line[4], rest
	}
	best, most := separators[0], 0
	for _, s := range separators {
		if n := outsideQuotes(data, s); n > most {
			best, most = s, n
		}
	}
	return best, data
}

// outsideQuotes counts a separator in the first record.
func outsideQuotes(data []byte, separator byte) int {
	count, quoted := 0, false
	for _, c := range data {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return count
		case c == separator:
			count++
		}
	}
	return count
}

// looksLikeTable tells whether a first line has at least two cells of which one is known.
func looksLikeTable(line string) bool {
	for _, s := range separators {
		cells := strings.Split(line, string(s))
		for _, cell := range cells {
			if _, ok := columns[squeeze(cell)]; ok && len(cells) > 1 {
				return true
			}
		}
	}
	return false
}

func brokenTable(err error) *Error {
	message := "The table is broken."
	var p *csv.ParseError
	if errors.As(err, &p) {
		message = fmt.Sprintf("The table is broken at line %d, column %d: a quotation mark is missing or in the wrong place.", p.Line, p.Column)
	}
	return &Error{Kind: Broken, Message: message, Cause: err}
}
