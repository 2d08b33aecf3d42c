package web_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
	"upwork-ai-agent/web/webtest"
)

// draft signs ana in to Acme, imports two jobs and starts a proposal.
func draft(t *testing.T) (*webtest.Site, *webtest.Browser, *webtest.Page) {
	t.Helper()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	job := b.Get("/jobs?q=billing").Find(".row h2 a").First().AttrOr("href", "")
	return s, b, b.Submit(b.Get(job), `form[action="/proposals"]`, nil)
}

const editorForm = `form:has(textarea[name=letter])`

func TestAFormOfAnotherOrganizationIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	switchTo(t, b, "Beta")
	p := b.Submit(editor, editorForm, url.Values{"letter": {"my precious text"}})
	if p.Status != http.StatusConflict || p.H1() != "This was written in Acme" || !strings.Contains(p.Find("main").Text(), "You are now in Beta") {
		t.Fatalf("%d %q", p.Status, p.H1())
	}
	if p.Find("textarea").First().Text() != "my precious text" {
		t.Errorf("the text is not kept: %q", p.Find("textarea").Text())
	}
	back := b.Submit(p, `main form[action="/organizations/switch"]`, nil)
	if back.URL.Path != editor.URL.Path || back.Find("textarea[name=letter]").Text() != "" {
		t.Errorf("the way back leads to %s, or something was saved", back.URL)
	}
}

func TestAFormWithoutAnOrganizationIsRefused(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	for _, tenant := range []string{"", "x", "00000000-0000-0000-0000-000000000000"} {
		p := b.Submit(editor, editorForm, url.Values{"letter": {"text"}, "tenant": {tenant}})
		if p.Status != http.StatusConflict || strings.Contains(p.Body, "written in Acme") {
			t.Errorf("tenant %q: %d %s", tenant, p.Status, p.H1())
		}
	}
}

func TestAConflictShowsBothTextsAndSavesTheMergedOne(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	other := signIn(t, s, ben, "Acme")
	theirs := other.Get(editor.URL.Path)
	if p := other.Submit(theirs, editorForm, url.Values{"letter": {"text of ben"}}); p.Status != http.StatusOK {
		t.Fatalf("ben: %d", p.Status)
	}
	p := b.Submit(editor, editorForm, url.Values{"letter": {"text of ana"}, "answer-0": {"RLS since 9.5"}})
	if p.Status != http.StatusConflict || p.Find("textarea[name=letter]").Text() != "text of ana" || p.Find("#their-letter").Text() != "text of ben" {
		t.Fatalf("%d: mine %q, theirs %q", p.Status, p.Find("textarea[name=letter]").Text(), p.Find("#their-letter").Text())
	}
	if p.Find("textarea[name=answer-0]").Text() != "RLS since 9.5" {
		t.Errorf("the answer is lost: %q", p.Find("textarea[name=answer-0]").Text())
	}
	merged := b.Submit(p, editorForm, url.Values{"letter": {"text of both"}})
	if merged.Message() != "The proposal was saved." || merged.Find("textarea[name=letter]").Text() != "text of both" {
		t.Fatalf("merging: %d %q", merged.Status, merged.H1())
	}
	if n := merged.Find(".version").Length(); n != 3 || !strings.Contains(merged.Find(".version").First().Text(), "merged from two texts") {
		t.Errorf("%d versions", n)
	}
}

