package e2e_test

import (
	"net/url"
	"testing"

	"upwork-ai-agent/db/demo"
)

func TestTheOperatorsPagesHoldInBothThemesAndOnASmallScreen(t *testing.T) {
	t.Parallel()
	s, ctx := start(t), browser(t)
	empty := map[string]string{}
	for name, path := range map[string]string{"posture-none": "/admin/isolation", "tasks-none": "/admin/tasks", "why": "/admin/why", "components": "/admin/components"} {
		empty[name] = s.URL + path
	}
	signIn(t, ctx, s, demo.Operator().ID)
	lookAt(t, ctx, empty)
	happen(t, s)
	question := url.Values{"tenant": {"brindlewick"}, "member": {demo.People()[6].ID}, "table": {"jobs"}, "id": {"01890000-0000-7000-8000-000000000000"}, "operation": {"update"}}
	filled := map[string]string{}
	for name, path := range map[string]string{"overview": "/admin", "tenants": "/admin/tenants", "tenants-none": "/admin/tenants?q=nobody", "posture": "/admin/isolation?period=7d", "tasks": "/admin/tasks",
		"why-answer": "/admin/why?" + question.Encode(), "why-wrong": "/admin/why?tenant=nobody"} {
		filled[name] = s.URL + path
	}
	lookAt(t, ctx, filled)
	fail(t, s)
	lookAt(t, ctx, map[string]string{"overview-broken": s.URL + "/admin", "posture-broken": s.URL + "/admin/isolation?period=7d"})
}
