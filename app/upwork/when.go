package upwork

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// layouts are the ways in which sources write a time. One without a zone is read as UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05", "2006-01-02 15:04", time.RFC1123Z, time.RFC1123, "January 2, 2006 15:04 UTC", "Jan 2, 2006 15:04 UTC",
}

// dayLayouts are the ways in which sources write a day.
var dayLayouts = []string{"2006-01-02", "Jan 2, 2006", "January 2, 2006", "2 Jan 2006", "2 January 2006", "2006/01/02"}

// moment is a time with what is known of its precision.
type moment struct {
	at      time.Time // UTC, to the microsecond, as Postgres keeps it
	dayOnly bool
}

// parseTime reads an absolute time, also as seconds or milliseconds since 1970.
func parseTime(s string) (moment, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return unixTime(n, len(s))
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return moment{at: t.UTC().Truncate(time.Microsecond)}, true
		}
	}
	for _, layout := range dayLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return moment{at: t, dayOnly: true}, true
		}
	}
	return moment{}, false
}

func unixTime(n int64, digits int) (moment, bool) {
	switch digits {
	case 10:
		return moment{at: time.Unix(n, 0).UTC()}, n > 0
	case 13:
		return moment{at: time.UnixMilli(n).UTC()}, n > 0
	}
	return moment{}, false
}

var (
	agePattern = regexp.MustCompile(`^(?:about |over |almost |around |~)?(an?|one|\d{1,6}) ?(s|sec|second|min|minute|h|hr|hour|d|day|w|wk|week|mo|month|quarter|y|yr|year)s? ago$`)
	ageUnits   = map[string]time.Duration{
		"s": time.Second, "sec": time.Second, "second": time.Second, "min": time.Minute, "minute": time.Minute,
		"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "d": day, "day": day, "w": 7 * day, "wk": 7 * day, "week": 7 * day,
		"mo": 30 * day, "month": 30 * day, "quarter": 91 * day, "y": 365 * day, "yr": 365 * day, "year": 365 * day,
	}
	ageWords = map[string]time.Duration{
		"now": 0, "just now": 0, "moments ago": 0, "a few seconds ago": 0, "today": 0, "yesterday": day,
		"last week": 7 * day, "last month": 30 * day, "last quarter": 91 * day, "last year": 365 * day,
	}
)

const day = 24 * time.Hour

// maxAge is the oldest relative time that is believed.
const maxAge = 20 * 365 * day

// parseAge reads "2 hours ago", "Posted 8 minutes ago", "yesterday" or "last week" as a duration before now.
func parseAge(s string) (time.Duration, bool) {
	s = strings.Join(strings.Fields(strings.ToLower(s)), " ")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "posted "), "published ")
	if age, ok := ageWords[s]; ok {
		return age, true
	}
	m := agePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		n = 1 // "a", "an", "one"
	}
	unit := ageUnits[m[2]]
	if n > int64(maxAge/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
