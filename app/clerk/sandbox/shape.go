package sandbox

import (
	"net/url"
	"strings"
	"time"
)

// maxMembers is what Clerk allows in an organization unless one pays for more. The seed may have more.
const maxMembers = 5

func split(name string) (first, last string) {
	first, last, _ = strings.Cut(name, " ")
	return first, last
}

// userJSON is a person as the Backend API of 2025-04-10 draws one.
func userJSON(p Person) object {
	first, last := split(p.Name)
	email := "idn_" + strings.TrimPrefix(p.ID, "user_")
	return object{
		"object": "user", "id": p.ID, "first_name": first, "last_name": last, "username": nil, "image_url": "", "has_image": false,
		"primary_email_address_id": email, "public_metadata": object{}, "private_metadata": object{}, "unsafe_metadata": object{},
		"email_addresses": []any{object{"object": "email_address", "id": email, "email_address": p.Email, "reserved": false,
			"verification": object{"status": "verified", "strategy": "sandbox"}, "linked_to": []any{}}},
		"phone_numbers": []any{}, "web3_wallets": []any{}, "external_accounts": []any{}, "saml_accounts": []any{},
		"banned": false, "locked": false, "password_enabled": false, "two_factor_enabled": false,
		"create_organization_enabled": true, "delete_self_enabled": true,
	}
}

func organizationJSON(o *organization) object {
	at := o.CreatedAt.UnixMilli()
	return object{
		"object": "organization", "id": o.ID, "name": o.Name, "slug": o.Slug, "created_by": o.CreatedBy, "image_url": "", "has_image": false,
		"members_count": len(o.Members), "pending_invitations_count": len(o.Invited), "max_allowed_memberships": max(maxMembers, len(o.Members)),
		"admin_delete_enabled": true, "public_metadata": object{}, "private_metadata": object{}, "created_at": at, "updated_at": at,
	}
}

func membershipJSON(o *organization, p Person) object {
	first, last := split(p.Name)
	role, at := o.Members[p.ID], o.CreatedAt.UnixMilli()
	return object{
		"object": "organization_membership", "id": "orgmem_" + strings.TrimPrefix(o.ID, "org_") + strings.TrimPrefix(p.ID, "user_"),
		"role": role, "role_name": strings.TrimPrefix(role, "org:"), "permissions": []string{}, "organization": organizationJSON(o),
		"public_metadata": object{}, "private_metadata": object{}, "created_at": at, "updated_at": at,
		"public_user_data": object{"user_id": p.ID, "first_name": first, "last_name": last, "identifier": p.Email, "image_url": "", "has_image": false},
	}
}

// ticket names an invitation in the address that accepts it.
func ticket(o *organization, person string) string {
	return "orginv_" + strings.TrimPrefix(o.ID, "org_") + strings.TrimPrefix(person, "user_")
}

func invitationJSON(o *organization, p Person, host string) object {
	role, at := o.Invited[p.ID], o.CreatedAt.UnixMilli()
	return object{
		"object": "organization_invitation", "id": ticket(o, p.ID), "email_address": p.Email, "role": role, "role_name": strings.TrimPrefix(role, "org:"),
		"organization_id": o.ID, "status": "pending", "url": host + "/v1/tickets/accept?" + url.Values{"ticket": {ticket(o, p.ID)}}.Encode(),
		"public_organization_data": object{"id": o.ID, "name": o.Name, "slug": o.Slug, "image_url": "", "has_image": false},
		"public_metadata":          object{}, "private_metadata": object{}, "created_at": at, "updated_at": at,
	}
}

func sessionJSON(v *session, now time.Time) object {
	at, status := v.CreatedAt.UnixMilli(), v.Status
	if status == active && !v.active(now) {
		status = "expired"
	}
	return object{
		"object": "session", "id": v.ID, "client_id": "client_" + strings.TrimPrefix(v.ID, "sess_"), "user_id": v.Person, "status": status,
		"last_active_organization_id": v.Organization, "last_active_at": at, "created_at": at, "updated_at": at,
		"expire_at": v.CreatedAt.Add(sessionLife).UnixMilli(), "abandon_at": v.CreatedAt.Add(4 * sessionLife).UnixMilli(),
	}
}
