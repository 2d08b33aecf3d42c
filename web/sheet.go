package web

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
)

// sheet is a list of any length that is sent as CSV. Each part is read on a View of its own, and sent when that is over, so
// no transaction is open while somebody receives slowly.
type sheet struct {
	name string // ASCII without quotes
	head []string
	part func(v *db.View) (rows [][]string, more bool, err error) // the next rows; it loads
}

// export makes a sheet of what an address asks for.
type export func(c echo.Context) (sheet, error)

// tenantExport is a door for members of the active tenant with at least the role least, to a sheet. Who loses that role
// while it is sent gets no further.
func tenantExport(least db.Role, h export) door {
	return door{policy: "tenant " + string(least), handle: func(s *Server) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, err := s.enterTenant(c)
			if err != nil {
				return err
			}
			x, err := h(r)
			if err != nil {
				return s.refuse(r, form{}, err)
			}
			read := func() (rows [][]string, more bool, err error) {
				release, err := s.limits.turn(c.Request().Context(), r.session.ClerkUser, r.session.Tenant.ID)
				if err != nil {
					return nil, false, err
				}
				defer release()
				err = s.db.Read(c.Request().Context(), r.actor(least), func(v *db.View) (err error) {
					rows, more, err = x.part(v)
					return err
				})
				return rows, more, err
			}
			rows, more, err := read()
			if err != nil {
				return s.refuse(r, form{}, err)
			}
			return send(c, x, rows, more, read)
		}
	}}
}

// cutShort is the last line of a sheet that could not be read to its end: half a file must not pass for a whole one.
const cutShort = "This file is not complete: reading it broke off here. Export it again."

// send writes a sheet, part by part.
func send(c echo.Context, x sheet, rows [][]string, more bool, read func() ([][]string, bool, error)) error {
	private(c)
	c.Response().Header().Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+x.name+`.csv"`)
	c.Response().WriteHeader(http.StatusOK)
	w, line := csv.NewWriter(c.Response()), http.NewResponseController(c.Response())
	_ = w.Write(x.head) // its errors are those of the Flush below
	for {
		for _, row := range rows {
			_ = w.Write(harmless(row))
		}
		w.Flush()
		if w.Error() != nil || !more {
			return w.Error()
		}
		if err := line.SetWriteDeadline(time.Now().Add(bodyTimeout)); err != nil {
			return err
		}
		var err error
		if rows, more, err = read(); err != nil {
			_ = w.Write([]string{cutShort})
			w.Flush()
			return err
		}
	}
}

// harmless puts a quote before each cell that a spreadsheet would take for a formula: what a stranger typed into a title
// must not run on the machine of whoever opens the file.
func harmless(row []string) []string {
	for i, cell := range row {
		if strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r") || strings.ContainsAny(firstOf(strings.TrimLeft(cell, " \u00a0")), "=+-@＝＋－＠") {
			row[i] = "'" + cell
		}
	}
	return row
}

// firstOf is the first character of s.
func firstOf(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
