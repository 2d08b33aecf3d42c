package command

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/isolation"
)

// Clerk is the adapter, over Clerk itself or over the sandbox.
func (r *Runtime) Clerk() (*clerk.Client, func(), error) {
	c := clerk.Config{SecretKey: r.Config.ClerkSecretKey, PublishableKey: r.Config.ClerkPublishableKey,
		APIURL: r.Config.ClerkAPIURL, BaseURL: r.Config.BaseURL.String()}
	stop := func() {}
	if r.Config.Sandbox() {
		s, err := sandbox.Start(sandbox.Options{StateFile: filepath.Join(r.Data, "sandbox.json"), AppOrigin: r.Config.BaseURL.String(),
			Seed: SandboxSeed(), Log: slog.New(slog.NewTextHandler(r.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			return nil, nil, err
		}
		c.SecretKey, c.PublishableKey = s.Keys()
		c.APIURL = s.URL()
		stop = func() { r.Complain("stopping the sandbox", s.Close(context.Background())) }
	}
	client, err := clerk.New(c)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return client, stop, nil
}

// SandboxSeed is the demo's people and organizations, as the sandbox knows them.
func SandboxSeed() sandbox.Seed {
	var seed sandbox.Seed
	for _, p := range demo.People() {
		seed.People = append(seed.People, sandbox.Person{ID: p.ID, Email: p.Email, Name: p.Name, Note: p.Note})
	}
	for _, o := range demo.Organizations(time.Now()) {
		members, owner := map[string]string{}, ""
		for _, m := range o.Members {
			members[m.Person.ID] = clerkRole[m.Role]
			if m.Role == "owner" {
				owner = m.Person.ID
			}
		}
		seed.Organizations = append(seed.Organizations, sandbox.Organization{ID: o.ClerkID, Name: o.Name, Slug: o.Slug, CreatedBy: owner, Members: members, Invited: guests(members)})
	}
	return seed
}

// guests are invited: whoever works in the demo and is not a member.
func guests(members map[string]string) map[string]string {
	invited := map[string]string{}
	for _, p := range demo.People() {
		if _, in := members[p.ID]; !in && p.ID != demo.Operator().ID {
			invited[p.ID] = clerkRole["member"]
		}
	}
	return invited
}

// clerkRole is what Clerk calls our roles. Clerk has no owner: it is the administrator who made the organization.
var clerkRole = map[string]string{
	"owner": "org:admin", "admin": "org:admin", "manager": "org:manager", "member": "org:member", "viewer": "org:viewer",
}

// Operators are those who see the operator's pages.
func (r *Runtime) Operators() []string {
	if r.Config.Sandbox() && len(r.Config.PlatformAdmins) == 0 {
		return []string{demo.Operator().ID}
	}
	return r.Config.PlatformAdmins
}

// Background is what goes on beside answering requests.
func (r *Runtime) Background(p *Running, tasks bool) app.BackgroundOptions {
	return app.BackgroundOptions{DB: p.DB, Log: p.Log, Tasks: tasks, Proof: isolation.ProofOptions{Pooled: r.Config.Pooled, Embedded: r.Config.Embedded()}}
}
