package views_test

import (
	"bytes"
	"context"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/db/proposal"
	"upwork-ai-agent/views"
)

var update = flag.Bool("update", false, "accept what the views draw now as right")

// evil stands in every field that a person or a source can fill.
const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)> & 'quoted'`

// digest is what the address of a static file says of its content: a changed style sheet changes no view.
var digest = regexp.MustCompile(`(/static/\w+)\.[0-9a-f]{12}\.`)

var (
	now = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)
	one = uuid.MustParse("01890000-0000-7000-8000-000000000001")
	two = uuid.MustParse("01890000-0000-7000-8000-000000000002")

	work = uuid.MustParse("01890000-0000-7000-8000-000000000003") // a job's id, which must not pass for its tenant's
)

// cards are more drafts than a column shows, and one that is in review.
func cards() (all []proposal.Card) {
	for range proposal.BoardSize + 1 {
		all = append(all, proposal.Card{ID: two, Status: proposal.Draft, JobTitle: "Go developer " + evil, AuthorName: evil, UpdatedAt: now.Add(-time.Hour)})
	}
	return append(all, proposal.Card{ID: one, Status: proposal.InReview, JobTitle: "Another", AuthorName: "Ben", UpdatedAt: now})
}

// notes are one of somebody else's and two of one's own, of which one was changed.
func notes() []job.Note {
	return []job.Note{{ID: one, Text: evil, AuthorName: evil, CreatedAt: now}, {ID: two, Text: "mine\nand its second line", AuthorName: "Ana", Mine: true, CreatedAt: now.Add(-time.Hour)},
		{ID: work, Text: "mine, changed", AuthorName: "Ana", Mine: true, CreatedAt: now.Add(-2 * time.Hour), EditedAt: ptr(now.Add(-time.Minute))}}
}

func ptr[T any](v T) *T { return &v }

func shell(title string) views.Shell {
	return views.Shell{Title: title, Section: "jobs", PersonName: "Ana " + evil, PersonEmail: "ana@example.com" + evil, Token: "token" + evil, Tenant: one, TenantName: "Acme " + evil, Role: db.Owner, Administers: true, Alarm: true, Operator: true,
		Organizations: []control.Choice{{ID: one, Name: "Acme " + evil, Role: db.Owner}, {ID: two, Name: "Beta", Role: db.Viewer}},
		Sandbox:       true, Message: "Done " + evil, Now: now, Return: "/jobs?q=" + evil}
}

// operator is the shell of an operator's page.
func operator(title string) views.Shell {
	s := shell(title)
	s.Section, s.Tenant, s.TenantName, s.Role, s.Organizations = strings.ToLower(title), uuid.Nil, "", "", nil
	return s
}

func posting() job.Posting {
	return job.Posting{ExternalKey: "upwork:2050861570460031848", URL: "https://www.upwork.com/jobs/~022050861570460031848", Title: "Go developer " + evil, Description: "First line\nSecond " + evil,
		Contract: job.Hourly, HourlyMin: ptr[int64](4500), HourlyMax: ptr[int64](7050), Experience: job.Expert, Duration: job.OneToThree, Workload: job.Over30, Category: evil,
		Skills: []string{"Golang", evil}, Questions: []string{"When? " + evil}, Connects: ptr(16), ProposalsMin: ptr(5), ProposalsMax: ptr(10),
		Client: job.Client{Country: "CA", City: evil, PaymentVerified: ptr(true), Rating: ptr(493), Reviews: ptr(41), Spent: ptr[int64](8421050), SpentFloor: true, Hires: ptr(57),
			HireRate: ptr(80), AvgHourly: ptr[int64](3820), MemberSince: ptr(now.AddDate(-7, 0, 0))},
		PostedAt: now.Add(-8 * time.Minute), PostedAtSource: job.FromSource}
}

func aJob() job.Job {
	return job.Job{ID: work, Posting: posting(), Triage: job.Skipped, SkipReason: evil, Version: 2, FirstSeenAt: now, LastSeenAt: now}
}

func aProposal(s proposal.Status) proposal.Row {
	return proposal.Row{Proposal: proposal.Proposal{ID: two, JobID: work, UserID: one, Status: s, Version: 9, CreatedAt: now, UpdatedAt: now.Add(-49 * time.Hour), SubmittedAt: ptr(now),
		LossReason: evil, ContractValue: ptr[int64](125000), Text: text()}, JobTitle: "Go developer " + evil, AuthorName: "Ben " + evil, Kept: 3}
}

func text() proposal.Text {
	return proposal.Text{Letter: "Dear client 👋\n" + evil, Answers: []proposal.Answer{{Question: "When? " + evil, Answer: "Now " + evil}}, Bid: proposal.HourlyBid, BidAmount: ptr[int64](6550)}
}

func editor(s proposal.Status, e views.Errors) views.EditorPage {
	p := aProposal(s)
	return views.EditorPage{Shell: shell("Editor"), Job: aJob(), Proposal: p, Told: views.Told{Note: evil, LossReason: evil, ContractValue: evil}, Fields: views.EditorFields{Letter: p.Letter, Answers: p.Answers, Bid: "hourly", BidAmount: "65.50"}, Errors: e,
		Versions:    []proposal.Version{{Version: 9, Number: 3, Text: text(), AuthorID: one, AuthorName: "Ben " + evil, Origin: "merge", CreatedAt: now}, {Version: 4, Number: 2, Text: text(), AuthorName: "Ana", Origin: "typed", CreatedAt: now}},
		Events:      []proposal.Event{{From: proposal.Draft, To: proposal.InReview, Note: evil, ActorName: "Ben " + evil, OccurredAt: now}},
		Transitions: proposal.Transitions(p.Proposal, db.Owner), CanWrite: true}
}

// keeping is an editor that keeps what none of its forms has a field for.
func keeping() views.EditorPage {
	p := editor(proposal.Hired, views.Errors{"": evil, "contract_value": evil})
	p.Kept = []views.KeptField{{Name: "contract_value", Value: evil}, {Name: "note", Value: evil}}
	return p
}

// historyPage compares two versions of a text, the second of which somebody is still typing.
func historyPage(newer, older int) views.HistoryPage {
	typing := aProposal(proposal.Draft)
	typing.Version, typing.TypingBy, typing.TypingSince, typing.TypistName = 9, &one, &now, "Ben "+evil
	all := editor(proposal.Draft, nil).Versions
	all[0].Version, all[0].Origin, all[0].Letter = 9, "typing", "Dear client, hello.\n"+evil
	all[1].Answers, all[1].BidAmount = nil, nil
	return views.HistoryPage{Shell: shell("History"), Proposal: typing, Versions: all, New: newer, Old: older, CanWrite: true}
}

func members() []member.Choice {
	return []member.Choice{{ID: one, Name: "Ana " + evil}, {ID: two, Name: "Ben", Left: true}}
}

func jobsPage() views.JobsPage {
	p := posting()
	row := job.Row{ID: work, Title: p.Title, Snippet: p.Description, Contract: p.Contract, HourlyMin: p.HourlyMin, HourlyMax: p.HourlyMax, Experience: p.Experience, Skills: p.Skills,
		ProposalsMin: p.ProposalsMin, ProposalsMax: p.ProposalsMax, Country: "CA", PaymentVerified: ptr(false), Spent: p.Spent, SpentFloor: true, PostedAt: p.PostedAt, Triage: job.New, AssigneeID: &one}
	bare := job.Row{ID: two, Title: "Nothing known", PostedAt: now.AddDate(0, -3, 0), Triage: job.Drafting, Drafters: []uuid.UUID{one, two, work}}
	return views.JobsPage{Shell: shell("Jobs"), Filter: views.JobsFilter{Query: evil, Triage: "new", Contract: "hourly", MinPay: evil, Country: evil, Age: "7"},
		Searches: []job.Search{{ID: one, Name: "Go " + evil, Address: "q=go", Unread: 100, Default: true}, {ID: two, Name: "Rust", Address: "q=rust", Unread: 7, More: true}},
		Formats:  []string{evil}, Members: members(),
		Errors: views.Errors{"pay": evil, "country": evil}, Rows: []job.Row{row, bare}, Next: "/jobs?before=1." + one.String(), First: "/jobs?q=" + evil}
}

// organizations are those of the shell, as their own page has them.
func organizations() []control.Organization {
	choices := shell("").Organizations
	return []control.Organization{{Choice: choices[0], State: "active", LastUsed: ptr(now.Add(-time.Hour))}, {Choice: choices[1], State: "suspended"}}
}

func pages() map[string]templ.Component {
	empty := shell("Empty")
	empty.Message, empty.Sandbox = "", false
	imported := job.Import{ID: one, UserName: "Ana " + evil, State: "imported", Format: evil, Source: evil, FileName: evil, New: 1200, Updated: 1, Same: 2, Failed: 3, CreatedAt: now, ImportedAt: &now}
	previewed := imported
	previewed.State, previewed.ImportedAt, previewed.FileName = "previewed", nil, ""
	rows := []job.ImportRow{{Position: 1, Outcome: job.RowNew, Title: evil, JobID: &one}, {Position: 2, Outcome: job.RowFailed, Title: evil, Reason: evil}, {Position: 3, Outcome: job.RowSame, Title: "x"}}
	imported.Undo = &two
	undone := imported
	undone.Undo, undone.UndoneAt = nil, &now
	gone := []job.ImportRow{{Position: 1, Outcome: job.RowNew, Title: evil, Undone: "removed"}, {Position: 2, Outcome: job.RowUpdated, Title: evil, Undone: "restored", JobID: &one}, {Position: 3, Outcome: job.RowNew, Title: "x", Undone: "kept", JobID: &two}}
	kept := []views.KeptField{{Name: "letter" + evil, Value: evil}}
	hostile := aJob()
	hostile.URL, hostile.Triage = "javascript:alert(1)", job.New
	drawn := map[string]templ.Component{
		"organizations":       views.Organizations(views.OrganizationsPage{Shell: shell("Organizations"), Search: evil, List: organizations(), Name: evil, Errors: views.Errors{"name": evil}}),
		"invitations":         views.Invitations(views.InvitationsPage{Shell: shell("Invitations"), List: []views.Invitation{{evil, db.MemberRole, "https://clerk.example.com/v1/tickets/accept?ticket=" + evil}, {"Beta", db.Viewer, ""}, {"Gamma", db.Viewer, "javascript:alert(1)"}}}),
		"invitations-none":    views.Invitations(views.InvitationsPage{Shell: shell("Invitations")}),
		"change-many":         views.ConfirmChange(views.ChangePage{Shell: shell("Change"), Do: "assign", Assignee: one.String(), Address: "q=" + evil, Back: "/jobs?q=" + evil, Members: []member.Choice{{ID: one, Name: "Ben " + evil}}, Will: 137, Same: 1, Stuck: 370}),
		"change-none":         views.ConfirmChange(views.ChangePage{Shell: shell("Change"), Do: "archived", Address: "q=x", Back: "/jobs"}),
		"change-nothing":      views.ConfirmChange(views.ChangePage{Shell: shell("Change"), Do: "skipped", Address: "q=x", Back: "/jobs", Same: 2}),
		"organizations-none":  views.Organizations(views.OrganizationsPage{Shell: views.Shell{Title: "Organizations", PersonName: "Nina", Token: "token" + evil, Now: now}}),
		"jobs":                views.Jobs(jobsPage()),
		"jobs-none":           views.Jobs(views.JobsPage{Shell: empty}),
		"job":                 views.Job(views.JobPage{Shell: shell("Job"), Job: aJob(), CanWrite: true, Members: members(), Notes: notes(), Typed: views.TypedNote{ID: two, Text: evil}, Errors: views.Errors{"note": evil}, Proposals: []proposal.Row{aProposal(proposal.Draft)}, Sightings: []job.Sighting{{Format: evil, Source: evil, Outcome: job.RowNew, At: now}}, Activity: []audit.Entry{{Event: "job.triaged", Actor: evil, Detail: map[string]any{"from": "new", "to": "skipped"}, CreatedAt: now}}}),
		"job-viewer":          views.Job(views.JobPage{Shell: shell("Job"), Job: hostile, Notes: notes()}),
		"job-reason-refused":  views.Job(views.JobPage{Shell: shell("Job"), Job: aJob(), CanWrite: true, Reason: evil, Errors: views.Errors{"reason": evil}}),
		"job-note-refused":    views.Job(views.JobPage{Shell: shell("Job"), Job: hostile, CanWrite: true, Typed: views.TypedNote{Text: evil}, Errors: views.Errors{"note": evil}}),
		"import":              views.Import(views.ImportPage{Shell: shell("Import"), Text: evil, Errors: views.Errors{"text": evil, "file": evil}, Recent: []job.Import{imported, previewed}, CanWrite: true}),
		"import-preview":      views.ImportResult(views.ImportResultPage{Shell: shell("Preview"), Import: previewed, Rows: rows, CanWrite: true}),
		"import-result":       views.ImportResult(views.ImportResultPage{Shell: shell("Result"), Import: imported, Rows: rows, CanWrite: true}),
		"import-undone":       views.ImportResult(views.ImportResultPage{Shell: shell("Result"), Import: undone, Rows: gone, CanWrite: true}),
		"proposals":           views.Proposals(views.ProposalsPage{Shell: shell("Proposals"), Status: "draft", Mine: true, Rows: []proposal.Row{aProposal(proposal.Draft), aProposal(proposal.Hired)}, Next: "/proposals?before=x", First: "/proposals"}),
		"board":               views.Board(views.BoardPage{Shell: shell("Proposals"), Mine: true, Cards: cards()}),
		"board-none":          views.Board(views.BoardPage{Shell: shell("Proposals")}),
		"proposals-none":      views.Proposals(views.ProposalsPage{Shell: empty}),
		"editor-draft":        views.Editor(editor(proposal.Draft, views.Errors{"": evil, "letter": evil, "answer-0": evil, "bid": evil, "bid_amount": evil})),
		"editor-submitted":    views.Editor(editor(proposal.Submitted, views.Errors{"contract_value": evil})),
		"editor-declined":     views.Editor(editor(proposal.Declined, views.Errors{"note": evil})),
		"editor-kept":         views.Editor(keeping()),
		"conflict":            views.Conflict(views.ConflictPage{Shell: shell("Conflict"), Proposal: aProposal(proposal.Draft), Mine: views.EditorFields{Letter: evil, Answers: text().Answers}, Theirs: views.FieldsOf(text()), SavedBy: "Ben " + evil}),
		"conflict-same":       views.Conflict(views.ConflictPage{Shell: shell("Conflict"), Proposal: aProposal(proposal.Draft), Mine: views.FieldsOf(text()), Theirs: views.FieldsOf(text())}),
		"history":             views.History(historyPage(0, 1)),
		"history-first":       views.History(historyPage(1, 2)),
		"history-none":        views.History(views.HistoryPage{Shell: shell("History"), Proposal: aProposal(proposal.Draft)}),
		"error":               views.Error(views.ErrorPage{Shell: shell("Error"), Status: 500, Heading: evil, Text: evil, Action: evil, Link: "javascript:alert(1)", RequestID: evil, Kept: kept}),
		"wrong-tenant":        views.WrongTenant(views.WrongTenantPage{Shell: shell("Other"), WrittenFor: "Beta " + evil, WrittenForID: two, WrittenForPath: "/proposals/x" + evil, Kept: kept}),
		"own":                 views.Own(views.OwnPage{Shell: shell("Other"), Name: "Beta " + evil, ID: two, Path: "/jobs/x" + evil}),
		"wrong-tenant-hidden": views.WrongTenant(views.WrongTenantPage{Shell: shell("Other")}),
		"signed-out":          views.SignedOut(views.Shell{Title: "Signed out"}),
	}
	maps.Copy(drawn, guarded())
	maps.Copy(drawn, audits())
	return drawn
}

// audits are the pages of the audit.
func audits() map[string]templ.Component {
	organization := shell("Audit")
	organization.Section = "organization"
	p := views.AuditPage{Shell: organization, Filter: views.AuditFilter{Person: two.String(), Event: "job.triaged", Entity: "job", From: evil, Until: "2026-05-03"},
		Errors: views.Errors{"from": evil}, Members: members(), Next: "/organization/audit?before=1." + one.String(), First: "/organization/audit",
		Rows: []audit.Entry{
			{ID: one, Event: "job.triaged", Actor: "Ana " + evil, Entity: "job", EntityID: &work, RequestID: evil, Detail: map[string]any{"from": "new", "to": "skipped", "title": evil}, CreatedAt: now.Add(-time.Hour)},
			{ID: two, Event: "jobs.triaged", Actor: "Ben", Entity: "job", Detail: map[string]any{"to": "archived", "count": 1200.}, CreatedAt: now.Add(-2 * time.Hour)},
			{ID: one, Event: audit.Attempted, Entity: "proposal", EntityID: &two, Detail: map[string]any{"kind": "foreign_id", "count": 3.}, CreatedAt: now.Add(-3 * time.Hour)},
			{ID: two, Event: "import.undone", Entity: "import", EntityID: &one, Detail: map[string]any{"removed": 2., "kept": 1., "restored": 0.}, CreatedAt: now.Add(-4 * time.Hour)},
			{ID: two, Event: evil, Entity: evil, EntityID: &two, CreatedAt: now},
		}}
	none, noMatch := views.AuditPage{Shell: organization}, p
	noMatch.Rows, noMatch.Errors, noMatch.First = nil, nil, ""
	return map[string]templ.Component{"audit": views.Audit(p), "audit-none": views.Audit(none), "audit-no-match": views.Audit(noMatch)}
}

func draw(t testing.TB, c templ.Component) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryPageIsDrawnAsItsGoldenFileSays(t *testing.T) {
	t.Parallel()
	for name, component := range pages() {
		file := filepath.Join("testdata", name+".golden.html")
		// A tag a line, so that a difference can be read.
		got := bytes.ReplaceAll(digest.ReplaceAll(draw(t, component), []byte("$1.")), []byte("><"), []byte(">\n<"))
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not as in %s (%v); `make golden` accepts it", name, file, err)
		}
	}
}

func TestNothingThatWasTypedBecomesMarkup(t *testing.T) {
	t.Parallel()
	for name, component := range pages() {
		doc := parse(t, component)
		doc.Find("script:not([src^=\"/static/\"]), script:not(:empty), [onerror], [onclick], [style], img, iframe, object").Each(func(_ int, s *goquery.Selection) {
			t.Errorf("%s has a %s", name, goquery.NodeName(s))
		})
		doc.Find("[href], [action], [src]").Each(func(_ int, s *goquery.Selection) {
			for _, attribute := range []string{"href", "action", "src"} {
				if v, ok := s.Attr(attribute); ok && strings.HasPrefix(strings.ToLower(strings.TrimSpace(v)), "javascript:") {
					t.Errorf("%s has %s=%q", name, attribute, v)
				}
			}
		})
	}
}

func parse(t *testing.T, c templ.Component) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(draw(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryPageHasOneHeadingUniqueIDsAndLabels(t *testing.T) {
	t.Parallel()
	for name, component := range pages() {
		doc := parse(t, component)
		if n := doc.Find("h1").Length(); n != 1 {
			t.Errorf("%s has %d h1", name, n)
		}
		seen := map[string]bool{}
		doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
			if id := s.AttrOr("id", ""); seen[id] {
				t.Errorf("%s has the id %q twice", name, id)
			} else {
				seen[id] = true
			}
		})
		doc.Find("input:not([type=hidden]), select, textarea").Each(func(_ int, s *goquery.Selection) {
			if by, ok := s.Attr("aria-labelledby"); ok {
				if strings.TrimSpace(doc.Find("#"+by).Text()) == "" {
					t.Errorf("%s: the control is labelled by %q, which says nothing", name, by)
				}
				return
			}
			if id := s.AttrOr("id", ""); doc.Find("label").FilterFunction(func(_ int, l *goquery.Selection) bool { return l.AttrOr("for", "") == id }).Length() != 1 {
				t.Errorf("%s: the control %q has no label", name, id)
			}
		})
	}
}

func TestEveryFormSaysForWhichOrganizationAndSessionItWasDrawn(t *testing.T) {
	t.Parallel()
	forms := 0
	for name, component := range pages() {
		doc := parse(t, component)
		ours := doc.Find("body").HasClass("operator") || name == "organizations-none" // of no organization
		doc.Find("form[method=post]").Each(func(_ int, s *goquery.Selection) {
			forms++
			tenant, token := s.Find("input[type=hidden][name=tenant]"), s.Find("input[type=hidden][name=token]")
			if tenant.Length() != 1 || token.Length() != 1 || tenant.AttrOr("value", "") != one.String() && !ours || token.AttrOr("value", "") != "token"+evil {
				t.Errorf("%s: the form to %s does not: %q, %q", name, s.AttrOr("action", ""), tenant.AttrOr("value", ""), token.AttrOr("value", ""))
			}
		})
		doc.Find("form:not([method=post]) input[name=token]").Each(func(_ int, s *goquery.Selection) {
			t.Errorf("%s puts the token into an address", name)
		})
	}
	if forms < 20 {
		t.Errorf("only %d forms on all pages", forms)
	}
}

func BenchmarkJobs(b *testing.B) {
	p := jobsPage()
	p.Errors, p.Filter = nil, views.JobsFilter{}
	row := p.Rows[0]
	p.Rows = nil
	for range job.PageSize {
		p.Rows = append(p.Rows, row)
	}
	var buffer bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		buffer.Reset()
		if err := views.Jobs(p).Render(context.Background(), &buffer); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(buffer.Len()))
}
