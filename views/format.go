package views

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/google/uuid"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/proposal"
)

// The words of the enums, each in one table.
var (
	contractNames   = map[job.Contract]string{"": "Pay unknown", job.Hourly: "Hourly", job.Fixed: "Fixed price"}
	experienceNames = map[job.Experience]string{job.Entry: "Entry level", job.Intermediate: "Intermediate", job.Expert: "Expert"}
	durationNames   = map[job.Duration]string{job.UnderOneMonth: "Less than 1 month", job.OneToThree: "1 to 3 months", job.ThreeToSix: "3 to 6 months", job.OverSixMonths: "More than 6 months"}
	workloadNames   = map[job.Workload]string{job.Under30: "Less than 30 hrs/week", job.Over30: "30+ hrs/week", job.Unsure: "Hours not sure"}
	triageNames     = map[job.Triage]string{job.New: "New", job.Shortlisted: "Shortlisted", job.Drafting: "Drafting", job.Applied: "Applied", job.Skipped: "Skipped", job.Archived: "Archived"}
	triageActions   = map[job.Triage]string{job.New: "Back to new", job.Shortlisted: "Shortlist", job.Drafting: "Mark as drafting", job.Applied: "Mark as applied", job.Skipped: "Skip", job.Archived: "Archive"}
	outcomeNames    = map[job.Outcome]string{job.RowNew: "New", job.RowUpdated: "Updated", job.RowSame: "Known already", job.RowFailed: "Not usable"}
	statusNames     = map[proposal.Status]string{proposal.Draft: "Draft", proposal.InReview: "In review", proposal.Approved: "Approved", proposal.Submitted: "Submitted", proposal.Viewed: "Viewed",
		proposal.Interview: "Interview", proposal.Offer: "Offer", proposal.Hired: "Hired", proposal.Declined: "Declined", proposal.Withdrawn: "Withdrawn", proposal.Archived: "Archived"}
	statusActions = map[proposal.Status]string{proposal.Draft: "Back to draft", proposal.InReview: "Send to review", proposal.Approved: "Approve", proposal.Submitted: "I sent it on Upwork", proposal.Viewed: "Client viewed it",
		proposal.Interview: "Interview", proposal.Offer: "Offer received", proposal.Hired: "Hired", proposal.Declined: "Declined", proposal.Withdrawn: "Withdraw", proposal.Archived: "Archive"}
	roleNames  = map[db.Role]string{db.Owner: "Owner", db.Admin: "Admin", db.Manager: "Manager", db.MemberRole: "Member", db.Viewer: "Viewer"}
	stateNames = map[place.State]string{place.Active: "", place.Copying: "", place.ReadOnly: "read only", place.Suspended: "suspended", place.Incoming: "not open yet", place.Moved: "moved", place.Erasing: "being erased"}
	eventNames = map[string]string{"job.triaged": "Triage", "jobs.imported": "Imported"}
)

// ages are the choices of the age filter, in days.
var ages = []struct{ Value, Name string }{{"1", "24 hours"}, {"3", "3 days"}, {"7", "7 days"}, {"14", "14 days"}, {"30", "30 days"}}

// StatusName is what a status is called.
func StatusName(s proposal.Status) string { return statusNames[s] }

