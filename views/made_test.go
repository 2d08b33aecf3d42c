package views_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
	"upwork-ai-agent/views"
)

// states are the pages as others than an owner see them, and as they are with less to show.
func states() map[string]templ.Component {
	viewed := jobsPage()
	viewed.Role, viewed.Filter, viewed.Errors, viewed.Next, viewed.First = db.Viewer, views.JobsFilter{}, nil, "", ""
	noMatch := jobsPage()
	noMatch.Rows = nil
	unknown := job.Job{ID: work, Triage: job.New, Posting: job.Posting{Title: "Something", PostedAt: now}}
	wrong := views.Errors{"": evil, "reason": evil}
	preview := views.ImportResultPage{Shell: shell("Preview"), Import: job.Import{ID: one, State: "previewed", New: 1, CreatedAt: now}, Rows: []job.ImportRow{{Position: 1, Outcome: job.RowNew, Title: evil}}}
	reader := editor(proposal.InReview, nil)
	reader.CanWrite, reader.Transitions = false, nil
	reader.Fields.Answers = append(reader.Fields.Answers, proposal.Answer{Question: "Why?"})
	nothing := editor(proposal.Draft, nil)
	nothing.Fields, nothing.Versions, nothing.Events = views.EditorFields{}, nil, nil
	return map[string]templ.Component{
		"jobs as a viewer":           views.Jobs(viewed),
		"jobs without a match":       views.Jobs(noMatch),
		"a job with problems":        views.Job(views.JobPage{Shell: shell("Job"), Job: unknown, CanWrite: true, Errors: wrong}),
		"import as a viewer":         views.Import(views.ImportPage{Shell: shell("Import")}),
		"import with a problem":      views.Import(views.ImportPage{Shell: shell("Import"), CanWrite: true, Errors: views.Errors{"": evil}}),
		"a preview as a viewer":      views.ImportResult(preview),
		"an editor as a viewer":      views.Editor(reader),
		"an editor of nothing":       views.Editor(nothing),
		"organizations, none of it":  views.Organizations(views.OrganizationsPage{Shell: shell("Organizations"), Search: "zzz"}),
		"a page of a second tenant":  views.Jobs(views.JobsPage{Shell: views.Shell{Title: "Jobs", PersonName: "Ana", Tenant: one, TenantName: "Beta", Role: db.MemberRole, Now: now}}),
		"an error without an action": views.Error(views.ErrorPage{Shell: views.Shell{Title: "Error"}, Heading: "Error"}),
	}
}

// all are the pages of the golden files and the states beside them.
func all() map[string]templ.Component {
	every := pages()
	maps.Copy(every, states())
	return every
}

func TestEveryPageIsOneDocumentThatNeedsNothingElse(t *testing.T) {
	t.Parallel()
	for name, component := range all() {
		d := parse(t, component)
		for selector, want := range map[string]int{"h1": 1, "main#content": 1, "header": 1, "head > title": 1, "html[lang=en]": 1, `body > a.skip[href="#content"]`: 1, "link[rel=stylesheet]": 1} {
			if got := d.Find(selector).Length(); got != want {
				t.Errorf("%s: %d %s, want %d", name, got, selector, want)
			}
		}
		if strings.TrimSpace(d.Find("h1").Text()) == "" {
			t.Errorf("%s: the h1 says nothing", name)
		}
		for _, selector := range []string{"script:not([src])", `script[src]:not([src^="/static/"])`, "style", "[style]", "form form", "a a", "a button", "button button", "ul:empty", "ol:empty", "tbody:empty", "dd:empty"} {
			if s := d.Find(selector); s.Length() > 0 {
				t.Errorf("%s has %s: %s", name, selector, outer(s))
			}
		}
		for _, s := range d.Find("*").EachIter() {
			for _, a := range s.Get(0).Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s runs code: %s", name, outer(s))
				}
			}
		}
	}
}

func outer(s *goquery.Selection) string {
	html, err := goquery.OuterHtml(s.First())
	if err != nil {
		return err.Error()
	}
	return html
}

