package web

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/views"
)

// audit is who did what in the active organization, and what was tried from outside.
func (h *handlers) audit(c echo.Context, v *db.View) (templ.Component, error) {
	p := views.AuditPage{Filter: typedAudit(c.QueryParams())}
	filter, problems := auditFilter(p.Filter)
	p.Errors = problems
	if before := c.QueryParam("before"); before != "" {
		cursor, err := audit.ParseCursor(before)
		if err != nil {
			return nil, db.ErrNotFound
		}
		filter.Before, p.First = &cursor, withParam(c.Request().URL, "before", "")
	}
	audit.List(v, filter, audit.PageSize, &p.Rows)
	member.Everybody(v, &p.Members)
	if err := v.Load(); err != nil {
		return nil, err
	}
	if len(p.Rows) > audit.PageSize {
		p.Rows = p.Rows[:audit.PageSize]
		p.Next = withParam(c.Request().URL, "before", p.Rows[audit.PageSize-1].Place().String())
	}
	p.Shell = signedIn(c).shell("Audit", "organization", v.Member().Role)
	return views.Audit(p), nil
}

func typedAudit(q url.Values) views.AuditFilter {
	return views.AuditFilter{Person: searchText(q.Get("person")), Event: searchText(q.Get("event")), Entity: searchText(q.Get("entity")),
		From: searchText(q.Get("from")), Until: searchText(q.Get("until"))}
}

// auditFilter reads what stands in the address. What cannot be read is said beside its field and filters nothing.
func auditFilter(t views.AuditFilter) (audit.Filter, views.Errors) {
	f, problems := audit.Filter{Event: t.Event, Entity: t.Entity, Worker: t.Person == "app"}, views.Errors{}
	if id, err := uuid.Parse(t.Person); err == nil {
		f.Person = &id
	}
	f.From = date(t.From, "from", problems)
	if f.Until = date(t.Until, "until", problems); !f.Until.IsZero() {
		f.Until = f.Until.AddDate(0, 0, 1) // the day itself is in it
	}
	return f, problems
}

// date is the beginning of a day, UTC, or a problem.
func date(s, name string, problems views.Errors) time.Time {
	if s == "" {
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil || day.Year() < 1970 {
		problems[name] = "Give a day like 2026-05-31."
		return time.Time{}
	}
	return day
}

// exportAudit is the audit as a file, narrowed as the page is.
func (h *handlers) exportAudit(c echo.Context) (sheet, error) {
	filter, problems := auditFilter(typedAudit(c.QueryParams()))
	if len(problems) > 0 {
		return sheet{}, db.ErrNotFound
	}
	return sheet{
		name: "audit-" + time.Now().UTC().Format("20060102-1504"),
		head: []string{"time", "event", "actor", "entity", "entity_id", "request_id", "detail"},
		part: func(v *db.View) ([][]string, bool, error) {
			var entries []audit.Entry
			audit.List(v, filter, audit.PartSize, &entries)
			if err := v.Load(); err != nil {
				return nil, false, err
			}
			more := len(entries) > audit.PartSize
			if more {
				entries = entries[:audit.PartSize]
				place := entries[audit.PartSize-1].Place()
				filter.Before = &place
			}
			rows := make([][]string, len(entries))
			for i, e := range entries {
				rows[i] = auditRow(e)
			}
			return rows, more, nil
		},
	}, nil
}

func auditRow(e audit.Entry) []string {
	id := ""
	if e.EntityID != nil {
		id = e.EntityID.String()
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		detail = nil // it came from JSON
	}
	return []string{e.CreatedAt.UTC().Format(time.RFC3339Nano), e.Event, e.Actor, e.Entity, id, e.RequestID, string(detail)}
}
