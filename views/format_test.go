package views

import (
	"html"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/proposal"
)

func ref[T any](v T) *T { return &v }

// said compares what was said with what should have been.
func said(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMoneyIsExactAndUnknownIsNeverZero(t *testing.T) {
	t.Parallel()
	said(t, dollars(0), "$0")
	said(t, dollars(5), "$0.05")
	said(t, dollars(6250), "$62.50")
	said(t, dollars(125_000), "$1,250")
	said(t, dollars(100_000_007), "$1,000,000.07")
	for typed, want := range map[string]string{"1730.00": "$1,730", "62.50": "$62.50", "62.5": "$62.5", "a lot": "$a lot", "$9": "$9", "1e3": "$1e3", "NaN": "$NaN", "-5.00": "$-5.00", "100000000000000000000.00": "$100000000000000000000.00", "": ""} {
		said(t, bidText(EditorFields{Bid: "fixed", BidAmount: typed}), strings.TrimSpace("Fixed price "+want))
	}
	said(t, money(nil, "/h"), "unknown")
	said(t, money(ref(int64(0)), "/h"), "$0/h")
	said(t, number(nil, "%"), "unknown")
	said(t, number(ref(0), "%"), "0%")
	said(t, grouped(1001), "1,001")
	said(t, grouped(0), "0")
}

func TestPayIsSaidAsFarAsItIsKnown(t *testing.T) {
	t.Parallel()
	low, high, budget := ref(int64(4500)), ref(int64(7000)), ref(int64(125_000))
	said(t, pay(job.Hourly, low, high, nil), "$45–$70/h")
	said(t, pay(job.Hourly, low, low, nil), "$45/h")
	said(t, pay(job.Hourly, low, nil, nil), "from $45/h")
	said(t, pay(job.Hourly, nil, high, nil), "up to $70/h")
	said(t, pay(job.Fixed, nil, nil, budget), "$1,250 fixed")
	said(t, pay(job.Hourly, nil, nil, nil), "Hourly, rate unknown")
	said(t, pay(job.Fixed, nil, nil, nil), "Fixed, budget unknown")
	said(t, pay("", nil, nil, nil), "Pay unknown")
	said(t, bid(proposal.HourlyBid, high), "Bid: $70/h")
	said(t, bid(proposal.FixedBid, budget), "Bid: $1,250 fixed")
	said(t, bid("", nil), "Bid: not decided")
}

func TestSpendIsNeverSaidToBeMoreThanItIs(t *testing.T) {
	t.Parallel()
	for cents, want := range map[int64]string{
		0: "$0 spent", 999_999: "$9,999 spent", 1_000_000: "$10K spent", 1_299_900: "$12.9K spent", 19_999_900: "$199K spent",
		99_999_999: "$999K spent", 100_000_000: "$1M spent", 199_999_999: "$1.9M spent", 1_234_567_890_000: "$12,345M spent",
	} {
		said(t, spent(&cents, false), want)
	}
	said(t, spent(ref(int64(1_000_000)), true), "$10K+ spent")
	said(t, spent(nil, true), "spend unknown")
}

func TestTheBandOfProposals(t *testing.T) {
	t.Parallel()
	said(t, band(nil, nil), "proposals unknown")
	said(t, band(ref(50), nil), "50+ proposals")
	said(t, band(ref(10), ref(15)), "10 to 15 proposals")
	said(t, band(ref(0), ref(5)), "up to 5 proposals")
	said(t, band(nil, ref(5)), "up to 5 proposals")
	said(t, band(ref(0), ref(0)), "0 proposals")
	said(t, band(ref(1), ref(1)), "1 proposal")
}

func TestTheClient(t *testing.T) {
	t.Parallel()
	said(t, country("DE"), "Germany")
	said(t, country("US"), "United States")
	said(t, country(""), "Country unknown")
	said(t, country("ZZ"), "ZZ")
	said(t, location("DE", "Leipzig"), "Germany, Leipzig")
	said(t, rating(ref(487), ref(31)), "4.87 of 5, 31 reviews")
	said(t, rating(ref(500), ref(1)), "5.00 of 5, 1 review")
	said(t, rating(ref(0), nil), "0.00 of 5")
	said(t, rating(nil, ref(3)), "unknown")
	said(t, verified(nil), "unknown")
	said(t, verified(ref(false)), "not verified")
}

func TestTimesAreRelativeUntilTheyAreDates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 5, 14, 30, 0, 0, time.UTC)
	for before, want := range map[time.Duration]string{
		-time.Hour: "just now", 59 * time.Second: "just now", time.Minute: "1 min ago", 59 * time.Minute: "59 min ago", time.Hour: "1 h ago",
		23*time.Hour + 59*time.Minute: "23 h ago", 24 * time.Hour: "1 d ago", 29 * 24 * time.Hour: "29 d ago", 30 * 24 * time.Hour: "3 Feb 2026",
	} {
		said(t, ago(now.Add(-before), now), want)
	}
	elsewhere := time.Date(2025, 1, 1, 23, 30, 0, 0, time.FixedZone("", -3600))
	said(t, ago(elsewhere, now), "2 Jan 2025")
	said(t, exact(elsewhere), "2 Jan 2025, 00:30 UTC")
	said(t, machine(elsewhere), "2025-01-02T00:30:00Z")
}