func TestAProposalGoesFromDraftToItsOutcome(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	early := b.Submit(editor, `form:has(input[value=submitted])`, nil)
	if early.Status != http.StatusUnprocessableEntity || early.Find("#problem-letter").Text() == "" || early.Find("#problem-answer-1").Text() == "" {
		t.Fatalf("sending an empty letter: %d %s", early.Status, early.Find(".problem").Text())
	}
	saved := b.Submit(editor, editorForm, url.Values{"letter": {"MERIDIAN, hello"}, "answer-0": {"Years"}, "answer-1": {"Monday"}, "bid": {"hourly"}, "bid_amount": {"$65.50"}})
	stale := b.Submit(editor, `form:has(input[value=submitted])`, nil)
	if stale.Status != http.StatusConflict {
		t.Errorf("sending an older version: %d", stale.Status)
	}
	sent := b.Submit(saved, `form:has(input[value=submitted])`, nil)
	if sent.Message() != "The proposal is now: Submitted." || sent.Find("textarea[name=letter]").Length() != 0 {
		t.Fatalf("sending: %d %q", sent.Status, sent.Message())
	}
	if frozen := b.Submit(saved, editorForm, url.Values{"letter": {"changed"}}); frozen.Status != http.StatusConflict {
		t.Errorf("changing what was sent: %d", frozen.Status)
	}
	bad := b.Submit(sent, `form:has(input[value=hired])`, url.Values{"contract_value": {"a lot"}})
	if bad.Status != http.StatusUnprocessableEntity || bad.Find("#problem-contract_value").Text() == "" || bad.Find("#contract_value").AttrOr("value", "") != "a lot" {
		t.Errorf("a value that is none: %d", bad.Status)
	}
	hired := b.Submit(sent, `form:has(input[value=hired])`, url.Values{"contract_value": {"1,250"}})
	if hired.Message() != "The proposal is now: Hired." || !strings.Contains(hired.Find("main").Text(), "Contract: $1,250") {
		t.Fatalf("hired: %d %q", hired.Status, hired.Message())
	}
	job := b.Get(hired.Find("#job a").AttrOr("href", ""))
	if !strings.Contains(job.Find(".bar .badge").Text(), "Applied") {
		t.Errorf("the job is %q", job.Find(".bar .badge").Text())
	}
}

func TestAFormWhoseVersionIsNoNumberIsDamagedAndKept(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	for path, fields := range map[string]url.Values{
		"": {"letter": {"my precious text"}}, "/autosave": {"letter": {"my precious text"}},
		"/move": {"to": {"archived"}, "note": {"my precious text"}}, "/restore": {"restore": {"1"}},
	} {
		fields.Set("tenant", activeIn(editor))
		for _, version := range []string{"", "x", "-1", "1.0", "0x1", " 1", "99999999999999999999"} {
			fields.Set("version", version)
			p := b.Post(editor.URL.Path+path, fields)
			if p.Status != http.StatusBadRequest || !strings.Contains(p.Find("main").Text(), "The field “version”") {
				t.Errorf("%s, version %q: %d %s", path, version, p.Status, p.H1())
			}
			if path != "/restore" && p.Find("#kept-0").Text() != "my precious text" {
				t.Errorf("%s, version %q keeps %q", path, version, p.Find("main textarea").Text())
			}
		}
	}
}

func TestWhatIsToldWithARefusedMoveIsKeptWhereverTheProposalIs(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	typed := url.Values{"version": {"1"}, "to": {"viewed"}, "note": {"my note"}, "loss_reason": {"my reason"}, "contract_value": {"a lot"}, "tenant": {activeIn(editor)}}
	long := url.Values{"version": {"1"}, "to": {"archived"}, "loss_reason": {strings.Repeat("long ", 120) + "loss"}, "tenant": {activeIn(editor)}}
	for _, status := range proposal.Statuses {
		exec(t, s.Database, "UPDATE proposals SET status = $1, submitted_at = now()", string(status))
		p := b.Post(editor.URL.Path+"/move", typed)
		kept := strings.Join(p.Find("main textarea, main input").Map(func(_ int, s *selection) string { return s.AttrOr("value", "") + s.Text() }), "|")
		if p.Status != http.StatusUnprocessableEntity || p.Find("#problem-contract_value").Length() != 1 {
			t.Errorf("%s: %d, of the amount it says %q", status, p.Status, p.Find("#problem-contract_value").Text())
		}
		for _, want := range []string{"my note", "my reason", "a lot"} {
			if strings.Count(kept, want) != 1 {
				t.Errorf("%s: %q is kept %d times in %q", status, want, strings.Count(kept, want), kept)
			}
		}
		if status == proposal.Archived {
			continue
		}
		if p := b.Post(editor.URL.Path+"/move", long); p.Status != http.StatusUnprocessableEntity || p.Find("#problem-loss_reason").Length() != 1 || !strings.Contains(p.Body, "long loss") {
			t.Errorf("%s: %d, of the reason it says %q", status, p.Status, p.Find("#problem-loss_reason").Text())
		}
	}
}

