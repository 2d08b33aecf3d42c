package upwork

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Document is a file after the first look: a JSON value or a table. Readers decide by its shape.
type Document struct {
	json  any    // a JSON value: object, list, text or bool; nil when the file is not JSON
	table *table // nil when the file is not a table
	first string // the first line, for messages
}

// open parses the data as what its first character says it is.
func open(data []byte) (Document, error) {
	trimmed := bytes.TrimSpace(data)
	doc := Document{first: firstLine(trimmed)}
	switch trimmed[0] {
	case '{', '[':
		v, err := parseJSON(data)
		doc.json = v
		return doc, err
	case '<':
		return doc, nil
	}
	t, err := parseTable(data)
	var e *Error
	if errors.As(err, &e) && e.Kind == Broken && !looksLikeTable(doc.first) {
		return doc, nil // plain text with a stray quote is not a broken table
	}
	doc.table = t
	return doc, err
}

func firstLine(data []byte) string {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return strings.TrimSpace(string(line[:min(len(line), 4096)]))
}

// object returns the top-level JSON object, or an empty one.
func (d Document) object() object {
	o, _ := d.json.(map[string]any)
	return o
}

// describe says for people what the document looks like.
func (d Document) describe() string {
	switch v := d.json.(type) {
	case map[string]any:
		return "a JSON object with " + fieldNames(v)
	case []any:
		if len(v) > 0 {
			if o, ok := v[0].(map[string]any); ok {
				return "a JSON list of objects with " + fieldNames(o)
			}
		}
		return fmt.Sprintf("a JSON list with %d items", len(v))
	}
	if strings.HasPrefix(d.first, "<") {
		return "HTML or XML"
	}
	if d.table != nil && len(d.table.header) > 1 {
		return "a table with the columns " + list(d.table.header) + ", of which none or only the title is known"
	}
	return "text that begins with “" + short(cleanLine(d.first), 60) + "”"
}

func fieldNames(o map[string]any) string {
	if len(o) == 0 {
		return "no fields"
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	sort.Strings(names)
	return "the fields " + list(names)
}

// list writes at most eight names in a row.
func list(names []string) string {
	shown := make([]string, 0, 8)
	for _, n := range names[:min(len(names), 8)] {
		shown = append(shown, short(cleanLine(n), 40))
	}
	text := strings.Join(shown, ", ")
	if rest := len(names) - len(shown); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
