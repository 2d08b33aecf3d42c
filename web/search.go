package web

import (
	"context"
	"errors"
	"net/url"

	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/views"
)

// searchName is the name that a form gives a search.
func (r *request) searchName() (string, error) {
	name := r.form.line("name")
	if n := len([]rune(name)); n < 1 || n > 60 {
		return "", &app.Error{Code: app.Invalid, Message: "Give the search a name of at most 60 characters."}
	}
	return name, nil
}

// saveSearch keeps the filter of the list under a name.
func (h *handlers) saveSearch(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("name", "address"); err != nil {
		return "", err
	}
	q, err := url.ParseQuery(r.form.get("address"))
	if err != nil {
		return "", unknownValue("address")
	}
	typed := typedFilter(q)
	filter, problems := jobFilter(typed)
	if len(problems) > 0 {
		return "", unknownValue("address")
	}
	name, err := r.searchName()
	if err != nil {
		return "", err
	}
	err = job.SaveSearch(c.Request().Context(), tx, name, typed.Address(), filter)
	if errors.Is(err, job.ErrTooMany) {
		return "", &app.Error{Code: app.Refused, Message: "You keep 20 searches, which is the most. Delete one first.", Cause: err}
	}
	if err != nil {
		return "", err
	}
	r.say("“" + name + "” was saved. What comes from now on counts as new.")
	return "/jobs?" + typed.Address(), nil
}

// searchActions are what the buttons of a saved search do. Each says what it did and where to go.
var searchActions = map[string]func(context.Context, *request, *db.Tx, job.Search) (said, next string, err error){
	"open": func(ctx context.Context, _ *request, tx *db.Tx, s job.Search) (string, string, error) {
		return "", views.SearchPath(s), job.LookAt(ctx, tx, s)
	},
	"rename": func(ctx context.Context, r *request, tx *db.Tx, s job.Search) (string, string, error) {
		name, err := r.searchName()
		if err != nil {
			return "", "", err
		}
		err = job.RenameSearch(ctx, tx, s, name)
		if errors.Is(err, db.ErrConflict) {
			err = &app.Error{Code: app.Refused, Message: "You have another search called “" + name + "”.", Cause: err}
		}
		return "“" + s.Name + "” is now called “" + name + "”.", views.SearchPath(s), err
	},
	"delete": func(ctx context.Context, _ *request, tx *db.Tx, s job.Search) (string, string, error) {
		return "“" + s.Name + "” was deleted. No job was.", views.SearchPath(s), job.DeleteSearch(ctx, tx, s)
	},
	"default": func(ctx context.Context, _ *request, tx *db.Tx, s job.Search) (string, string, error) {
		return "The list now opens with “" + s.Name + "”.", views.SearchPath(s), job.SetDefault(ctx, tx, s, true)
	},
	"plain": func(ctx context.Context, _ *request, tx *db.Tx, s job.Search) (string, string, error) {
		return "The list opens with all jobs again.", views.SearchPath(s), job.SetDefault(ctx, tx, s, false)
	},
}

// changeSearch opens, renames or deletes a saved search of the person's, or lets the list begin with it.
func (h *handlers) changeSearch(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only("do", "name"); err != nil {
		return "", err
	}
	act, known := searchActions[r.form.get("do")]
	if !known {
		return "", unknownValue("do")
	}
	ctx := c.Request().Context()
	s, err := job.LockSearch(ctx, tx, pathID(c))
	if err != nil {
		return "", err
	}
	said, next, err := act(ctx, r, tx, s)
	if err != nil {
		return "", err
	}
	r.say(said)
	return next, nil
}
