package web

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/views"
)

// maxOwn is in how many of a person's other organizations a link is looked for.
const maxOwn = 8

// own looks for what a link leads to in the person's other organizations, each behind its own gate and as its member. Those
// of others are not asked, so neither the answer nor its time depends on what they have.
func (s *Server) own(r *request, err error) (views.OwnPage, bool) {
	e, _ := entityOf(r.Path())
	id := pathID(r)
	if !errors.Is(err, db.ErrNotFound) || e.exists == nil || id == uuid.Nil || len(r.session.Organizations) < 2 || !wholePage(r.Request()) {
		return views.OwnPage{}, false
	}
	known, err := s.others(r)
	for _, k := range known {
		found, lookErr := s.has(r, k.Tenant(), e, id)
		if found {
			return views.OwnPage{Shell: r.shell("Another organization", "", ""), Name: k.Name, ID: k.Tenant().ID, Path: local(r.Request().URL)}, true
		}
		err = errors.Join(err, lookErr)
	}
	if err != nil { // it stays not found: the tenant that was asked for has answered
		s.log.LogAttrs(r.Request().Context(), slog.LevelWarn, "a link was not looked for everywhere", slog.String("request_id", requestID(r)), slog.Any("error", err))
	}
	return views.OwnPage{}, false
}

// wholePage tells whether a browser asks for a whole page, not a script for a part of one.
func wholePage(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" && slices.Contains([]string{"", "document"}, r.Header.Get("Sec-Fetch-Dest"))
}

// others are the person's organizations beside the active one.
func (s *Server) others(r *request) (known []control.Known, err error) {
	err = s.db.Control(r.Request().Context(), func(tx *db.ControlTx) error {
		return control.Directory(r.Request().Context(), tx, r.session.ClerkUser, &known)
	})
	known = slices.DeleteFunc(known, func(k control.Known) bool { return k.Tenant().ID == r.session.Tenant.ID })
	return known[:min(len(known), maxOwn)], err
}

// has tells whether a tenant has a row, to one of its members. To anybody else it has none. Each look counts as a request.
func (s *Server) has(r *request, t db.Tenant, e entity, id uuid.UUID) (bool, error) {
	if err := s.limits.admit(r.session.ClerkUser, t.ID); err != nil {
		return false, err
	}
	release, err := s.limits.turn(r.Request().Context(), r.session.ClerkUser, t.ID)
	if err != nil {
		return false, err
	}
	defer release()
	var ids []uuid.UUID
	err = s.db.Read(r.Request().Context(), r.actorIn(t, db.Viewer), func(v *db.View) error {
		e.exists(v, id, &ids)
		return v.Load()
	})
	if errors.Is(err, db.ErrRefused) || errors.Is(err, db.ErrNotMember) {
		return false, nil
	}
	return err == nil && len(ids) > 0, err
}
