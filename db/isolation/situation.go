package isolation

import (
	"fmt"
	"strings"

	"upwork-ai-agent/db/place"
)

// scene is who and what a proof plays with on one path.
type scene struct {
	*breeder
	inventory
	victim canary // the tenant that is attacked
	self   canary // the attacker, who opens it with a token of epoch 2
	nobody canary // stands behind no fence
	before string // when an earlier transaction began, as app.tenant_at has it
}

// situation is a tenant context that somebody may find or bring about.
type situation struct {
	name    string
	meaning string
	open    func(*scene) []string // brings it about, within a transaction
	as      func(*scene) canary   // who claims to act; nil: self
	state   place.State           // of self meanwhile; empty: active
	read    bool                  // self sees its rows
	write   bool                  // and changes them
	bare    bool                  // in a transaction without canaries, on a connection of its own
	kept    bool                  // with the settings of an earlier transaction kept by the session; implies bare
}

// actor is whose rows the situation claims.
func (s situation) actor(x *scene) canary {
	if s.as == nil {
		return x.self
	}
	return s.as(x)
}

// situations are the contexts of the matrix. The first is the positive control.
var situations = append([]situation{
	{name: "own", meaning: "the tenant's own id and token", read: true, write: true, open: func(x *scene) []string { return open(x.self.id.String(), x.self.token) }},
	{name: "no tenant", meaning: "every setting reset", open: func(*scene) []string {
		return []string{"RESET app.tenant_id", "RESET app.tenant_token", "RESET app.tenant_at"}
	}},
	{name: "no tenant, new connection", meaning: "nothing was ever set", bare: true, open: func(*scene) []string { return nil }},
	{name: "empty", meaning: "empty id and token", open: func(*scene) []string { return settingsOf("", "", now) }},
	{name: "empty id", meaning: "empty id, own token", open: func(x *scene) []string { return settingsOf("", x.self.token, now) }},
	{name: "null", meaning: "null for id and token", open: func(*scene) []string { return []string{"SELECT app.set_tenant(NULL, NULL)"} }},
	{name: "malformed", meaning: "an id that is none", open: func(x *scene) []string { return settingsOf("'; --", x.self.token, now) }},
	{name: "malformed, upper case", meaning: "the own id in capitals", open: func(x *scene) []string {
		return settingsOf(strings.ToUpper(x.self.id.String()), x.self.token, now)
	}},
	{name: "unknown", meaning: "an id that no tenant has, with its token", as: func(x *scene) canary { return x.nobody },
		open: func(x *scene) []string { return open(x.nobody.id.String(), x.nobody.token) }},
	{name: "other", meaning: "the other's id, own token", open: func(x *scene) []string { return open(x.victim.id.String(), x.self.token) }},
	{name: "other's token", meaning: "own id, the other's token", open: func(x *scene) []string { return open(x.self.id.String(), x.victim.token) }},
	{name: "forged", meaning: "the other's id, an invented token", open: func(x *scene) []string { return open(x.victim.id.String(), strings.Repeat("ab", 32)) }},
	{name: "forged, the digest", meaning: "the other's id, and as token what the database keeps of it", open: func(x *scene) []string {
		return []string{fmt.Sprintf("SELECT app.set_tenant('%s', encode(sha256(convert_to('%s', 'UTF8')), 'hex'))", x.victim.id, x.victim.token)}
	}},
	{name: "stale", meaning: "own id, the token of the epoch before", open: func(x *scene) []string { return open(x.self.id.String(), x.self.old) }},
	{name: "stale settings", meaning: "the settings of an earlier transaction", open: func(x *scene) []string {
		return settingsOf(x.self.id.String(), x.self.token, literal(x.before))
	}},
	{name: "stale session", meaning: "settings that the session kept after their transaction", bare: true, kept: true, open: func(*scene) []string { return nil }},
}, inStates()...)

// inStates are a situation for every state but active.
func inStates() []situation {
	var all []situation
	for _, s := range []place.State{place.Copying, place.ReadOnly, place.Suspended, place.Incoming, place.Moved, place.Erasing} {
		may := place.States[s]
		all = append(all, situation{
			name: strings.ReplaceAll(string(s), "_", "-"), meaning: "the own tenant, whose state is " + string(s), state: s, read: may.Read, write: may.Write,
			open: func(x *scene) []string { return open(x.self.id.String(), x.self.token) },
		})
	}
	return all
}

// open is what the application begins a tenant's transaction with.
func open(id, token string) []string {
	return []string{fmt.Sprintf("SELECT app.set_tenant('%s', '%s')", id, token)}
}

const now = "now()::text"

// settingsOf sets what open sets, past the gate's function; at is an expression.
func settingsOf(id, token, at string) []string {
	return []string{fmt.Sprintf("SELECT set_config('app.tenant_id', %s, true), set_config('app.tenant_token', %s, true), set_config('app.tenant_at', %s, true)",
		literal(id), literal(token), at)}
}
