package demo_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

var now = time.Date(2026, 11, 23, 9, 30, 0, 123_456_789, time.UTC)

func TestTheSameTimeGivesTheSameContent(t *testing.T) {
	t.Parallel()
	first, second := encoded(t, demo.Organizations(now)), encoded(t, demo.Organizations(now.In(time.FixedZone("elsewhere", 3600))))
	if first != second {
		t.Error("two runs differ")
	}
	if first == encoded(t, demo.Organizations(now.Add(time.Hour))) {
		t.Error("an hour later nothing has moved")
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestThereIsEnoughOfEverything(t *testing.T) {
	t.Parallel()
	organizations := demo.Organizations(now)
	if len(organizations) != 2 {
		t.Fatalf("%d organizations", len(organizations))
	}
	for i, want := range []struct{ jobs, proposals int }{{240, 34}, {90, 13}} {
		if o := organizations[i]; len(o.Jobs) != want.jobs || len(o.Proposals) != want.proposals {
			t.Errorf("%s has %d jobs and %d proposals", o.Name, len(o.Jobs), len(o.Proposals))
		}
	}
	for _, o := range organizations {
		statuses, triages, contracts := map[proposal.Status]int{}, map[job.Triage]int{}, map[job.Contract]int{}
		for _, p := range o.Proposals {
			statuses[p.Status()]++
		}
		for _, j := range o.Jobs {
			triages[j.Triage]++
			contracts[j.Contract]++
		}
		for _, s := range proposal.Statuses {
			if statuses[s] == 0 {
				t.Errorf("%s has no proposal that is %s", o.Name, s)
			}
		}
		for _, s := range job.Triages {
			if triages[s] == 0 {
				t.Errorf("%s has no job that is %s", o.Name, s)
			}
		}
		for _, c := range []job.Contract{"", job.Hourly, job.Fixed} {
			if contracts[c] == 0 {
				t.Errorf("%s has no job with the contract %q", o.Name, c)
			}
		}
	}
}

func TestBothOrganizationsHaveSomePostsInCommon(t *testing.T) {
	t.Parallel()
	organizations := demo.Organizations(now)
	titles := map[string]string{}
	for _, j := range organizations[0].Jobs {
		titles[j.ExternalKey] = j.Title
	}
	shared := 0
	for _, j := range organizations[1].Jobs {
		if title, ok := titles[j.ExternalKey]; ok {
			shared++
			if title != j.Title {
				t.Errorf("%s is “%s” and “%s”", j.ExternalKey, title, j.Title)
			}
		}
	}
	if shared != 30 {
		t.Errorf("%d posts in common", shared)
	}
}

func TestPeopleHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	roles, userID := map[string][]string{}, regexp.MustCompile(`^user_[A-Za-z0-9]+$`)
	for _, o := range demo.Organizations(now) {
		if !regexp.MustCompile(`^org_[A-Za-z0-9]+$`).MatchString(o.ClerkID) || !regexp.MustCompile(`^[a-z]+$`).MatchString(o.Slug) {
			t.Errorf("%s has the id %q and the slug %q", o.Name, o.ClerkID, o.Slug)
		}
		for _, m := range o.Members {
			if !slices.Contains(demo.People(), m.Person) {
				t.Errorf("%s is nobody", m.Person.Name)
			}
			roles[m.Person.ID] = append(roles[m.Person.ID], m.Role)
		}
	}
	seen := map[string]bool{}
	for _, p := range demo.People() {
		if !userID.MatchString(p.ID) || !strings.HasSuffix(p.Email, "@example.com") || p.Email != strings.ToLower(p.Email) || p.Name == "" || p.Note == "" {
			t.Errorf("%+v", p)
		}
		if seen[p.ID] || seen[p.Email] {
			t.Errorf("%s twice", p.ID)
		}
		seen[p.ID], seen[p.Email] = true, true
	}
	if len(roles[demo.Operator().ID]) != 0 || !slices.Contains(demo.People(), demo.Operator()) {
		t.Error("the operator is a member, or not among the people")
	}
	if r := roles[demo.People()[0].ID]; !slices.Equal(r, []string{"owner", "owner"}) {
		t.Errorf("the first person is %v", r)
	}
	for _, role := range []string{"owner", "admin", "manager", "member", "viewer"} {
		if !slices.ContainsFunc(demo.Organizations(now)[0].Members, func(m demo.Member) bool { return m.Role == role }) {
			t.Errorf("nobody is %s", role)
		}
	}
}

func TestEveryJobIsOneThatAnImportCouldMake(t *testing.T) {
	t.Parallel()
	key := regexp.MustCompile(`^upwork:(\d{19})$`)
	for _, o := range demo.Organizations(now) {
		keys, titles, members := map[string]bool{}, map[string]bool{}, roles(o)
		for i, j := range o.Jobs {
			m := key.FindStringSubmatch(j.ExternalKey)
			if m == nil || j.URL != "https://www.upwork.com/jobs/~02"+m[1] {
				t.Fatalf("key %q, address %q", j.ExternalKey, j.URL)
			}
			id, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil || !time.UnixMilli(id>>22+1288834974657).Equal(j.PostedAt) {
				t.Errorf("%s was posted %v", j.ExternalKey, j.PostedAt)
			}
			if keys[j.ExternalKey] || titles[j.Title] {
				t.Errorf("“%s” is there twice", j.Title)
			}
			keys[j.ExternalKey], titles[j.Title] = true, true
			for broken, is := range map[string]bool{
				"date":        j.PostedAt.After(now) || j.PostedAt.Before(now.Add(-30*24*time.Hour)) || j.PostedAt.Location() != time.UTC,
				"order":       i > 0 && j.PostedAt.After(o.Jobs[i-1].PostedAt),
				"text":        j.Title == "" || utf8.RuneCountInString(j.Title) > 120 || strings.Count(j.Description, "\n\n") < 1 || unclean(j.Title+j.Description) || strings.ContainsAny(j.Title+j.Description, "{}"),
				"rates":       j.HourlyMin != nil && (*j.HourlyMin <= 0 || *j.HourlyMax < *j.HourlyMin),
				"pay":         j.Contract != job.Hourly && j.HourlyMin != nil || (j.Contract == job.Fixed) != (j.Budget != nil && *j.Budget > 0),
				"proposals":   j.ProposalsMin == nil && j.ProposalsMax != nil || j.ProposalsMax != nil && *j.ProposalsMax < *j.ProposalsMin,
				"country":     len(j.Country) != 0 && len(j.Country) != 2,
				"rating":      j.Rating != nil && (*j.Rating < 100 || *j.Rating > 500),
				"hire rate":   j.HireRate != nil && (*j.HireRate < 0 || *j.HireRate > 100),
				"skills":      len(j.Skills) < 3,
				"skip reason": (j.Triage == job.Skipped) != (j.SkipReason != ""),
				"assignee":    j.Assignee != "" && !members[j.Assignee].AtLeast(db.MemberRole),
			} {
				if is {
					t.Errorf("broken %s: %+v", broken, j)
				}
			}
		}
	}
}

func unclean(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
}

func roles(o demo.Organization) map[string]db.Role {
	roles := map[string]db.Role{}
	for _, m := range o.Members {
		roles[m.Person.ID] = db.Role(m.Role)
	}
	return roles
}

func TestSomethingIsUnknownOfEveryKind(t *testing.T) {
	t.Parallel()
	unknown, known := map[string]int{}, map[string]int{}
	count := func(what string, missing bool) {
		if missing {
			unknown[what]++
		} else {
			known[what]++
		}
	}
	for _, j := range demo.Organizations(now)[0].Jobs {
		count("rate", j.Contract == job.Hourly && j.HourlyMin == nil)
		count("country", j.Country == "")
		count("city", j.City == "")
		count("verification", j.PaymentVerified == nil)
		count("rating", j.Rating == nil)
		count("spending", j.Spent == nil)
		count("exact spending", j.SpentFloor)
		count("proposals", j.ProposalsMin == nil)
		count("upper end", j.ProposalsMin != nil && j.ProposalsMax == nil)
		count("connects", j.Connects == nil)
		count("experience", j.Experience == "")
		count("duration", j.Duration == "")
		count("questions", len(j.Questions) == 0)
		count("planted word", !strings.Contains(j.Description, "start your proposal with the word"))
		count("date", j.PostedAtSource == job.FromID)
	}
	for what, n := range known {
		if n < 10 || unknown[what] < 3 {
			t.Errorf("%s: known of %d, unknown of %d", what, n, unknown[what])
		}
	}
}

func TestEveryProposalIsOneThatThePeopleCouldHaveMade(t *testing.T) {
	t.Parallel()
	for _, o := range demo.Organizations(now) {
		members, live := roles(o), map[string]bool{}
		for _, p := range o.Proposals {
			j := o.Jobs[p.Job]
			walk(t, p, members)
			edits(t, p, j, members)
			if pair := j.ExternalKey + p.Author; p.Status().Live() {
				if live[pair] {
					t.Errorf("two live proposals for “%s”", j.Title)
				}
				live[pair] = true
			}
			submitted := slices.ContainsFunc(p.Steps, func(s demo.Step) bool { return s.To == proposal.Submitted })
			switch {
			case submitted && j.Triage != job.Applied,
				!submitted && p.Status().Editable() && j.Triage != job.Drafting,
				j.Assignee != p.Author:
				t.Errorf("“%s” is %s, its proposal %s", j.Title, j.Triage, p.Status())
			}
			lost := p.Status() == proposal.Declined || p.Status() == proposal.Withdrawn
			if lost != (p.LossReason != "") || (p.Status() == proposal.Hired) != (p.ContractValue != nil && *p.ContractValue > 0) {
				t.Errorf("%s: lost for “%s”, worth %v", p.Status(), p.LossReason, p.ContractValue)
			}
		}
	}
}

// walk takes each step by the rules of the product and checks that time goes forward.
func walk(t *testing.T, p demo.Proposal, members map[string]db.Role) {
	t.Helper()
	state, at := proposal.Proposal{Status: proposal.Draft}, p.SavedAt
	for _, s := range p.Steps {
		rule, ok := proposal.Next(state, members[s.By], s.To)
		if !ok || rule.Note && s.Note == "" {
			t.Errorf("%s may not go from %s to %s", s.By, state.Status, s.To)
		}
		if !s.At.After(at) || s.At.After(now) {
			t.Errorf("%s at %v, after %v", s.To, s.At, at)
		}
		if state.Status, at = s.To, s.At; s.To == proposal.Submitted {
			state.SubmittedAt = &s.At
		}
	}
}

// edits checks the texts: each new, in order, complete when it left the draft.
func edits(t *testing.T, p demo.Proposal, j demo.Job, members map[string]db.Role) {
	t.Helper()
	all := append(slices.Clone(p.History), demo.Edit{Text: p.Text, Origin: p.Origin, By: p.SavedBy, At: p.SavedAt})
	if len(all) > 5 || !all[0].At.Equal(p.CreatedAt) || !p.CreatedAt.After(j.PostedAt) || p.SavedAt.After(now) {
		t.Errorf("%d texts from %v to %v, posted %v", len(all), p.CreatedAt, p.SavedAt, j.PostedAt)
	}
	for i, e := range all {
		if n := len(utf16.Encode([]rune(e.Letter))); n == 0 || n > proposal.MaxLetter || unclean(e.Letter) {
			t.Errorf("a letter of %d units", n)
		}
		if !members[e.By].AtLeast(db.MemberRole) || !slices.Contains([]string{"typed", "restore", "merge"}, e.Origin) || len(e.Answers) != len(j.Questions) {
			t.Errorf("%s by %s with %d answers to %d questions", e.Origin, e.By, len(e.Answers), len(j.Questions))
		}
		if i > 0 && (!e.At.After(all[i-1].At) || encoded(t, e.Text) == encoded(t, all[i-1].Text)) {
			t.Errorf("version %d repeats the one before, or is older", i+1)
		}
	}
	if len(p.Steps) > 0 && p.Steps[0].To != proposal.Archived {
		complete(t, p, j)
	}
}

func complete(t *testing.T, p demo.Proposal, j demo.Job) {
	t.Helper()
	for i, a := range p.Answers {
		if a.Question != j.Questions[i] || a.Answer == "" {
			t.Errorf("“%s” is answered with “%s”", j.Questions[i], a.Answer)
		}
	}
	if string(p.Bid) != string(j.Contract) || p.BidAmount == nil || *p.BidAmount <= 0 {
		t.Errorf("a bid %q of %v for a job that is %q", p.Bid, p.BidAmount, j.Contract)
	}
	if _, after, ok := strings.Cut(j.Description, "start your proposal with the word "); ok {
		if word, _, _ := strings.Cut(after, ","); !strings.HasPrefix(p.Letter, word) {
			t.Errorf("the letter begins with “%.20s”, not with %s", p.Letter, word)
		}
	}
}

func TestNoTwoLettersAreAlike(t *testing.T) {
	t.Parallel()
	paragraphs := map[string]bool{}
	versions, planted, sentBack := map[int]int{}, 0, 0
	for _, o := range demo.Organizations(now) {
		for _, p := range o.Proposals {
			versions[len(p.History)+1]++
			for _, s := range p.Steps {
				if s.To == proposal.Draft && s.Note != "" {
					sentBack++
				}
			}
			if !strings.HasPrefix(p.Letter, "Hello") && strings.Contains(p.Letter, ". Hello") {
				planted++
			}
			for _, paragraph := range strings.Split(p.Letter, "\n\n") {
				if len(paragraph) < 60 { // greetings and signatures
					continue
				}
				if paragraphs[paragraph] {
					t.Errorf("twice: %s", paragraph)
				}
				paragraphs[paragraph] = true
			}
		}
	}
	for n := 1; n <= 5; n++ {
		if versions[n] < 2 {
			t.Errorf("%d proposals have %d versions", versions[n], n)
		}
	}
	if sentBack == 0 {
		t.Error("no proposal was sent back with a note")
	}
	if planted == 0 {
		t.Error("no letter begins with a planted word")
	}
}
