package upwork

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxDepth is how deeply JSON may be nested: known formats need less than ten levels.
const maxDepth = 64

// parseJSON decodes one JSON value, with numbers kept as they are written.
func parseJSON(data []byte) (any, error) {
	if at := tooDeep(data); at >= 0 {
		line, column := place(data, at)
		return nil, &Error{Kind: TooLarge, Message: fmt.Sprintf("The JSON is nested more than %d levels deep at line %d, column %d.", maxDepth, line, column)}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, brokenJSON(data, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, trailingJSON(data, v, int(d.InputOffset()), err)
	}
	return v, nil
}

// tooDeep returns the offset of the first bracket beyond maxDepth, or -1. It runs before the decoder, which would
// follow ten thousand levels.
func tooDeep(data []byte) int {
	depth, inText := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

func brokenJSON(data []byte, err error) *Error {
	at, what := len(data), "it ends too early"
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && int(syntax.Offset) < len(data) {
		at, what = int(syntax.Offset)-1, strings.TrimPrefix(syntax.Error(), "json: ")
	}
	line, column := place(data, at)
	return &Error{Kind: Broken, Cause: err, Message: fmt.Sprintf("The JSON is broken at line %d, column %d: %s.", line, column, what)}
}

// trailingJSON explains what follows the first value: JSON Lines are a format of their own, anything else is an error.
func trailingJSON(data []byte, first any, offset int, err error) *Error {
	rest := bytes.TrimSpace(data[min(offset, len(data)):])
	if o, ok := first.(map[string]any); ok && (err == nil || bytes.HasPrefix(rest, []byte("{"))) {
		return unrecognised("JSON Lines with " + fieldNames(o))
	}
	line, column := place(data, offset)
	return &Error{Kind: Broken, Cause: err, Message: fmt.Sprintf("The JSON is broken at line %d, column %d: there is something after its end.", line, column)}
}

// object is a JSON object of a source. Its methods read a field that is missing, null or of another kind as unknown.
type object map[string]any

// text returns a text, number or bool as text.
func (o object) text(field string) string { return scalar(o[field]) }

// first returns the first field that is not empty.
func (o object) first(fields ...string) string {
	for _, f := range fields {
		if s := o.text(f); !missing(s) {
			return s
		}
	}
	return ""
}

// object returns an object; a missing one is nil, whose fields are all unknown.
func (o object) object(field string) object {
	v, _ := o[field].(map[string]any)
	return v
}

// items returns a list; nil when it is missing.
func (o object) items(field string) []any {
	v, _ := o[field].([]any)
	return v
}

// texts returns the texts of a list, or of a single text.
func (o object) texts(field string) []string {
	if s := o.text(field); s != "" {
		return []string{s}
	}
	var all []string
	for _, v := range o.items(field) {
		all = append(all, scalar(v))
	}
	return all
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// rowsOf makes one row of every item of a list.
func rowsOf(items []any, now time.Time, read func(object) facts) ([]Row, error) {
	if len(items) > MaxRows {
		return nil, tooManyRows()
	}
	rows := make([]Row, len(items))
	for i, item := range items {
		o, ok := item.(map[string]any)
		if !ok {
			rows[i] = Row{Position: i + 1, Title: fmt.Sprintf("Item %d", i+1), Err: reason("This is not a job: an object with fields was expected.")}
			continue
		}
		rows[i] = build(i+1, read(o), now)
	}
	return rows, nil
}