func TestATextThatCanNoLongerBeSavedIsKeptAndNotTakenForWhatWasSent(t *testing.T) {
	t.Parallel()
	s, b, editor := draft(t)
	exec(t, s.Database, "UPDATE proposals SET letter = 'what was sent', status = 'submitted', submitted_at = now()")
	p := b.Submit(editor, editorForm, url.Values{"letter": {"what came too late"}, "answer-1": {"and an answer"}, "bid": {"hourly"}, "bid_amount": {"65"}})
	kept := strings.Join(p.Find("section:has(#kept) textarea").Map(func(_ int, s *selection) string { return s.Text() }), "|")
	if p.Status != http.StatusConflict || kept != "and an answer|hourly|65|what came too late" {
		t.Errorf("%d keeps %q", p.Status, kept)
	}
	if sent := p.Find("article:has(#letter-heading)").Text(); !strings.Contains(sent, "what was sent") || strings.Contains(sent, "too late") {
		t.Errorf("as sent it shows %q", sent)
	}
}

func TestAnEarlierVersionIsRestored(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	first := b.Submit(editor, editorForm, url.Values{"letter": {"first text"}})
	second := b.Submit(first, editorForm, url.Values{"letter": {"second text"}})
	p := b.Submit(second, `form:has(button[value="2"])`, url.Values{"restore": {"2"}})
	if p.Find("textarea[name=letter]").Text() != "first text" || p.Find(".version").Length() != 4 {
		t.Errorf("%d %q with %d versions", p.Status, p.Find("textarea[name=letter]").Text(), p.Find(".version").Length())
	}
	if none := b.Submit(p, `form:has(button[value="2"])`, url.Values{"restore": {"99"}}); none.Status != http.StatusNotFound {
		t.Errorf("a version that is none: %d", none.Status)
	}
}

func TestBadInputIsNamedAndKeptAndNeverA500(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	for name, fields := range map[string]url.Values{
		"NUL":           {"letter": {"a\x00b"}},
		"invalid UTF-8": {"letter": {"a\xffb"}},
		"long letter":   {"letter": {strings.Repeat("é", 11_000)}},
		"long answer":   {"letter": {"x"}, "answer-0": {strings.Repeat("y", 6_000)}},
		"amount":        {"letter": {"x"}, "bid": {"hourly"}, "bid_amount": {"99999999999999999999"}},
		"amount words":  {"letter": {"x"}, "bid": {"hourly"}, "bid_amount": {"lots"}},
		"amount alone":  {"letter": {"x"}, "bid_amount": {"65"}},
		"bid":           {"letter": {"x"}, "bid": {"barter"}},
		"unknown field": {"letter": {"x"}, "tenant_id": {"x"}},
		"version":       {"letter": {"x"}, "version": {"99999999999999999999"}},
		"huge":          {"letter": {strings.Repeat("x", 300_000)}},
	} {
		p := b.Submit(editor, editorForm, fields)
		if p.Status < 400 || p.Status >= 500 || strings.Contains(p.Body, "SQLSTATE") {
			t.Errorf("%s: %d %s", name, p.Status, p.H1())
		}
		if text := fields.Get("letter"); name == "amount words" && p.Find("textarea[name=letter]").Text() != text {
			t.Errorf("%s: the letter is lost", name)
		}
	}
	if p := b.Get(editor.URL.Path); p.Find("textarea[name=letter]").Text() != "" || p.Find(".version").Length() != 1 {
		t.Errorf("something was stored: %d versions", p.Find(".version").Length())
	}
}