func TestWhatAPageRefersToIsOnIt(t *testing.T) {
	t.Parallel()
	for name, component := range all() {
		d := parse(t, component)
		for _, attribute := range []string{"aria-describedby", "aria-labelledby", "for"} {
			for _, s := range d.Find("[" + attribute + "]").EachIter() {
				ids := strings.Fields(s.AttrOr(attribute, ""))
				if len(ids) == 0 {
					t.Errorf("%s: an empty %s: %s", name, attribute, outer(s))
				}
				for _, id := range ids {
					if d.Find("[id]").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.AttrOr("id", "") == id }).Length() != 1 {
						t.Errorf("%s: %s names %q, which is not there: %s", name, attribute, id, outer(s))
					}
				}
			}
		}
	}
}

// An empty value of these attributes means no, which is what a bare attribute has.
func TestStateIsSaidToWhoDoesNotSeeIt(t *testing.T) {
	t.Parallel()
	for name, component := range all() {
		d := parse(t, component)
		for _, s := range d.Find("[aria-current], [aria-invalid]").EachIter() {
			if s.AttrOr("aria-current", "page") == "" || s.AttrOr("aria-invalid", "true") == "" {
				t.Errorf("%s: an empty value says no: %s", name, outer(s))
			}
		}
		for _, s := range d.Find(".problem[id]").EachIter() {
			id := s.AttrOr("id", "")
			if id != "problem-" && d.Find(`[aria-invalid=true][aria-describedby~="`+id+`"]`).Length() != 1 {
				t.Errorf("%s: no control is tied to %s", name, outer(s))
			}
		}
		for _, s := range d.Find("a, button, summary").EachIter() {
			if strings.TrimSpace(s.Text()) == "" {
				t.Errorf("%s: it has no name: %s", name, outer(s))
			}
		}
		for _, s := range d.Find("section, nav").EachIter() {
			if s.AttrOr("aria-labelledby", "")+s.AttrOr("aria-label", "") == "" {
				t.Errorf("%s: a region without a name: %s", name, outer(s))
			}
		}
	}
}

