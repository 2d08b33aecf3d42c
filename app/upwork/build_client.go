package upwork

import (
	"time"

	"upwork-ai-agent/db/job"
)

// client reads what is known of the client.
func (b *builder) client() {
	c := &b.posting.Client
	c.Country = b.countryCode()
	c.City, _ = cut(known(b.city), 200)
	c.PaymentVerified = b.truth("payment mark", b.verified)
	c.Rating = b.checked("rating", b.rating, parseRating)
	c.Reviews = b.count("number of reviews", b.reviews)
	c.Hires = b.count("number of hires", b.hires)
	c.JobsPosted = b.count("number of jobs posted", b.jobsPosted)
	c.HireRate = b.checked("hire rate", b.hireRate, func(s string) (*int, error) {
		n, err := parsePercent(s)
		return &n, err
	})
	c.Spent, c.SpentFloor = b.clientSpent()
	c.AvgHourly = b.amount("average hourly rate", b.avgHourly).high
	c.MemberSince = b.since()
}

func (b *builder) countryCode() string {
	s := known(b.country)
	if s == "" {
		return ""
	}
	code, ok := parseCountry(s)
	if !ok {
		b.failed("country", s, errUnreadable)
	}
	return code
}

func (b *builder) checked(what, s string, parse func(string) (*int, error)) *int {
	if known(s) == "" {
		return nil
	}
	n, err := parse(s)
	if err != nil {
		b.failed(what, s, err)
		return nil
	}
	return n
}

// clientSpent reads the total that the client spent. Here, unlike in pay, 0 is known: a client who has not paid anyone.
func (b *builder) clientSpent() (cents *int64, floor bool) {
	if known(b.spent) == "" {
		return nil, false
	}
	found, err := parsePay(b.spent)
	if err != nil {
		b.failed("amount spent", b.spent, err)
		return nil, false
	}
	return first(found.low, found.high), found.floor
}

func (b *builder) since() *time.Time {
	s := known(b.memberSince)
	if s == "" {
		return nil
	}
	m, ok := parseTime(s)
	if !ok || !b.likely(m.at) {
		b.failed("date of the client's registration", s, errUnreadable)
		return nil
	}
	return &m.at
}

// likely tells whether a date can be one of a posting: not before the marketplace, not after tomorrow.
func (b *builder) likely(t time.Time) bool {
	return !t.Before(earliest) && t.Before(b.now.Add(day))
}

// dates finds when the job was posted: from the source, else from its id, else counted back, else the time of the import.
func (b *builder) dates() {
	p := &b.posting
	fromID, hasID := PostedAt(p.ExternalKey)
	hasID = hasID && b.likely(fromID)
	given, ok := b.absolute(b.posted, b.created)
	estimated, guessed := b.absolute(b.estimated)
	counted, relative := b.relative(b.posted, b.created)
	switch {
	case ok && !(given.dayOnly && hasID): // an id tells the hour as well
		p.PostedAt, p.PostedAtSource = given.at, job.FromSource
	case hasID:
		p.PostedAt, p.PostedAtSource = fromID, job.FromID
	case relative:
		p.PostedAt, p.PostedAtSource = counted, job.FromRelative
	case guessed:
		p.PostedAt, p.PostedAtSource = estimated.at, job.FromRelative
	default:
		p.PostedAt, p.PostedAtSource = b.now, job.FromImport
		if s := known(b.posted); s != "" {
			b.failed("date", s, errUnreadable)
		}
	}
}

func (b *builder) absolute(candidates ...string) (moment, bool) {
	for _, s := range candidates {
		if m, ok := parseTime(s); ok && b.likely(m.at) {
			return m, true
		}
	}
	return moment{}, false
}

func (b *builder) relative(candidates ...string) (time.Time, bool) {
	base := b.scraped
	if base.IsZero() || !b.likely(base) {
		base = b.now
	}
	for _, s := range candidates {
		if age, ok := parseAge(s); ok {
			return base.Add(-age), true
		}
	}
	return time.Time{}, false
}