func TestAnUploadThatCannotBeReadIsExplainedAndKept(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	form := b.Get("/jobs/import")
	for name, text := range map[string]string{
		"nothing": "", "prose": "hello there", "broken JSON": `{"projects": [`, "other JSON": `{"a": 1}`, "deep": strings.Repeat("[", 10_000), "failed source": `{"status":"error","targetName":"x","jobs":[]}`,
	} {
		p := b.Submit(form, `form[action="/jobs/import"]`, url.Values{"text": {text}})
		if p.Status != http.StatusUnprocessableEntity || p.Find("#problem-text").Text() == "" || p.Find("#text").Text() != text {
			t.Errorf("%s: %d, message %q", name, p.Status, p.Find("#problem-text").Text())
		}
	}
	if p := b.Get("/jobs/import"); p.Find(`a[href^="/jobs/import/"]`).Length() != 0 {
		t.Error("an import was kept")
	}
}

func TestAFileIsImportedAndTheSameFileAgainIsTheSame(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	page := b.Get("/jobs/import")
	tenant := page.Find(`form[action="/jobs/import"] input[name=tenant]`).AttrOr("value", "")
	csv := "title,url,payment_rate,job_type\nOne,https://www.upwork.com/jobs/~022050861570460031848,$45.00-$70.00,Hourly\n,,$5,\nThree,,,\n"
	preview := upload(t, s, b, tenant, `a"b<script>.csv`, csv)
	if preview.H1() != "What importing would do" || preview.Find("tbody tr").Length() != 3 || !strings.Contains(preview.Find("main").Text(), `a"b<script>.csv`) {
		t.Fatalf("%d %q with %d rows: %s", preview.Status, preview.H1(), preview.Find("tbody tr").Length(), preview.Find("main").Text())
	}
	if b.Get("/jobs").Find(".row").Length() != 0 {
		t.Error("the preview imported something")
	}
	done := b.Submit(preview, `form[action^="/jobs/import/"]`, nil)
	if done.Message() != "Imported: 2 new, 1 not usable." {
		t.Fatalf("importing: %d %q", done.Status, done.Message())
	}
	if twice := b.Submit(preview, `form[action^="/jobs/import/"]`, nil); twice.Status != http.StatusConflict {
		t.Errorf("importing twice: %d", twice.Status)
	}
	again := b.Submit(upload(t, s, b, tenant, "again.csv", csv), `form[action^="/jobs/import/"]`, nil)
	if again.Message() != "Imported: 2 known already, 1 not usable." || b.Get("/jobs").Find(".row").Length() != 2 {
		t.Errorf("importing again: %q", again.Message())
	}
}

