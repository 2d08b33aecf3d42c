package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v3"
)

// apiError is an error in Clerk's shape.
type apiError struct {
	status        int
	code, message string
}

var (
	errNotFound = &apiError{http.StatusNotFound, "resource_not_found", "Resource not found"}
	errNoKey    = &apiError{http.StatusUnauthorized, "authorization_header_format_invalid", `Invalid Authorization header format. Must be "Bearer <YOUR_API_KEY>"`}
	errKey      = &apiError{http.StatusUnauthorized, "clerk_key_invalid", "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct."}
	errBody     = &apiError{http.StatusBadRequest, "request_body_invalid", "The request body is invalid. Please consult the API documentation for more information."}
	errState    = &apiError{http.StatusInternalServerError, "internal_clerk_error", "The sandbox could not keep its state."}
)

// api is the door of the Backend API: the secret key in, JSON out.
func (s *Server) api(h func(*http.Request) (any, *apiError)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case !ok:
			s.writeError(w, errNoKey)
		case subtle.ConstantTimeCompare([]byte(key), []byte(s.state.data.Secret)) != 1:
			s.writeError(w, errKey)
		default:
			s.public(h)(w, r)
		}
	}
}

// public is a door without a key.
func (s *Server) public(h func(*http.Request) (any, *apiError)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, fail := h(r)
		if fail != nil {
			s.writeError(w, fail)
			return
		}
		s.write(w, http.StatusOK, body)
	}
}

func (s *Server) writeError(w http.ResponseWriter, e *apiError) {
	s.write(w, e.status, object{"clerk_trace_id": strings.ToLower(rand.Text()),
		"errors": []any{object{"code": e.code, "message": e.message, "long_message": e.message, "meta": object{}}}})
}

func (s *Server) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Warn("sandbox answer", "error", err)
	}
}

// object is a JSON object.
type object = map[string]any

func (s *Server) jwks(*http.Request) (any, *apiError) {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.signer.public}}, nil
}

// handshakePayload gives out the directives that a nonce stands for, once.
func (s *Server) handshakePayload(r *http.Request) (any, *apiError) {
	directives, ok := s.state.takeNonce(r.URL.Query().Get("nonce"), s.now())
	if !ok {
		return nil, errNotFound
	}
	return object{"directives": directives}, nil
}

// find looks something up and draws it while nothing else changes.
func (s *Server) find(draw func(*saved) (any, bool)) (body any, fail *apiError) {
	fail = errNotFound
	s.state.look(func(d *saved) {
		if v, ok := draw(d); ok {
			body, fail = v, nil
		}
	})
	return body, fail
}

func (s *Server) getUser(r *http.Request) (any, *apiError) {
	return s.find(func(d *saved) (any, bool) {
		p, ok := d.People[r.PathValue("id")]
		return userJSON(p), ok
	})
}

// getOrganization takes an id or a slug, as Clerk does.
func (s *Server) getOrganization(r *http.Request) (any, *apiError) {
	return s.find(func(d *saved) (any, bool) {
		o, ok := d.organization(r.PathValue("id"))
		if !ok {
			return nil, false
		}
		return organizationJSON(o), true
	})
}

func (d *saved) organization(key string) (*organization, bool) {
	if o, ok := d.Organizations[key]; ok {
		return o, true
	}
	for _, o := range d.Organizations {
		if key != "" && o.Slug == key {
			return o, true
		}
	}
	return nil, false
}

func (s *Server) userMemberships(r *http.Request) (any, *apiError) {
	var all []any
	_, fail := s.find(func(d *saved) (any, bool) {
		p, ok := d.People[r.PathValue("id")]
		for _, o := range d.memberships(p.ID) {
			all = append(all, membershipJSON(o, p))
		}
		return nil, ok
	})
	if fail != nil {
		return nil, fail
	}
	return list(r, all)
}

// userInvitations are those that wait for an answer; the sandbox keeps no others.
func (s *Server) userInvitations(r *http.Request) (any, *apiError) {
	var all []any
	_, fail := s.find(func(d *saved) (any, bool) {
		p, ok := d.People[r.PathValue("id")]
		for _, o := range d.invitations(p.ID) {
			all = append(all, invitationJSON(o, p, s.URL()))
		}
		return nil, ok
	})
	if fail != nil {
		return nil, fail
	}
	return list(r, all)
}