// dollars is an amount of cents, with thousands separated, and cents only where there are some.
func dollars(cents int64) string {
	s := strconv.FormatInt(cents/100, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if c := cents % 100; c != 0 {
		s += "." + strconv.FormatInt(100+c, 10)[1:]
	}
	return "$" + s
}

// pay is what a job pays.
func pay(contract job.Contract, low, high, budget *int64) string {
	switch {
	case low != nil && high != nil && *low != *high:
		return dollars(*low) + "–" + dollars(*high) + "/h"
	case high != nil:
		return dollars(*high) + "/h"
	case low != nil:
		return dollars(*low) + "/h"
	case budget != nil:
		return dollars(*budget) + " fixed"
	}
	return payUnknown[contract]
}

var payUnknown = map[job.Contract]string{"": "Pay unknown", job.Hourly: "Hourly, rate unknown", job.Fixed: "Fixed, budget unknown"}

// spent is what a client has spent on Upwork.
func spent(cents *int64, floor bool) string {
	if cents == nil {
		return "spend unknown"
	}
	var s string
	switch d := *cents / 100; {
	case d >= 1_000_000:
		s = "$" + strconv.FormatInt(d/1_000_000, 10) + "M"
	case d >= 10_000:
		s = "$" + strconv.FormatInt(d/1000, 10) + "K"
	default:
		s = dollars(d * 100)
	}
	if floor {
		s += "+"
	}
	return s + " spent"
}

// band is how many proposals a job has.
func band(low, high *int) string {
	switch {
	case low == nil && high == nil:
		return "proposals unknown"
	case high == nil:
		return strconv.Itoa(*low) + "+ proposals"
	case low == nil || *low == 0 && *high > 0:
		return "up to " + strconv.Itoa(*high) + " proposals"
	case *low == *high:
		return strconv.Itoa(*low) + " proposals"
	}
	return strconv.Itoa(*low) + " to " + strconv.Itoa(*high) + " proposals"
}

var regions = display.English.Regions()

// country is a country's name; its code when there is no name for it.
func country(code string) string {
	if code == "" {
		return "Country unknown"
	}
	r, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	if name := regions.Name(r); name != "" {
		return name
	}
	return code
}

// verified says what is known of a client's payment method.
func verified(v *bool) string {
	switch {
	case v == nil:
		return "unknown"
	case *v:
		return "verified"
	}
	return "not verified"
}

// number is a count, or unknown.
func number(n *int) string {
	if n == nil {
		return "unknown"
	}
	return strconv.Itoa(*n)
}

// rating is a client's rating in stars.
func rating(hundredths *int) string {
	if hundredths == nil {
		return "unknown"
	}
	return strconv.FormatFloat(float64(*hundredths)/100, 'f', 2, 64) + " of 5"
}

// unit is what stands behind a value that is known.
func unit(known bool, s string) string {
	if known {
		return s
	}
	return ""
}

// location is a client's country, and city where it is known.
func location(code, city string) string { return country(code) + unit(city != "", ", "+city) }

// money is an amount, or unknown.
func money(cents *int64) string {
	if cents == nil {
		return "unknown"
	}
	return dollars(*cents)
}

// ago is a time as people say it; the exact one stands beside it in the time element.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	for _, step := range []struct {
		under time.Duration
		unit  time.Duration
		name  string
	}{{time.Hour, time.Minute, "min"}, {24 * time.Hour, time.Hour, "h"}, {30 * 24 * time.Hour, 24 * time.Hour, "d"}} {
		if d < time.Minute {
			return "just now"
		}
		if d < step.under {
			return strconv.FormatInt(int64(d/step.unit), 10) + " " + step.name + " ago"
		}
	}
	return t.Format("2 Jan 2006")
}

// exact is a time to the minute, in UTC.
func exact(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// length counts as Upwork does, in UTF-16 code units with "\n" line ends.
func length(s string) int {
	n := 0
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		n += utf16.RuneLen(r)
	}
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }

// grouped is a number with thousands separated.
func grouped(n int) string { return dollars(int64(n) * 100)[1:] }

// accents are the classes of an organization's colour.
var accents = [12]string{"accent-0", "accent-1", "accent-2", "accent-3", "accent-4", "accent-5", "accent-6", "accent-7", "accent-8", "accent-9", "accent-10", "accent-11"}

// accent is the colour that an organization keeps.
func accent(id uuid.UUID) string { return accents[int(id[15])%len(accents)] }

// active tells whether anything is filtered beside the triage.
func (f JobsFilter) active() bool {
	return f.Query+f.Contract+f.MinPay+f.Country+f.Age != ""
}

// moves are the states of triage that a person may choose from where a job is. Applied follows from sending a proposal.
func triageMoves(from job.Triage) []job.Triage {
	var to []job.Triage
	for _, t := range job.Triages {
		if t != job.Applied && job.CanMove(from, t) {
			to = append(to, t)
		}
	}
	return to
}

// canWrite tells whether the member may change anything.
func (s Shell) canWrite() bool { return s.Role.AtLeast(db.MemberRole) }

// eventName is what an audit row's event is called.
func eventName(event string) string {
	if name, ok := eventNames[event]; ok {
		return name
	}
	return event
}

// moved is the change that an audit row tells of, when it is a move.
func moved(detail map[string]any) string {
	from, _ := detail["from"].(string)
	to, _ := detail["to"].(string)
	if to == "" {
		return ""
	}
	return triageNames[job.Triage(from)] + " → " + triageNames[job.Triage(to)]
}