func TestWhatAPageOffersDependsOnTheRoleAndTheStatus(t *testing.T) {
	t.Parallel()
	pages := all()
	for name, offers := range map[string]map[string]int{ // selector to how often
		"jobs":                  {`form#decide [name=return_to]`: 1, `form#decide [name=token]`: 1, `.row button[form=decide][formaction$="/triage"]`: 2, `.row [aria-labelledby=job-1][name=id]`: 1, `h2#job-1`: 1, `input[name=id][form=change]`: 2, `#change button`: 4, `#which option`: 3, `.searches button[formaction]`: 2, `.keep form`: 3, `.keep button[value=plain]`: 1, `.row button[value=shortlisted]`: 1, `.row button[value=skipped]`: 1, `.tabs a[aria-current=page]`: 1, `.top nav a[aria-current=page]`: 1, `a[rel=next]`: 1, `.top nav a`: 4, `.alarm a`: 1},
		"jobs as a viewer":      {`main form[method=post]`: 0, `a[href="/jobs/import"]`: 0, `a[rel=next]`: 0, `.filter a`: 0},
		"jobs without a match":  {`.empty a[href="/jobs?triage="]`: 1, `.filter a[href="/jobs?triage=new"]`: 1, `#change`: 0, `[aria-invalid=true]`: 2},
		"jobs-none":             {`.empty a[href="/jobs/import"]`: 1},
		"job":                   {`form[action="/proposals"] input[name=job_id]`: 1, `form[action$="/triage"] button`: 4, `button[value=applied]`: 0, `.notes > li`: 3, `form[action^="/jobs/notes/"]`: 2, `details[open] .problem`: 1, `form[action$="/notes"] .problem`: 0},
		"a job with problems":   {`button[value=skipped]`: 1, `input[name=reason][aria-invalid=true]`: 1, `a[rel]`: 0},
		"job-note-refused":      {`form[action$="/notes"] .problem`: 1},
		"job-viewer":            {`main form`: 0, `.notes > li`: 3, `a[rel]`: 0},
		"import":                {`form[enctype="multipart/form-data"] input[type=file][name=file]`: 1, `textarea[name=text]`: 1},
		"import as a viewer":    {`main form`: 0},
		"import-preview":        {`main form[method=post]`: 1, `tbody tr`: 3, `tbody a`: 1},
		"a preview as a viewer": {`main form`: 0},
		"import-result":         {`main form[action^="/jobs/undo/"]`: 1, `main a[href="/jobs"]`: 1},
		"import-undone":         {`main form`: 0, `tbody .badge`: 6},
		"editor-draft": {`textarea[name=letter]`: 1, `textarea[name="answer-0"]`: 1, `form[action$="/restore"]`: 1, `form[action$="/move"]`: 3,
			`form[action$="/move"] input[name=version][value="9"]`: 3},
		"an editor as a viewer": {`main form`: 0, `main textarea`: 0, `h3 + p.soft`: 1},
		"editor-submitted":      {`main textarea`: 0, `form[action$="/move"]`: 7, `input[name=loss_reason]`: 1, `input[name=contract_value]`: 1, `form[action$="/restore"]`: 0},
		"editor-declined":       {`input[name=note][required]`: 1},
		"conflict":              {`input[name=version][value="9"]`: 1, `input[name=origin][value=merge]`: 1, `textarea[readonly]`: 1, `textarea[name=letter]`: 1, `fieldset`: 2, `input[name=take-letter][value=mine][checked]`: 1, `input[name=take-bid][value=theirs]`: 1, `input[type=hidden][name="answer-0"]`: 1, `select[name=bid]`: 1},
		"conflict-same":         {`fieldset`: 0, `input[type=hidden][name=letter]`: 1, `input[type=hidden][name=bid]`: 1, `.empty`: 1},
		"history":               {`ins`: 3, `form[action$="/restore"]`: 0, `select[name=version] option[selected][value="9"]`: 1, `select[name=with] option[selected][value="4"]`: 1},
		"history-first":         {`form[action$="/restore"] button[value="4"]`: 1, `del`: 1, `select[name=with] option[value=""][selected]`: 1},
		"history-none":          {`select`: 0, `.empty`: 1},
		"wrong-tenant":          {`main form[action="/organizations/switch"] input[name=tenant_id]`: 1, `main textarea[readonly]`: 1, `main a[href="/jobs"]`: 1},
		"wrong-tenant-hidden":   {`main form`: 0, `main a[href="/jobs"]`: 1},
		"signed-out":            {`a[href="/sign-in"]`: 1, `form`: 0, `nav`: 0},
		"organizations":         {`main form[action="/organizations/switch"]`: 1, `form[action="/organizations"][method=post] input[name=name]`: 1, `.switcher button[aria-current=true]`: 1},
		"isolation": {`form[action="/organization/isolation/seen"]`: 1, `main a[href="/organization/isolation/proof.json"]`: 1, `svg[role=img]`: 2, `figure details table`: 2, `#attempts ~ table tbody tr`: 4, `#attempts ~ table a`: 1,
			`.tabs a[aria-current=page]`: 2, `.tabs a`: 4, `.top nav a[aria-current=page]`: 1, `.badge.bad`: 1},
		"isolation-broken":   {`form[action="/organization/isolation/seen"]`: 0, `#alerts`: 1, `#proof ~ p .badge.bad`: 1, `#proof ~ table .badge.bad`: 2, `#proof ~ details .badge.bad`: 2},
		"audit":              {`tbody tr`: 5, `tbody a`: 3, `.tabs a[aria-current=page]`: 1, `[aria-invalid=true]`: 1, `#person [selected]`: 1, `#event [selected]`: 1, `#entity [selected]`: 1, `a[download]`: 0, `a[rel=next]`: 1},
		"audit-none":         {`table`: 0, `.empty`: 1, `.empty a`: 0, `a[download]`: 0},
		"audit-no-match":     {`table`: 0, `.empty a[href="/organization/audit"]`: 1},
		"isolation-none":     {`#alerts`: 0, `svg`: 0, `main table`: 0, `main form`: 0, `section p.soft`: 3, `main a.button`: 0},
		"overview":           {`.top nav a[href^="/admin"]`: 6, `.switcher`: 0, `.top strong.badge`: 1, `.alarm`: 0, `main a[href="/admin/tasks?state=discarded"]`: 1, `main a[href="/admin/tenants?state=suspended"]`: 1},
		"overview-none":      {`main p.soft`: 4, `.card p.soft`: 4},
		"tenants":            {`tbody tr`: 2, `#state [selected]`: 1, `#sort [selected]`: 1, `.badge.good`: 1, `.filter a`: 1},
		"tenants-none":       {`.filter a`: 0, `.empty`: 1, `table`: 0},
		"tenants-no-match":   {`.empty a[href="/admin/tenants"]`: 1},
		"posture":            {`svg[role=img]`: 2, `#posture ~ table tbody tr`: 1, `#proofs ~ table .badge.bad`: 1, `#who ~ table tbody tr`: 2, `.tabs a`: 3},
		"posture-none":       {`svg`: 0, `table`: 0, `#posture ~ p .badge.good`: 1, `p.soft`: 4},
		"why":                {`form[action="/admin/why"][method=get] input`: 4, `#verdict`: 0, `[aria-invalid]`: 0},
		"why-wrong":          {`[aria-invalid=true]`: 5, `#operation [selected]`: 1},
		"why-refused":        {`.steps li`: 3, `#verdict .badge.bad`: 1, `.steps pre`: 2, `.steps li:nth-child(2) > .soft`: 1, `.steps li > .soft`: 1, `#operation [selected][value=update]`: 1},
		"why-allowed":        {`#verdict .badge.good`: 1},
		"tasks":              {`.tabs a`: 8, `#kind option`: 3, `tbody tr`: 7, `a[rel=next]`: 1, `.badge.bad`: 1, `.tabs a[href*="kind="]`: 8},
		"tasks-none":         {`.empty`: 1, `#kind`: 0},
		"tasks-no-match":     {`.empty a[href="/admin/tasks"]`: 1},
		"organizations-none": {`input[name=q]`: 0, `form[method=post] input[name=name]`: 1, `nav a`: 1},
	} {
		d := parse(t, pages[name])
		for selector, want := range offers {
			if got := d.Find(selector).Length(); got != want {
				t.Errorf("%s has %d of %s, want %d", name, got, selector, want)
			}
		}
	}
}

