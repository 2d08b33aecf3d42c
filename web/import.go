package web

import (
	"errors"
	"fmt"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/views"
)

func (h *handlers) importForm(c echo.Context, v *db.View) (templ.Component, error) {
	return importPage(c, v, "", nil)
}

func importPage(c echo.Context, v *db.View, text string, problems views.Errors) (templ.Component, error) {
	p := views.ImportPage{Text: text, Errors: problems}
	job.Imports(v, &p.Recent)
	if err := v.Load(); err != nil {
		return nil, err
	}
	p.CanWrite = v.Member().Role.AtLeast(db.MemberRole)
	p.Shell = signedIn(c).shell("Import jobs", "jobs", v.Member().Role)
	return views.Import(p), nil
}

// previewImport keeps what was uploaded and shows what importing it would do. It changes no job.
func (h *handlers) previewImport(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	// A browser sends the file field as a text when no file was chosen.
	if err := r.form.only("text", "file"); err != nil {
		return "", err
	}
	data, name, err := r.form.upload()
	if err != nil {
		return "", err
	}
	id, err := app.PreviewImport(c.Request().Context(), tx, data, name)
	var rule *app.Error
	if errors.As(err, &rule) && rule.Code == app.Invalid {
		where := "text"
		if name != "" {
			where = "file"
		}
		return "", redraw(err, func(c echo.Context, v *db.View) (templ.Component, error) {
			return importPage(c, v, r.form.get("text"), views.Errors{where: rule.Message})
		})
	}
	if err != nil {
		return "", err
	}
	return "/jobs/import/" + id.String(), nil
}

func (h *handlers) importResult(c echo.Context, v *db.View) (templ.Component, error) {
	p := views.ImportResultPage{}
	job.GetImport(v, pathID(c), signedIn(c).session.ClerkUser, &p.Import, &p.Rows)
	if err := v.Load(); err != nil {
		return nil, err
	}
	p.CanWrite = v.Member().Role.AtLeast(db.MemberRole)
	p.Shell = signedIn(c).shell("Import", "jobs", v.Member().Role)
	return views.ImportResult(p), nil
}

func (h *handlers) confirmImport(c echo.Context, tx *db.Tx) (string, error) {
	r := signedIn(c)
	if err := r.form.only(); err != nil {
		return "", err
	}
	done, undo, err := app.ConfirmImport(c.Request().Context(), tx, pathID(c))
	if err != nil {
		return "", err
	}
	r.offerUndo(imported(done), undoPath(undo))
	return "/jobs/import/" + pathID(c).String(), nil
}

// imported says what an import did.
func imported(n map[job.Outcome]int) string {
	var parts []string
	for _, o := range []job.Outcome{job.RowNew, job.RowUpdated, job.RowSame, job.RowFailed} {
		if n[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[o], map[job.Outcome]string{
				job.RowNew: "new", job.RowUpdated: "updated", job.RowSame: "known already", job.RowFailed: "not usable"}[o]))
		}
	}
	return "Imported: " + strings.Join(parts, ", ") + "."
}
