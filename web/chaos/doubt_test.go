package chaos

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web/webtest"
)

func TestAWriteWhoseOutcomeIsNotKnownSaysSoAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]*dbtest.Cutter{"it was carried out": {Forward: true}, "it was not": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := *dbtest.Own(t)
			d.DB = d.Cut(t, k)
			s := start(t, &d)
			b := s.Browser(t)
			b.SignIn(organizations[0].person)
			b.Work(organizations[0].name)
			b.Submit(b.Submit(b.Get("/jobs/import"), `form[action="/jobs/import"]`, url.Values{"text": {"title,url\nOne,https://www.upwork.com/jobs/~022050861570460031848\n"}}), `form[action^="/jobs/import/"]`, nil)
			editor := b.Submit(b.Get(b.Get("/jobs").Find(".row h2 a").AttrOr("href", "")), `form[action="/proposals"]`, nil)
			k.Arm()

			p := b.Submit(editor, `form:has(textarea[name=letter])`, url.Values{"letter": {"An hour of work"}})

			text := p.Find("main").Text()
			if p.Status != http.StatusServiceUnavailable || p.H1() != webtest.InDoubt || p.Header.Get("Retry-After") == "" {
				t.Fatalf("%d %q", p.Status, p.H1())
			}
			if strings.Contains(text, "Nothing was saved") || !strings.Contains(text, "An hour of work") {
				t.Errorf("the page says: %s", text)
			}
			want, stored := "", 0
			if k.Forward {
				want, stored = "An hour of work", 1
			}
			if now := b.Get(p.Find("main a.button").AttrOr("href", "")); now.URL.Path != editor.URL.Path || now.Find("textarea[name=letter]").Text() != want {
				t.Errorf("a look leads to %s, which has %q", now.URL, now.Find("textarea[name=letter]").Text())
			}
			if got := dbtest.Letters(t, d.URL("postgres"))["An hour of work"]; got.Versions != stored || got.Audited != stored {
				t.Errorf("stored %d times with %d audit rows", got.Versions, got.Audited)
			}
		})
	}
}
