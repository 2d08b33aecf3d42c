package web

import (
	"errors"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/views"
)

func (f form) get(name string) string { return f.values.Get(name) }

// line is a field of one line.
func (f form) line(name string) string { return strings.TrimSpace(f.values.Get(name)) }

// id is a field that holds an id. An id that is none is answered as one that does not exist.
func (f form) id(name string) uuid.UUID {
	id, err := uuid.Parse(f.values.Get(name))
	if err != nil {
		return uuid.Nil
	}
	return id
}

// number is a field that our own form filled with a whole number, from zero on. A form with anything else there is damaged.
func (f form) number(name string) (int, error) {
	n, err := strconv.ParseUint(f.values.Get(name), 10, 31)
	if err != nil {
		return 0, unknownValue(name)
	}
	return int(n), nil
}

// upload is the content of the file, or of the text field when no file was chosen.
func (f form) upload() (data []byte, name string, err error) {
	if f.file == nil {
		return []byte(f.get("text")), "", nil
	}
	file, err := f.file.Open()
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	data, err = io.ReadAll(io.LimitReader(file, maxUpload))
	return data, cleanName(f.file.Filename), err
}

// cleanName makes a browser's file name fit to be stored and shown.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if len([]rune(s)) > 200 {
		s = string([]rune(s)[:200])
	}
	return s
}

// kept lists what a person typed, without what our form put there itself. What is no text is shown as a mark.
func (f form) kept() []views.KeptField {
	var kept []views.KeptField
	for name, values := range f.values {
		if strings.HasPrefix(name, "take-") || slices.Contains([]string{"tenant", "token", "tenant_id", "version", "to", "return_to", "job_id", "restore", "origin", "do", "which", "id", "page", "address", "assignee"}, name) {
			continue
		}
		for _, v := range values {
			if strings.TrimSpace(v) != "" {
				kept = append(kept, views.KeptField{Name: printable(name), Value: printable(v)})
			}
		}
	}
	slices.SortFunc(kept, func(a, b views.KeptField) int { return strings.Compare(a.Name, b.Name) })
	return kept
}

// errMoney says that a text is no amount of dollars.
var errMoney = errors.New("not an amount")

// around is what people type around the digits of an amount.
var around = strings.NewReplacer("$", "", ",", "", " ", "", "\u00a0", "")

// cents reads an amount of US dollars as a person types it: "45", "1,250.50", "$60". nil for an empty text.
func cents(s string) (*int64, error) {
	s = around.Replace(s)
	if s == "" {
		return nil, nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) > 12 || len(fraction) > 2 || strings.Trim(whole+fraction, "0123456789") != "" || whole+fraction == "" {
		return nil, errMoney
	}
	n, err := strconv.ParseInt("0"+whole+(fraction + "00")[:2], 10, 64)
	if err != nil || n > math.MaxInt64/2 {
		return nil, errMoney
	}
	return &n, nil
}

// localPath tells whether s is a path of this site, and returns it. What a browser could take for another site is not: an
// authority, a backslash, a control character.
func localPath(s string) (string, bool) {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.IsAbs(), u.Host != "", u.Opaque != "", u.User != nil:
		return "", false
	case !strings.HasPrefix(s, "/"), strings.HasPrefix(s, "//"), strings.ContainsAny(s, "\\\r\n\t\x00"):
		return "", false
	}
	return s, true
}

// pathID is the :id of the address. One that is no id is answered as one that does not exist.
func pathID(c echo.Context) uuid.UUID {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return uuid.Nil
	}
	return id
}
