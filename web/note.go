package web

import (
	"errors"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/views"
)

// addNote notes something about a job.
func (h *handlers) addNote(c echo.Context, tx *db.Tx) (string, error) {
	r, id := signedIn(c), pathID(c)
	if err := r.form.only("note"); err != nil {
		return "", err
	}
	if err := app.AddNote(c.Request().Context(), tx, id, r.form.get("note")); err != nil {
		return "", noteError(err, id, uuid.Nil)
	}
	r.say("The note was added.")
	return jobNotes(id), nil
}

// changeNote changes or deletes a note of the person's own.
func (h *handlers) changeNote(c echo.Context, tx *db.Tx) (string, error) {
	r, ctx := signedIn(c), c.Request().Context()
	if err := r.form.only("do", "note"); err != nil {
		return "", err
	}
	var about uuid.UUID
	var err error
	switch r.form.get("do") {
	case "save":
		about, err = app.EditNote(ctx, tx, pathID(c), r.form.get("note"))
		r.say("The note was saved.")
	case "delete":
		about, err = app.DeleteNote(ctx, tx, pathID(c))
		r.say("The note was deleted.")
	default:
		err = unknownValue("do")
	}
	if err != nil {
		r.say("")
		return "", noteError(err, about, pathID(c))
	}
	return jobNotes(about), nil
}

func jobNotes(job uuid.UUID) string { return "/jobs/" + job.String() + "#notes" }

// noteError draws the job again with the note as it was typed: a new one, or the one that was being changed.
func noteError(err error, about, note uuid.UUID) error {
	var rule *app.Error
	if !errors.As(err, &rule) {
		return err
	}
	return redraw(err, func(c echo.Context, v *db.View) (templ.Component, error) {
		return jobPage(c, v, about, func(p *views.JobPage) {
			p.Errors = views.Errors{"note": rule.Fields["note"]}
			p.Typed = views.TypedNote{ID: note, Text: signedIn(c).form.get("note")}
		})
	})
}
