package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

// entities says what an :id of the address is, by the beginning of the route. The first that fits counts. What a link may lead
// to has a look whether a tenant has it.
var entities = []entity{
	{"/jobs/import/:id", control.EntityImport, job.ImportExists},
	{"/jobs/undo/:id", control.EntityUndo, nil},
	{"/jobs/searches/:id", control.EntitySearch, nil},
	{"/jobs/notes/:id", control.EntityNote, nil},
	{"/jobs/:id", control.EntityJob, job.Exists},
	{"/proposals/:id", control.EntityProposal, proposal.Exists},
}

type entity struct {
	route, name string
	exists      func(v *db.View, id uuid.UUID, into *[]uuid.UUID)
}

// fields says what an id in a form is.
var fields = map[string]struct {
	kind   control.TryKind
	entity string
}{
	"job_id":    {control.ForeignID, control.EntityJob},
	"id":        {control.ForeignID, control.EntityJob},
	"page":      {control.ForeignID, control.EntityJob},
	"assignee":  {control.ForeignID, control.EntityMember},
	"tenant_id": {control.Switching, control.EntityOrganization},
}

func entityOf(route string) (entity, bool) {
	for _, e := range entities {
		if strings.HasPrefix(route, e.route) {
			return e, true
		}
	}
	return entity{}, false
}

// watched refuses a route of tenants whose :id nobody would take notice of.
func (r route) watched() error {
	if _, known := entityOf(r.path); !known && strings.HasPrefix(r.door.policy, "tenant ") && strings.Contains(r.path, ":") {
		return fmt.Errorf("web: %s: what is its id? Add it to the table of entities", r.path)
	}
	return nil
}

// notice takes notice of an answer that may have been a try at another organization's data. It comes after the answer, and
// does the same whether the id exists or not, so that no time tells.
func (s *Server) notice(r *request, f form, own uuid.UUID, err error) {
	for _, t := range tries(r, f, own, err) {
		t.Person, t.Own, t.RequestID, t.At = r.session.ClerkUser, own, requestID(r), time.Now()
		s.watch.See(t)
	}
}

// noticeNone takes notice of ids of none of the tenant's jobs that came among its own: the others were changed.
func (s *Server) noticeNone(r *request) {
	for _, id := range r.none {
		s.watch.See(control.Try{Kind: control.ForeignID, Entity: control.EntityJob, ID: id,
			Person: r.session.ClerkUser, Own: r.session.Tenant.ID, RequestID: requestID(r), At: time.Now()})
	}
}

// tries is what a refused request may have tried.
func tries(r *request, f form, own uuid.UUID, err error) []control.Try {
	switch {
	case errors.Is(err, db.ErrNotFound), errors.Is(err, errForm): // whose a row is that a damaged form is for, nobody has looked
		return foreign(r, f)
	case errors.Is(err, errWrongTenant):
		if id := f.id("tenant"); id != uuid.Nil {
			return []control.Try{{Kind: control.ForeignForm, Entity: control.EntityOrganization, ID: id}}
		}
	case own != uuid.Nil && refusedWrite(r, err):
		t := control.Try{Kind: control.RefusedWrite, Entity: control.EntityPage}
		if e, ok := entityOf(r.Path()); ok {
			t.Entity, t.ID = e.name, pathID(r)
		}
		return []control.Try{t}
	}
	return nil
}

// refusedWrite tells whether somebody's role, or the database itself, has refused a change.
func refusedWrite(r *request, err error) bool {
	if errors.Is(err, db.ErrDenied) {
		return true
	}
	return r.Request().Method == http.MethodPost && (errors.Is(err, db.ErrForbidden) || errors.Is(err, db.ErrNotMember))
}

// foreign is every id that a request named.
func foreign(r *request, f form) (all []control.Try) {
	if e, ok := entityOf(r.Path()); ok && pathID(r) != uuid.Nil {
		all = append(all, control.Try{Kind: control.ForeignID, Entity: e.name, ID: pathID(r)})
	}
	for name, field := range fields {
		for _, value := range f.values[name] {
			for one := range strings.FieldsSeq(value) {
				if id, err := uuid.Parse(one); err == nil && id != uuid.Nil && len(all) < maxTries {
					all = append(all, control.Try{Kind: field.kind, Entity: field.entity, ID: id})
				}
			}
		}
	}
	return all
}

// maxTries is how many ids of one form are looked at: as many as a form of ours can have.
const maxTries = job.MaxSet
