package web

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
)

// Limits of a request's body, in bytes. A form may be far longer than what any of its fields can keep, so that whoever
// pastes too much gets it back beside the message.
const (
	maxForm   = 4 << 20
	maxUpload = 8 << 20
	maxKept   = 256 << 10 // of somebody who is signed out, to be shown again
	maxDrain  = 64 << 20  // of a body that is too large, read and thrown away
)

// maxFields is how many fields a form may have: far more than any of ours.
const maxFields = 1000

// form is what a person sent: fields of the body, never of the address. Every value is valid UTF-8 without NUL.
type form struct {
	values url.Values
	file   *multipart.FileHeader
}

// errForm is a body that is no form of ours.
var errForm = errors.New("not a form")

// misfit is an errForm that can say which field it is.
type misfit struct{ field, what string }

// Error is for the log.
func (e misfit) Error() string { return "the field " + e.field + " " + e.what }

// Unwrap is errForm.
func (e misfit) Unwrap() error { return errForm }

// unknownValue is a field of ours with a value that no form of ours sends.
func unknownValue(field string) error {
	return misfit{field, "has a value that this form never sends"}
}

// readForm reads the body as a form. limit is in bytes. What could be read comes with the error, to be shown again.
func readForm(c echo.Context, limit int64) (form, error) {
	r := c.Request()
	body := r.Body
	r.Body = http.MaxBytesReader(c.Response(), body, limit)
	err := parse(r, limit)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		drain(r, body)
		return form{}, tooLarge
	case errors.Is(err, errMedia):
		return form{}, err
	case err != nil:
		return form{}, errForm
	}
	f := form{values: r.PostForm}
	if r.MultipartForm != nil {
		if f.file, err = onlyFile(r.MultipartForm.File); err != nil {
			return f, err
		}
	}
	return f, f.check()
}

// parse fills r.PostForm. A body that says that it is something else than a form is none.
func parse(r *http.Request, limit int64) error {
	if r.ContentLength > limit {
		return &http.MaxBytesError{Limit: limit}
	}
	switch kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); {
	case r.ContentLength == 0:
		return r.ParseForm()
	case err != nil:
		return errMedia
	case kind == echo.MIMEMultipartForm:
		return r.ParseMultipartForm(limit) // of at most a thousand parts
	case kind == echo.MIMEApplicationForm:
		return parseTexts(r)
	}
	return errMedia
}

// parseTexts counts the fields before it makes anything of them: a map of all that fit into a body would be a hundred
// times its size.
func parseTexts(r *http.Request) (err error) {
	body := bytes.NewBuffer(make([]byte, 0, max(0, r.ContentLength)+bytes.MinRead))
	if _, err := body.ReadFrom(r.Body); err != nil {
		return err
	}
	if bytes.Count(body.Bytes(), []byte("&")) >= maxFields {
		return errForm
	}
	r.PostForm, err = url.ParseQuery(body.String())
	return err
}

// drain reads on to the end of a body that was refused: whoever sends before it listens would otherwise see a broken
// connection and not the answer. Whoever asked before sending has not sent.
func drain(r *http.Request, body io.Reader) {
	if r.ContentLength <= maxDrain && r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, body, maxDrain) // it was refused already
	}
}

// onlyFile is the one file that a form of ours can have, or nil. A browser sends an empty one when none was chosen.
func onlyFile(files map[string][]*multipart.FileHeader) (*multipart.FileHeader, error) {
	for name := range files {
		if name != "file" {
			return nil, misfit{name, "does not belong to this form"}
		}
	}
	switch all := files["file"]; {
	case len(all) > 1:
		return nil, misfit{"file", "came more than once: choose one file"}
	case len(all) == 1 && all[0].Size > 0:
		return all[0], nil
	}
	return nil, nil
}

// names are those of the fields, in an order that is always the same: of several wrong fields the same one is named.
func (f form) names() []string { return slices.Sorted(maps.Keys(f.values)) }

// check refuses what Postgres cannot store, naming the field.
func (f form) check() error {
	for _, name := range f.names() {
		for _, v := range f.values[name] {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return &app.Error{Code: app.Invalid, Message: "The field “" + printable(name) + "” contains characters that are no text.",
					Fields: map[string]string{name: "This contains characters that are no text."}}
			}
		}
	}
	return nil
}

// printable is s with a mark in place of what is no text.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// only refuses a field that the form does not have, and one that comes twice. Names that end with * stand for all that
// begin so, and one that ends with + may come any number of times.
func (f form) only(names ...string) error {
	for _, have := range f.names() {
		known := slices.ContainsFunc(append(names, "tenant", "token"), func(n string) bool {
			prefix, open := strings.CutSuffix(n, "*")
			return have == strings.TrimSuffix(n, "+") || open && strings.HasPrefix(have, prefix)
		})
		switch {
		case !known:
			return misfit{have, "does not belong to this form"}
		case len(f.values[have]) > 1 && !slices.Contains(names, have+"+"):
			return misfit{have, "came more than once"}
		}
	}
	if f.file != nil && !slices.Contains(names, "file") {
		return misfit{"file", "does not belong to this form"}
	}
	return nil
}