func TestLengthCountsUTF16UnitsWithOneUnitALineEnd(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"": 0, "abc": 3, "é": 1, "😀": 2, "a\r\nb": 3, "a\nb": 3, "👩‍💻": 5} {
		if got := length(s); got != want {
			t.Errorf("length(%q) = %d, want %d", s, got, want)
		}
	}
}

// named tells which of all have no word.
func named[K ~string](t *testing.T, words map[K]string, all ...K) {
	t.Helper()
	for _, k := range all {
		if words[k] == "" {
			t.Errorf("%T %q has no word", k, k)
		}
	}
	if extra := len(words) - len(all); extra > 1 || extra == 1 && words[""] == "" {
		t.Errorf("%d words for %d of %T", len(words), len(all), all[0])
	}
}

func TestEveryEnumHasAWord(t *testing.T) {
	t.Parallel()
	named(t, contractNames, job.Hourly, job.Fixed)
	named(t, payUnknown, job.Hourly, job.Fixed)
	named(t, experienceNames, job.Entry, job.Intermediate, job.Expert)
	named(t, durationNames, job.UnderOneMonth, job.OneToThree, job.ThreeToSix, job.OverSixMonths)
	named(t, workloadNames, job.Under30, job.Over30, job.Unsure)
	named(t, triageNames, job.Triages...)
	named(t, triageActions, job.Triages...)
	named(t, outcomeNames, job.RowNew, job.RowUpdated, job.RowSame, job.RowFailed)
	named(t, statusNames, proposal.Statuses...)
	named(t, statusActions, proposal.Statuses...)
	named(t, bidUnits, proposal.HourlyBid, proposal.FixedBid)
	named(t, roleNames, db.Owner, db.Admin, db.Manager, db.MemberRole, db.Viewer)
	for _, s := range []place.State{place.Active, place.Copying, place.ReadOnly, place.Suspended, place.Incoming, place.Moved, place.Erasing} {
		if _, ok := stateNames[s]; !ok {
			t.Errorf("the state %q has no word", s)
		}
	}
	for _, triage := range job.Triages {
		if !strings.Contains(string(badges[triage]), ">"+triageNames[triage]+"<") {
			t.Errorf("the badge of %q is %q", triage, badges[triage])
		}
	}
}

func TestFieldsAreNamedAsTheirFormNamesThem(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"letter": "Cover letter", "answer-0": "Answer 1", "answer-11": "Answer 12", "answer-x": "answer-x", "other": "other"} {
		said(t, fieldName(name), want)
	}
}

func TestAnEventIsToldWithItsChangeWhereItIsOne(t *testing.T) {
	t.Parallel()
	said(t, eventName("job.triaged", map[string]any{"from": "new", "to": "skipped"}), "Triage: New → Skipped")
	said(t, eventName("jobs.triaged", map[string]any{"to": "skipped"}), "Triage of many: Skipped")
	said(t, eventName("proposal.moved", map[string]any{"from": "draft", "to": "in_review"}), "Proposal: Draft → In review")
	said(t, eventName("jobs.imported", map[string]any{"to": 3}), "Imported")
	said(t, eventName("job.other", nil), "job.other")
}

func TestTheFilterStandsInTheAddress(t *testing.T) {
	t.Parallel()
	f := JobsFilter{Query: `a&b="c"`, Triage: "new", Contract: "hourly", MinPay: "45", Country: "Côte d’Ivoire", Age: "7"}
	said(t, string(f.filterURL("skipped")), "/jobs?q=a%26b%3D%22c%22&triage=skipped&contract=hourly&pay=45&country=C%C3%B4te+d%E2%80%99Ivoire&age=7")
	said(t, string(JobsFilter{}.filterURL("")), "/jobs?triage=")
	said(t, string(JobsFilter{}.filterURL("new")), "/jobs?triage=new")
}

func TestAnOrganizationKeepsItsColour(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for i := range 256 {
		used[accent(uuid.UUID{15: byte(i)})] = true
	}
	if len(used) != len(accents) || slices.Contains(slices.Collect(maps.Keys(used)), "") {
		t.Errorf("%d colours are used: %v", len(used), used)
	}
}

func TestMarkupSpellsIDsAndTimesAsTheRestDoes(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0195a000-1234-7567-89ab-cdef01234567")
	var m markup
	m.id(id)
	said(t, string(m), id.String())
	at := time.Date(2026, 3, 5, 14, 30, 0, 0, time.FixedZone("", 7200))
	m = nil
	m.time(at, at.Add(time.Hour))
	said(t, string(m), `<time datetime="`+machine(at)+`" title="`+exact(at)+`">1 h ago</time>`)
}

func FuzzMarkupEscapesAsTheStandardLibrary(f *testing.F) {
	for _, s := range []string{"", "plain", `<a href="x">'&'</a>`, "é<😀>\x00\xff&amp;", "&"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var m markup
		m.text(s)
		said(t, string(m), html.EscapeString(s))
	})
}

func FuzzExactTimesAreAsTheirLayoutSays(f *testing.F) {
	for _, seconds := range []int64{0, 1, 59, 951782399, 951782400, 1772718600, 253402300799} {
		f.Add(seconds)
	}
	f.Fuzz(func(t *testing.T, seconds int64) {
		at := time.Unix(seconds, 0).In(time.FixedZone("", -5*3600))
		if at.Year() < 1000 || at.Year() > 9999 {
			return // no time of ours
		}
		said(t, exact(at), at.UTC().Format("2 Jan 2006, 15:04 UTC"))
	})
}
