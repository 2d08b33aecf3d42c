package clerk

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNothingButAnIdOfItsKindGetsIntoAnAddress(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	i.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) })
	ctx := t.Context()
	for _, bad := range []string{"", "../users/user_victim", "user_1/../user_2", "org_a?x=1", "user_", "user_1\n", "user_1%2f", "sess_1 ", "user_é", "user_" + strings.Repeat("1", 65)} {
		for call, do := range map[string]func() error{
			"Person":             func() error { _, err := i.Person(ctx, bad); return err },
			"Invitations":        func() error { _, err := i.Invitations(ctx, bad); return err },
			"Memberships":        func() error { _, err := i.Memberships(ctx, bad); return err },
			"CreateOrganization": func() error { _, err := i.CreateOrganization(ctx, "A", bad); return err },
			"SessionActive":      func() error { _, err := i.SessionActive(ctx, bad); return err },
			"RevokeSession":      func() error { return i.RevokeSession(ctx, bad) },
		} {
			if do() == nil {
				t.Errorf("%s took %q", call, bad)
			}
		}
	}
	if _, err := i.Person(ctx, "sess_1"); err == nil {
		t.Error("Person took a session")
	}
}

func TestAPersonHasThePrimaryAddress(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	i.mux.HandleFunc("GET /v1/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{
			"user_1": map[string]any{"id": "user_1", "first_name": "Ana", "last_name": "Öz", "image_url": "https://img.clerk.com/a", "primary_email_address_id": "idn_2",
				"email_addresses": []any{nil, map[string]any{"id": "idn_1", "email_address": "old@example.com"}, map[string]any{"id": "idn_2", "email_address": "Ana@Example.com"}}},
			"user_2": map[string]any{"id": "user_2", "first_name": nil, "primary_email_address_id": nil},
			"user_3": map[string]any{"id": "user_1"},
		}[r.PathValue("id")])
	})
	ctx := t.Context()
	if got, err := i.Person(ctx, "user_1"); err != nil || got != (Person{ID: "user_1", Email: "ana@example.com", Name: "Ana Öz", ImageURL: "https://img.clerk.com/a"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := i.Person(ctx, "user_2"); err != nil || got != (Person{ID: "user_2"}) {
		t.Errorf("got %+v, %v for somebody without a name and address", got, err)
	}
	if got, err := i.Person(ctx, "user_3"); err == nil {
		t.Errorf("got %+v when asked for somebody else", got)
	}
}

// membershipServer lists n memberships, claims total, and counts the pages it was asked for.
func membershipServer(i *instance, n, total int) *[]string {
	var pages []string
	i.mux.HandleFunc("GET /v1/users/user_1/organization_memberships", func(w http.ResponseWriter, r *http.Request) {
		pages = append(pages, r.URL.RawQuery)
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		data := []any{}
		for k := offset; k < min(n, offset+limit); k++ {
			data = append(data, map[string]any{"id": fmt.Sprint("orgmem_", k), "role": "org:member", "updated_at": 1700000000123,
				"organization": map[string]any{"id": fmt.Sprint("org_", k), "name": "N", "created_by": "user_9"}})
		}
		answer(w, map[string]any{"data": data, "total_count": total})
	})
	return &pages
}

func TestMembershipsAreReadToTheEnd(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 500, 501, 1203} {
		i := start(t, "live")
		pages := membershipServer(i, n, n)

		got, err := i.Memberships(t.Context(), "user_1")

		if err != nil || len(got) != n || len(*pages) != max(1, (n+499)/500) {
			t.Errorf("%d: got %d on the pages %v, %v", n, len(got), *pages, err)
		}
		if n > 0 {
			want := Membership{ID: fmt.Sprint("orgmem_", n-1), OrganizationID: fmt.Sprint("org_", n-1), OrganizationName: "N", CreatedBy: "user_9",
				Role: "org:member", UpdatedAt: time.UnixMilli(1700000000123)}
			if got[n-1] != want {
				t.Errorf("%d: the last is %+v, want %+v", n, got[n-1], want)
			}
		}
	}
}

func TestAListOfMembershipsThatIsCutShortIsAnError(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	membershipServer(i, 600, 700)
	if got, err := i.Memberships(t.Context(), "user_1"); !errors.Is(err, ErrUnavailable) || got != nil {
		t.Errorf("got %d, %v", len(got), err)
	}
	endless := start(t, "live")
	pages := membershipServer(endless, 1<<20, 1<<20)
	if got, err := endless.Memberships(t.Context(), "user_1"); !errors.Is(err, ErrUnavailable) || got != nil || len(*pages) != maxMemberships/pageSize {
		t.Errorf("got %d after %d pages, %v", len(got), len(*pages), err)
	}
	holed := start(t, "live")
	holed.mux.HandleFunc("GET /v1/users/user_1/organization_memberships", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"data": []any{nil}, "total_count": 1})
	})
	if got, err := holed.Memberships(t.Context(), "user_1"); err == nil {
		t.Errorf("got %v of a list with a hole", got)
	}
}

func TestOnlyAnActiveSessionCounts(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	i.mux.HandleFunc("GET /v1/sessions/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"id": r.PathValue("id"), "status": strings.TrimPrefix(r.PathValue("id"), "sess_")})
	})
	for _, status := range []string{"active", "revoked", "ended", "expired", "removed", "abandoned", "replaced", "pending", "new"} {
		if got, err := i.SessionActive(t.Context(), "sess_"+status); err != nil || got != (status == "active") {
			t.Errorf("%s: got %v, %v", status, got, err)
		}
	}
	unknown := start(t, "live")
	if got, err := unknown.SessionActive(t.Context(), "sess_1"); got || err != nil {
		t.Errorf("one that Clerk does not know: got %v, %v", got, err)
	}
	if err := unknown.RevokeSession(t.Context(), "sess_1"); err != nil {
		t.Errorf("revoking it: %v", err)
	}
}

func TestInvitationsLeadToClerksOwnPagesOnly(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	i.mux.HandleFunc("GET /v1/users/user_1/organization_invitations", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("status") != "pending" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		at := map[string]any{"id": "org_1", "name": "N"}
		answer(w, map[string]any{"total_count": 4, "data": []any{
			map[string]any{"id": "orginv_1", "role": "org:member", "status": "pending", "url": i.frontend + "/v1/tickets/accept?ticket=x", "public_organization_data": at},
			map[string]any{"id": "orginv_2", "role": "org:member", "status": "pending", "url": "https://evil.example/v1/tickets/accept?ticket=x", "public_organization_data": at},
			map[string]any{"id": "orginv_3", "role": "org:member", "status": "pending", "url": "javascript:alert(1)", "public_organization_data": at},
			map[string]any{"id": "orginv_4", "role": "org:member", "status": "revoked", "url": i.frontend, "public_organization_data": at},
		}})
	})
	i.mux.HandleFunc("GET /v1/users/user_2/organization_invitations", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"data": []any{nil}, "total_count": 1})
	})
	got, err := i.Invitations(t.Context(), "user_1")
	if err != nil || len(got) != 3 || got[0] != (Invitation{"orginv_1", "N", "org:member", i.frontend + "/v1/tickets/accept?ticket=x"}) || got[1].URL != "" || got[2].URL != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := i.Invitations(t.Context(), "user_2"); err == nil {
		t.Errorf("got %v of a list with a hole", got)
	}
}
