package web_test

import (
	"encoding/csv"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"upwork-ai-agent/web/webtest"
)

var attached = regexp.MustCompile(`^attachment; filename="(audit|jobs)-[0-9]{8}-[0-9]{4}\.csv"$`)

// exported is what an address sends as CSV.
func exported(t *testing.T, b *webtest.Browser, path string) [][]string {
	t.Helper()
	p := b.Get(path)
	if p.Status != http.StatusOK || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/csv") || !attached.MatchString(p.Header.Get("Content-Disposition")) || p.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s: %d %v", path, p.Status, p.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return rows
}

func TestTheAuditSaysWhoDidWhatAndIsNarrowedByItsAddress(t *testing.T) {
	t.Parallel()
	s := start(t)
	b, other := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme")
	list := jobsOf(t, b, 0, 2)
	many(t, b, list, "shortlisted", "page")
	job := other.Get("/jobs/" + ticks(list)[0])
	other.Submit(job, `form[action$="/triage"]:has(button[value=skipped])`, map[string][]string{"to": {"skipped"}})
	for _, stranger := range []*webtest.Browser{other, signIn(t, s, vera, "Acme")} {
		for _, path := range []string{"/organization/audit", "/organization/audit/export.csv"} {
			if p := stranger.Get(path); p.Status != http.StatusForbidden {
				t.Errorf("%s for somebody who does not administer: %d", path, p.Status)
			}
		}
	}
	p := b.Get("/organization/audit")
	first := p.Find(`tbody tr:contains("Triage:")`).First()
	if who := first.Find("td:nth-child(2)").Text(); who != "Ben Example" || first.Find("a").AttrOr("href", "") != job.URL.Path || !strings.Contains(first.Text(), "Triage: Shortlisted → Skipped") {
		t.Fatalf("%s %q", who, first.Text())
	}
	everything := p.Find("tbody tr").Length()
	ben := p.Find("#person option").FilterFunction(func(_ int, o *selection) bool { return o.Text() == "Ben Example" }).AttrOr("value", "")
	for query, want := range map[string]int{
		"person=" + ben: 1, "event=jobs.triaged": 1, "event=job.triaged&person=" + ben: 1, "entity=import": 2, "entity=import&person=" + ben: 0, "from=2000-01-01": everything, "until=2000-01-01": 0, "from=2999-01-01": 0,
		"event=' OR 1=1 --": 0,
	} {
		query = strings.ReplaceAll(query, " ", "%20")
		if got := b.Get("/organization/audit?" + query).Find("tbody tr").Length(); got != want {
			t.Errorf("%s: %d rows, want %d", query, got, want)
		}
		if got := len(exported(t, b, "/organization/audit/export.csv?"+query)) - 1; got != want {
			t.Errorf("%s: %d rows in the file, want %d", query, got, want)
		}
	}
	if p := b.Get("/organization/audit?from=yesterday"); p.Find("#problem-from").Length() != 1 {
		t.Error("a day that is none is not said")
	}
	if n := signIn(t, s, ana, "Beta").Get("/organization/audit").Find(`tbody tr:contains("Triage")`).Length(); n != 0 {
		t.Errorf("another organization sees %d rows", n)
	}
}

func TestALongAuditIsPagedAndExportedToItsEnd(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	b.Get("/jobs")
	exec(t, s.Database, `INSERT INTO analytics (tenant_id, id, event, entity, detail, created_at)
		SELECT `+tenantOf+`, gen_random_uuid(), 'long', 'job', jsonb_build_object('n', i), now() - (i / 3) * interval '1 second' FROM generate_series(1, 2345) i`, "Acme")
	pages, seen := 0, map[string]bool{}
	for path := "/organization/audit?event=long"; path != "" && pages < 4; pages++ {
		p := b.Get(path)
		p.Find("tbody tr time").Each(func(_ int, s *selection) { seen[s.AttrOr("datetime", "")] = true })
		path = p.Find("a[rel=next]").AttrOr("href", "")
	}
	if pages != 4 || len(seen) < 60 {
		t.Errorf("%d pages, %d times", pages, len(seen))
	}
	distinct := map[string]bool{}
	for _, row := range exported(t, b, "/organization/audit/export.csv?event=long")[1:] {
		distinct[row[6]] = true
	}
	if len(distinct) != 2345 {
		t.Errorf("%d rows in the file", len(distinct))
	}
}

func TestAnExportHoldsNoTransactionAndNoFormula(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	b.Get("/jobs")
	for _, formula := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"} {
		exec(t, s.Database, "INSERT INTO analytics (tenant_id, id, event, entity) VALUES ("+tenantOf+", gen_random_uuid(), 'formula', $2)", "Acme", formula)
	}
	for _, row := range exported(t, b, "/organization/audit/export.csv?event=formula")[1:] {
		if !strings.HasPrefix(row[3], "'") {
			t.Errorf("the cell %q is a formula", row[3])
		}
	}
}
