package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
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
	errKey      = &apiError{http.StatusUnauthorized, "authentication_invalid", "Invalid authentication"}
	errBody     = &apiError{http.StatusBadRequest, "request_body_invalid", "Request body invalid"}
)

// api is the door of the Backend API: the secret key in, JSON out.
func (s *Server) api(h func(*http.Request) (any, *apiError)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var (
			body any
			fail = errKey
		)
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if ok && subtle.ConstantTimeCompare([]byte(key), []byte(secretKey)) == 1 {
			body, fail = h(r)
		}
		w.Header().Set("Content-Type", "application/json")
		if fail != nil {
			w.WriteHeader(fail.status)
			body = map[string]any{"errors": []any{map[string]any{"code": fail.code, "message": fail.message, "long_message": fail.message, "meta": map[string]any{}}},
				"clerk_trace_id": strings.ToLower(rand.Text())}
		}
		if err := json.NewEncoder(w).Encode(body); err != nil {
			s.log.Warn("sandbox answer", "error", err)
		}
	}
}

func (s *Server) jwks(*http.Request) (any, *apiError) {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.signer.public}}, nil
}

func (s *Server) getUser(r *http.Request) (any, *apiError) {
	var p Person
	var ok bool
	s.state.look(func(d *saved) { p, ok = d.People[r.PathValue("id")] })
	if !ok {
		return nil, errNotFound
	}
	first, last, _ := strings.Cut(p.Name, " ")
	email := "idn_" + strings.TrimPrefix(p.ID, "user_")
	return map[string]any{
		"object": "user", "id": p.ID, "first_name": first, "last_name": last, "has_image": false, "primary_email_address_id": email,
		"email_addresses": []any{map[string]any{"object": "email_address", "id": email, "email_address": p.Email,
			"verification": map[string]any{"status": "verified", "strategy": "sandbox"}}},
	}, nil
}

func (s *Server) organizationJSON(o *Organization) map[string]any {
	return map[string]any{
		"object": "organization", "id": o.ID, "name": o.Name, "slug": o.Slug, "created_by": o.CreatedBy, "has_image": false,
		"members_count": len(o.Members), "max_allowed_memberships": maxMembers, "admin_delete_enabled": true,
		"public_metadata": map[string]any{}, "private_metadata": map[string]any{},
	}
}

func (s *Server) membershipJSON(o *Organization, p Person) map[string]any {
	first, last, _ := strings.Cut(p.Name, " ")
	return map[string]any{
		"object": "organization_membership", "id": "orgmem_" + strings.TrimPrefix(o.ID, "org_") + strings.TrimPrefix(p.ID, "user_"),
		"role": o.Members[p.ID], "permissions": []string{}, "organization": s.organizationJSON(o),
		"public_user_data": map[string]any{"user_id": p.ID, "first_name": first, "last_name": last, "identifier": p.Email, "has_image": false},
	}
}