func TestOnlyAddressesOfUpworkAreLinked(t *testing.T) {
	t.Parallel()
	for address, linked := range map[string]bool{
		"https://www.upwork.com/jobs/~01": true, "https://upwork.com/jobs/~01": true,
		"http://www.upwork.com/jobs/~01": false, "https://upwork.com.example.org/": false, "https://notupwork.com/": false,
		"https://www.upwork.com@example.org/": false, "https://x:y@www.upwork.com/": false, "javascript:alert(1)//upwork.com": false,
		"//www.upwork.com/": false, "": false, "https://www.upwork.com:8443/": false, "data:text/html,https://www.upwork.com/": false,
	} {
		j := aJob()
		j.URL = address
		for name, c := range map[string]templ.Component{"job": views.Job(views.JobPage{Job: j}), "editor": views.Editor(views.EditorPage{Job: j})} {
			link := parse(t, c).Find(`a[rel="noopener noreferrer"]`)
			if (link.Length() == 1) != linked || linked && link.AttrOr("href", "") != address {
				t.Errorf("%s, %q: linked %d times to %q", name, address, link.Length(), link.AttrOr("href", ""))
			}
		}
	}
}

func TestWhatIsNotKnownIsNeverZero(t *testing.T) {
	t.Parallel()
	d := parse(t, states()["a job with problems"])
	if got := d.Find("#client + dl dd, #facts + dl dd:not(:has(time))").Map(func(_ int, s *goquery.Selection) string { return strings.TrimSpace(s.Text()) }); slices.ContainsFunc(got, func(s string) bool {
		return !strings.Contains(s, "unknown")
	}) || len(got) != 14 {
		t.Errorf("%d facts: %q", len(got), got)
	}
}

// It runs by itself: what other tests allocate would be counted.
func TestAFullPageOfJobsStaysCheap(t *testing.T) {
	const most = 300 // templ alone takes two for every value it writes, over 2,000 for this page
	p := jobsPage()
	p.Errors, p.Filter = nil, views.JobsFilter{}
	p.Rows = slices.Repeat(p.Rows[:1], job.PageSize)
	var page bytes.Buffer
	got := testing.AllocsPerRun(20, func() {
		page.Reset()
		if err := views.Jobs(p).Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
	})
	if got > most {
		t.Errorf("%.0f allocations for %d rows, want at most %d", got, len(p.Rows), most)
	}
}