// invitations are the organizations that have invited a person, in an order that is always the same.
func (d *saved) invitations(person string) (all []*organization) {
	for _, o := range d.Organizations {
		if _, ok := o.Invited[person]; ok {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *organization) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// accept makes whoever a ticket was made for a member, and leads back to the app, as Clerk does. A ticket that was used
// already, or is none, changes nothing.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) {
	status := "failed"
	err := s.state.change(func(d *saved) error {
		for _, o := range d.Organizations {
			for person, role := range o.Invited {
				if r.URL.Query().Get("ticket") == ticket(o, person) {
					delete(o.Invited, person)
					o.Members[person], status = role, "complete"
					if v, ok := d.of(client(r), s.now()); ok && v.Person == person {
						d.choose(v, o.ID)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		s.fail(w, "accepting an invitation", err)
		return
	}
	http.Redirect(w, r, s.app+"/?__clerk_status="+status, http.StatusSeeOther)
}

func (s *Server) organizationMemberships(r *http.Request) (any, *apiError) {
	var all []any
	_, fail := s.find(func(d *saved) (any, bool) {
		o, ok := d.organization(r.PathValue("id"))
		if !ok {
			return nil, false
		}
		var ids []string
		for id := range o.Members {
			ids = append(ids, id)
		}
		slices.Sort(ids) // pages must not overlap
		for _, id := range ids {
			all = append(all, membershipJSON(o, d.People[id]))
		}
		return nil, true
	})
	if fail != nil {
		return nil, fail
	}
	return list(r, all)
}

// list is one page in Clerk's shape: ten unless asked otherwise, five hundred at most.
func list(r *http.Request, all []any) (any, *apiError) {
	limit, fail := number(r, "limit", 10, 1, 500)
	offset, fail2 := number(r, "offset", 0, 0, 1<<30)
	if fail != nil || fail2 != nil {
		return nil, &apiError{http.StatusUnprocessableEntity, "form_param_format_invalid", "limit must be 1 to 500 and offset at least 0"}
	}
	from := min(offset, len(all))
	page := append([]any{}, all[from:min(from+limit, len(all))]...)
	return object{"data": page, "total_count": len(all)}, nil
}

func number(r *http.Request, name string, usual, least, most int) (int, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(v)
	if err == nil && (n < least || n > most) {
		err = strconv.ErrRange
	}
	return n, err
}

// createOrganization makes an organization; who creates it becomes its administrator.
func (s *Server) createOrganization(r *http.Request) (body any, fail *apiError) {
	var in struct {
		Name      string `json:"name"`
		Slug      string `json:"slug"`
		CreatedBy string `json:"created_by"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		return nil, errBody
	}
	switch n := utf8.RuneCountInString(in.Name); {
	case strings.TrimSpace(in.Name) == "":
		return nil, &apiError{http.StatusUnprocessableEntity, "form_param_missing", "name must be included."}
	case n > 256:
		return nil, &apiError{http.StatusUnprocessableEntity, "form_param_max_length_exceeded", "name must not exceed 256 characters."}
	}
	err := s.state.change(func(d *saved) error {
		body, fail = d.createOrganization(s, in.Name, in.Slug, in.CreatedBy)
		return nil
	})
	if err != nil {
		return nil, errState
	}
	return body, fail
}

func (d *saved) createOrganization(s *Server, name, slug, by string) (any, *apiError) {
	if _, ok := d.People[by]; !ok {
		return nil, errNotFound
	}
	if len(d.Organizations) >= maxOrganizations {
		return nil, &apiError{http.StatusForbidden, "organization_instance_quota_exceeded", errFull.Error()}
	}
	if _, taken := d.organization(slug); taken {
		return nil, &apiError{http.StatusUnprocessableEntity, "form_identifier_exists", "That slug is taken. Please try another."}
	}
	if slug == "" {
		slug = d.freeSlug(name)
	}
	o := &organization{Organization{ID: "org_" + rand.Text(), Name: name, Slug: slug, CreatedBy: by, Members: map[string]string{by: "org:admin"}}, s.now()}
	d.Organizations[o.ID] = o
	return organizationJSON(o), nil
}

// freeSlug makes a slug of a name that no other organization has.
func (d *saved) freeSlug(name string) string {
	base := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-")
	if base == "" {
		base = "organization"
	}
	taken := map[string]bool{}
	for _, o := range d.Organizations {
		taken[o.Slug] = true
	}
	slug := base
	for i := 2; taken[slug]; i++ {
		slug = base + "-" + strconv.Itoa(i)
	}
	return slug
}

func (s *Server) getSession(r *http.Request) (any, *apiError) {
	return s.find(func(d *saved) (any, bool) {
		v, ok := d.Sessions[r.PathValue("id")]
		if !ok {
			return nil, false
		}
		return sessionJSON(v, s.now()), true
	})
}

func (s *Server) revokeSession(r *http.Request) (body any, fail *apiError) {
	err := s.state.change(func(d *saved) error {
		v, ok := d.Sessions[r.PathValue("id")]
		if !ok {
			fail = errNotFound
			return nil
		}
		if v.Status == active {
			v.Status = revoked
		}
		body = sessionJSON(v, s.now())
		return nil
	})
	if err != nil {
		return nil, errState
	}
	return body, fail
}