// list is one page in Clerk's shape: ten unless asked otherwise, five hundred at most.
func list(r *http.Request, all []any) (any, *apiError) {
	limit, offset := 10, 0
	for name, into := range map[string]*int{"limit": &limit, "offset": &offset} {
		v := r.URL.Query().Get(name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || (name == "limit" && (n < 1 || n > 500)) {
			return nil, &apiError{http.StatusUnprocessableEntity, "form_param_format_invalid", name + " is not in range"}
		}
		*into = n
	}
	total := len(all)
	from := min(offset, total)
	page := all[from:min(from+limit, total)]
	if page == nil {
		page = []any{}
	}
	return map[string]any{"data": page, "total_count": total}, nil
}

func (s *Server) userMemberships(r *http.Request) (any, *apiError) {
	var (
		all []any
		ok  bool
	)
	s.state.look(func(d *saved) {
		var p Person
		if p, ok = d.People[r.PathValue("id")]; !ok {
			return
		}
		for _, o := range d.memberships(p.ID) {
			all = append(all, s.membershipJSON(o, p))
		}
	})
	if !ok {
		return nil, errNotFound
	}
	return list(r, all)
}

func (s *Server) organizationMemberships(r *http.Request) (any, *apiError) {
	var (
		all []any
		ok  bool
	)
	s.state.look(func(d *saved) {
		var o *Organization
		if o, ok = d.Organizations[r.PathValue("id")]; !ok {
			return
		}
		for id := range o.Members {
			all = append(all, s.membershipJSON(o, d.People[id]))
		}
	})
	if !ok {
		return nil, errNotFound
	}
	return list(r, all)
}

func (s *Server) getOrganization(r *http.Request) (body any, fail *apiError) {
	fail = errNotFound
	s.state.look(func(d *saved) {
		if o, ok := d.Organizations[r.PathValue("id")]; ok {
			body, fail = s.organizationJSON(o), nil
		}
	})
	return body, fail
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
	if n := utf8.RuneCountInString(strings.TrimSpace(in.Name)); n == 0 || n > 256 {
		return nil, &apiError{http.StatusUnprocessableEntity, "form_param_format_invalid", "The name must have 1 to 256 characters."}
	}
	err := s.state.change(func(d *saved) error {
		if _, ok := d.People[in.CreatedBy]; !ok {
			fail = errNotFound
			return nil
		}
		if len(d.Organizations) >= maxOrganizations {
			return errFull
		}
		o := &Organization{ID: "org_" + rand.Text(), Name: in.Name, Slug: d.freeSlug(in.Slug, in.Name), CreatedBy: in.CreatedBy,
			Members: map[string]string{in.CreatedBy: "org:admin"}}
		d.Organizations[o.ID] = o
		body = s.organizationJSON(o)
		return nil
	})
	if err != nil {
		return nil, &apiError{http.StatusInsufficientStorage, "sandbox_full", err.Error()}
	}
	return body, fail
}

// freeSlug makes a slug of the wish, or of the name, that no other organization has.
func (d *saved) freeSlug(wish, name string) string {
	if wish == "" {
		wish = name
	}
	slug := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, wish), "-")
	taken := map[string]bool{"": true}
	for _, o := range d.Organizations {
		taken[o.Slug] = true
	}
	for i := 2; taken[slug]; i++ {
		slug = strings.TrimRight(slug, "0123456789") + strconv.Itoa(i)
	}
	return slug
}

func (s *Server) sessionJSON(v *session) map[string]any {
	ms := v.CreatedAt.UnixMilli()
	return map[string]any{"object": "session", "id": v.ID, "client_id": "client_sandbox", "user_id": v.Person, "status": v.Status,
		"last_active_at": ms, "created_at": ms, "updated_at": ms, "expire_at": v.CreatedAt.Add(7 * 24 * time.Hour).UnixMilli(),
		"abandon_at": v.CreatedAt.Add(30 * 24 * time.Hour).UnixMilli()}
}

func (s *Server) getSession(r *http.Request) (body any, fail *apiError) {
	fail = errNotFound
	s.state.look(func(d *saved) {
		if v, ok := d.Sessions[r.PathValue("id")]; ok {
			body, fail = s.sessionJSON(v), nil
		}
	})
	return body, fail
}

func (s *Server) revokeSession(r *http.Request) (body any, fail *apiError) {
	fail = errNotFound
	err := s.state.change(func(d *saved) error {
		if v, ok := d.Sessions[r.PathValue("id")]; ok {
			v.Status = "revoked"
			body, fail = s.sessionJSON(v), nil
		}
		return nil
	})
	if err != nil {
		return nil, &apiError{http.StatusInternalServerError, "sandbox_state", "The state could not be kept."}
	}
	return body, fail
}

// handshakePayload gives out the directives that a nonce stands for, once.
func (s *Server) handshakePayload(r *http.Request) (any, *apiError) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	name := r.URL.Query().Get("nonce")
	n, ok := s.state.nonces[name]
	delete(s.state.nonces, name)
	if !ok || s.now().After(n.until) {
		return nil, errNotFound
	}
	return map[string]any{"directives": n.directives}, nil
}