func upload(t *testing.T, s *webtest.Site, b *webtest.Browser, tenant, name, content string) *webtest.Page {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, field := range [][2]string{{"tenant", tenant}, {"token", b.Token}, {"text", ""}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, s.URL+"/jobs/import", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(r)
}

func TestTheJobsListFiltersByEverythingInTheAddress(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	for query, want := range map[string]int{
		"": 2, "?q=billing": 1, `?q="billing+api"`: 1, "?q=postgres+-billing": 1, "?q=nothing": 0, "?contract=hourly": 1, "?contract=fixed": 1, "?contract=x": 2,
		"?pay=71": 1, "?pay=69": 2, "?pay=301": 0, "?pay=x": 2, "?country=Canada": 1, "?country=ca": 1, "?country=Atlantis": 2, "?country=FR": 0,
		"?triage=new": 2, "?triage=skipped": 0, "?age=1": 0, "?age=3650": 2, "?age=-1": 2, "?q=%00": 2, "?q=%ff": 2, "?q=" + url.QueryEscape(strings.Repeat("a ", 500)): 0,
	} {
		if p := b.Get("/jobs" + query); p.Status != http.StatusOK || p.Find(".row").Length() != want {
			t.Errorf("%q: %d with %d rows, want %d", query, p.Status, p.Find(".row").Length(), want)
		}
	}
	for _, cursor := range []string{"x", "1", "1.x", "-1.01890000-0000-7000-8000-000000000000", "9999999999999999999.01890000-0000-7000-8000-000000000000"} {
		if p := b.Get("/jobs?before=" + cursor); p.Status != http.StatusNotFound {
			t.Errorf("before=%s: %d", cursor, p.Status)
		}
	}
}

func TestAReasonThatIsTooLongIsKeptWhateverBecameOfTheJob(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	page := b.Get(b.Get("/jobs?q=billing").Find(".row h2 a").AttrOr("href", ""))
	long := strings.Repeat("why ", 150) + "not"
	for _, triage := range job.Triages {
		exec(t, s.Database, "UPDATE jobs SET triage = $1", string(triage))
		p := b.Submit(page, "form:has(#reason)", url.Values{"to": {"skipped"}, "reason": {long}})
		field := p.Find("[aria-describedby=problem-reason]")
		if p.Find(".problem.summary").Length() != 1 {
			t.Errorf("%s: nothing above the job tells of it", triage)
		}
		if p.Status != http.StatusUnprocessableEntity || p.Find("#problem-reason").Text() != "Keep the reason under 500 characters. You wrote 603." || field.AttrOr("value", "")+field.Text() != long {
			t.Errorf("%s: %d, the problem is %q, kept is %q", triage, p.Status, p.Find("#problem-reason").Text(), field.AttrOr("value", "")+field.Text())
		}
	}
}

func TestTriageMovesAJobAndSaysSo(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	jobs := b.Get("/jobs?q=billing")
	back := b.Submit(jobs, ".row button[value=shortlisted]", nil)
	if back.URL.RequestURI() != "/jobs?q=billing" || !strings.HasSuffix(back.Message(), "was shortlisted.") {
		t.Fatalf("after shortlisting at %s: %q", back.URL, back.Message())
	}
	job := b.Get(back.Find(".row h2 a").AttrOr("href", ""))
	skipped := b.Submit(job, "form:has(#reason)", url.Values{"to": {"skipped"}, "reason": {"Too <b>small</b>"}})
	if !strings.Contains(skipped.Find("main").Text(), "Skipped because: Too <b>small</b>") || !strings.Contains(skipped.Find(".list").Text(), "Shortlisted → Skipped") {
		t.Errorf("the page does not tell: %s", skipped.Find("main").Text())
	}
	if p := b.Submit(job, "form:has(#reason)", url.Values{"to": {"paid"}}); p.Status != http.StatusBadRequest {
		t.Errorf("an unknown state: %d", p.Status)
	}
}

// Two people skip a job, each for a reason: the second one's is neither stored over the first one's nor lost.
func TestASecondReasonToSkipAJobIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	s := start(t)
	b, other := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme")
	path := "/jobs/" + ticks(jobsOf(t, b, 0, 1))[0]
	const form = `form[action$="/triage"]:has(button[value=skipped])`
	mine, theirs := b.Get(path), other.Get(path)
	b.Submit(mine, form, url.Values{"to": {"skipped"}, "reason": {"Pays too little."}})
	reason := strings.Repeat("No time until May. ", 26)
	p := other.Submit(theirs, form, url.Values{"to": {"skipped"}, "reason": {reason}})
	if text := p.Find("main").Text(); p.Status != http.StatusConflict || !strings.Contains(text, "your reason was not stored") || !strings.Contains(text, strings.TrimSpace(reason)) || !strings.Contains(text, "Pays too little.") {
		t.Errorf("the second reason: %d %q", p.Status, text)
	}
	for _, again := range []string{"", "Pays too little."} {
		if p := other.Submit(theirs, form, url.Values{"to": {"skipped"}, "reason": {again}}); p.Status != http.StatusOK {
			t.Errorf("skipped again, for %q: %d %q", again, p.Status, p.H1())
		}
	}
	if text := b.Get(path).Find("main").Text(); !strings.Contains(text, "Pays too little.") || strings.Contains(text, "until May") {
		t.Errorf("the job: %q", text)
	}
}
