package views

import (
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/google/uuid"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

// appendGrouped adds a number with its thousands separated.
func appendGrouped(b []byte, n int64) []byte {
	if n < 1000 {
		return strconv.AppendInt(b, n, 10)
	}
	b = append(appendGrouped(b, n/1000), ',')
	n %= 1000
	return append(b, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

// grouped is a number with its thousands separated.
func grouped[N int | int64](n N) string { return string(appendGrouped(nil, int64(n))) }

// appendDollars adds an amount of cents, with the cents only where there are some.
func appendDollars(b []byte, cents int64) []byte {
	b = appendGrouped(append(b, '$'), cents/100)
	if c := cents % 100; c != 0 {
		b = append(b, '.', byte('0'+c/10), byte('0'+c%10))
	}
	return b
}

// dollars is an amount of cents: "$1,250", "$62.50".
func dollars(cents int64) string { return string(appendDollars(nil, cents)) }

// money is an amount of cents with what follows it, or unknown.
func money(cents *int64, unit string) string {
	if cents == nil {
		return "unknown"
	}
	return dollars(*cents) + unit
}

// floor marks an amount that is only a lower bound.
func floor(is bool) string {
	if is {
		return "+"
	}
	return ""
}

// appendPay adds what a job pays.
func appendPay(b []byte, contract job.Contract, low, high, budget *int64) []byte {
	switch {
	case low != nil && high != nil && *low != *high:
		b = append(appendDollars(b, *low), "–"...)
		return append(appendDollars(b, *high), "/h"...)
	case high != nil && low == nil:
		return append(appendDollars(append(b, "up to "...), *high), "/h"...)
	case low != nil && high == nil:
		return append(appendDollars(append(b, "from "...), *low), "/h"...)
	case low != nil:
		return append(appendDollars(b, *low), "/h"...)
	case budget != nil:
		return append(appendDollars(b, *budget), " fixed"...)
	}
	return append(b, payUnknown[contract]...)
}

// pay is what a job pays: "$45–$70/h", "$1,250 fixed".
func pay(contract job.Contract, low, high, budget *int64) string {
	return string(appendPay(nil, contract, low, high, budget))
}

// bid is what a proposal asks for.
func bid(kind proposal.Bid, cents *int64) string {
	if cents == nil {
		return "Bid: not decided"
	}
	return "Bid: " + dollars(*cents) + bidUnits[kind]
}

// appendSpent adds what a client has spent, to the precision of a list: never more than it was.
func appendSpent(b []byte, cents *int64, lowerBound bool) []byte {
	if cents == nil {
		return append(b, "spend unknown"...)
	}
	switch whole := *cents / 100; {
	case whole >= 1_000_000:
		b = append(appendTenths(append(b, '$'), whole/100_000), 'M')
	case whole >= 10_000:
		b = append(appendTenths(append(b, '$'), whole/100), 'K')
	default:
		b = appendDollars(b, whole*100)
	}
	return append(append(b, floor(lowerBound)...), " spent"...)
}

// appendTenths adds a number of tenths, without ".0" and without a fraction that no longer matters.
func appendTenths(b []byte, n int64) []byte {
	b = appendGrouped(b, n/10)
	if n < 1000 && n%10 != 0 {
		b = append(b, '.', byte('0'+n%10))
	}
	return b
}

// spent is what a client has spent on Upwork: "$12.5K+ spent".
func spent(cents *int64, lowerBound bool) string { return string(appendSpent(nil, cents, lowerBound)) }

// appendBand adds how many proposals a job has.
func appendBand(b []byte, low, high *int) []byte {
	most := 0
	switch {
	case low == nil && high == nil:
		return append(b, "proposals unknown"...)
	case high == nil:
		return append(strconv.AppendInt(b, int64(*low), 10), "+ proposals"...)
	case (low == nil || *low == 0) && *high > 0:
		b = append(b, "up to "...)
	case low != nil && *low != *high:
		b = append(strconv.AppendInt(b, int64(*low), 10), " to "...)
	}
	most = *high
	b = append(strconv.AppendInt(b, int64(most), 10), " proposal"...)
	if most != 1 {
		b = append(b, 's')
	}
	return b
}

// band is how many proposals a job has: "10 to 15 proposals".
func band(low, high *int) string { return string(appendBand(nil, low, high)) }

// countries are the names of all regions that have a code of two letters.
var countries = sync.OnceValue(func() map[string]string {
	names, all := display.English.Regions(), make(map[string]string, 300)
	for first := 'A'; first <= 'Z'; first++ {
		for second := 'A'; second <= 'Z'; second++ {
			code := string([]rune{first, second})
			if r, err := language.ParseRegion(code); err == nil && r.IsCountry() {
				all[code] = names.Name(r)
			}
		}
	}
	return all
})

// country is a country's name; its code when there is no name for it.
func country(code string) string {
	if code == "" {
		return "Country unknown"
	}
	if name := countries()[code]; name != "" {
		return name
	}
	return code
}

// location is a client's country, and city where it is known.
func location(code, city string) string {
	if city == "" {
		return country(code)
	}
	return country(code) + ", " + city
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

// number is a count with what follows it, or unknown.
func number(n *int, unit string) string {
	if n == nil {
		return "unknown"
	}
	return grouped(*n) + unit
}

// rating is a client's rating in stars, with the number of reviews behind it.
func rating(hundredths, reviews *int) string {
	if hundredths == nil {
		return "unknown"
	}
	stars := strconv.FormatFloat(float64(*hundredths)/100, 'f', 2, 64) + " of 5"
	switch {
	case reviews == nil:
		return stars
	case *reviews == 1:
		return stars + ", 1 review"
	}
	return stars + ", " + grouped(*reviews) + " reviews"
}

// appendAgo adds a time as people say it: "5 min ago", "3 h ago", "2 d ago", then the day.
func appendAgo(b []byte, t, now time.Time) []byte {
	n, unit := now.Sub(t), ""
	switch {
	case n < time.Minute:
		return append(b, "just now"...)
	case n < time.Hour:
		n, unit = n/time.Minute, " min ago"
	case n < 24*time.Hour:
		n, unit = n/time.Hour, " h ago"
	case n < 30*24*time.Hour:
		n, unit = n/(24*time.Hour), " d ago"
	default:
		return t.UTC().AppendFormat(b, "2 Jan 2006")
	}
	return append(strconv.AppendInt(b, int64(n), 10), unit...)
}

// ago is a time as people say it; the exact one stands beside it in the time element.
func ago(t, now time.Time) string { return string(appendAgo(nil, t, now)) }

// appendExact adds a time to the minute, which is UTC's: "2 Jan 2006, 15:04 UTC". A layout takes four times as long, and
// every row of a list has one.
func appendExact(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, _ := t.Clock()
	b = append(strconv.AppendInt(b, int64(day), 10), ' ')
	b = append(append(b, month.String()[:3]...), ' ')
	b = append(strconv.AppendInt(b, int64(year), 10), ", "...)
	b = append(b, byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10))
	return append(b, " UTC"...)
}

func exact(t time.Time) string { return string(appendExact(nil, t)) }

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

// accents are the classes of an organization's colour.
var accents = [12]string{"accent-0", "accent-1", "accent-2", "accent-3", "accent-4", "accent-5", "accent-6", "accent-7", "accent-8", "accent-9", "accent-10", "accent-11"}

// accent is the colour that an organization keeps.
func accent(id uuid.UUID) string { return accents[int(id[15])%len(accents)] }

// active tells whether anything is filtered beside the triage.
func (f JobsFilter) active() bool {
	f.Triage, f.Sort = "", ""
	return f != JobsFilter{}
}

// further is by how many of the filters under “More filters” the list is narrowed.
func (f JobsFilter) further() int {
	return filled(f.Experience, f.Skills, f.AnySkills, f.Rating, f.MinSpent, f.Verified, f.Proposals, f.Format, f.Assignee, f.Draft)
}

// folded is by how many filters the list is narrowed beside the search and triage.
func (f JobsFilter) folded() int {
	return f.further() + filled(f.Contract, f.MinPay, f.Country, f.Age)
}

// listTab is which of the views of the proposals a list is.
func listTab(p ProposalsPage) string {
	if p.Status == string(proposal.InReview) && !p.Mine {
		return "review"
	}
	return "list"
}

// boardCount is how many proposals a column of the board has.
func boardCount(n int) string {
	if n > proposal.BoardSize {
		return itoa(proposal.BoardSize) + "+"
	}
	return itoa(n)
}

// filled counts the fields that have something in them.
func filled(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

// activeCount says how many filters are active; nothing when none is.
func activeCount(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + itoa(n) + " active)"
}

// unread is how many jobs are new in a saved search, as its button says it.
func unread(s job.Search) string {
	switch {
	case s.Unread > 99:
		return "99+"
	case s.More:
		return itoa(s.Unread) + "+"
	}
	return itoa(s.Unread)
}

// triageMoves are the states of triage that a person may choose from where a job is. Applied follows from sending a proposal.
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

// counted is a number of things: "1 finding", "3 findings".
func counted[N int | int64](n N, thing string) string { return grouped(n) + " " + noun(n, thing) }

// noun is what a number of things is called: a finding, findings.
func noun[N int | int64](n N, thing string) string {
	if n == 1 {
		return thing
	}
	return thing + "s"
}

// around is a time as people say it, also when it is still to come: "in 5 min".
func around(t, now time.Time) string {
	switch wait := t.Sub(now); {
	case wait <= 0:
		return ago(t, now)
	case wait < time.Minute:
		return "in less than a minute"
	case wait < 30*24*time.Hour:
		return "in " + strings.TrimSuffix(ago(now.Add(-wait), now), " ago")
	}
	return t.UTC().Format("2 Jan 2006")
}
