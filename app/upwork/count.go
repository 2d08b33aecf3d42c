package upwork

import (
	"regexp"
	"strconv"
	"strings"
)

// maxCount is the largest count that is believed; it also fits a four-byte integer.
const maxCount = 10_000_000

var countUnit = regexp.MustCompile(`\s*(?:proposals?|applicants?|reviews?|hires?|jobs?|jobs posted|connects?|posted)$`)

// parseCount reads "57", "57.0", "1,234" or "41 reviews".
func parseCount(s string) (int, error) {
	s = countUnit.ReplaceAllString(strings.ToLower(strings.TrimSpace(s)), "")
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, errUnreadable
	}
	hundredths, err := decimal(s, 1)
	switch {
	case err != nil:
		return 0, err
	case hundredths%100 != 0:
		return 0, errUnreadable
	case hundredths/100 > maxCount:
		return 0, errTooLarge
	}
	return int(hundredths / 100), nil
}

// band is how many proposals a job has: max is nil for "50+".
type band struct {
	min int
	max *int
}

var bandForms = []struct {
	form *regexp.Regexp
	read func(n, m int) band
}{
	{regexp.MustCompile(`^(?:lessthan|fewerthan|under|<)(\d+)$`), func(n, _ int) band { return closed(0, max(n-1, 0)) }},
	{regexp.MustCompile(`^(\d+)(?:to|-|–|—)(\d+)$`), func(n, m int) band { return closed(min(n, m), max(n, m)) }},
	{regexp.MustCompile(`^(\d+)(?:\+|plus|ormore)$`), func(n, _ int) band { return band{min: n} }},
	{regexp.MustCompile(`^(?:morethan|over|>)(\d+)$`), func(n, _ int) band { return band{min: n} }},
	{regexp.MustCompile(`^(\d+)(?:\.0*)?$`), func(n, _ int) band { return closed(n, n) }},
}

func closed(low, high int) band { return band{min: low, max: &high} }

// parseProposals reads Upwork's bands: "5 to 10", "Less than 5" (0 to 4), "50+", "15to20", or a plain count.
func parseProposals(s string) (band, error) {
	s = strings.Map(dropSpace, countUnit.ReplaceAllString(strings.ToLower(strings.TrimSpace(s)), ""))
	for _, f := range bandForms {
		m := f.form.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		var n [2]int
		for i, digits := range m[1:] {
			count, err := strconv.Atoi(digits)
			if err != nil || count > maxCount {
				return band{}, errTooLarge
			}
			n[i] = count
		}
		return f.read(n[0], n[1]), nil
	}
	return band{}, errUnreadable
}

func dropSpace(r rune) rune {
	if r == ' ' || r == '_' || r == '\u00a0' || r == '\t' {
		return -1
	}
	return r
}

var ratingTail = regexp.MustCompile(`\s*(?:/|of|out of)\s*5(?:\.0+)?$`)

// parseRating reads "4.93" or "4.93 of 5" as hundredths of a star. Sources write 0 for a client without reviews: that
// is unknown, as nobody can give less than one star.
func parseRating(s string) (*int, error) {
	hundredths, err := decimal(ratingTail.ReplaceAllString(strings.ToLower(strings.TrimSpace(s)), ""), 1)
	switch {
	case err != nil:
		return nil, errUnreadable
	case hundredths == 0:
		return nil, nil
	case hundredths > 500:
		return nil, errUnreadable
	}
	rating := int(hundredths)
	return &rating, nil
}

// parsePercent reads "85%", "85" or the fraction "0.85" as a whole percentage from 0 to 100.
func parsePercent(s string) (int, error) {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(s), "%")
	hundredths, err := decimal(strings.TrimSpace(number), 1)
	if err != nil {
		return 0, errUnreadable
	}
	if hundredths < 100 && !isPercent { // below one: a fraction
		return int(hundredths), nil
	}
	if hundredths > 100*100 {
		return 0, errUnreadable
	}
	return int(hundredths+50) / 100, nil
}
