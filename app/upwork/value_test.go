package upwork

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"upwork-ai-agent/db/job"
)

const id, key = "2050861570460031848", "upwork:2050861570460031848"

var keyForms = []struct{ form, key string }{
	{"https://www.vollna.com/go?module=webhook&uid=37640&tid=32790&pid=74433688&url=https%253A%252F%252Fwww.upwork.com%252Fjobs%252F%257E022050861570460031848", key},
	{"https://www.upwork.com/jobs/~02" + id, key},
	{"https://www.upwork.com/freelance-jobs/apply/span-class-highlight-Go-span_~02" + id + "/?referrer_url_path=/nx/search/jobs", key},
	{"~02" + id, key},
	{"02" + id, key},
	{id, key},
	{" " + id + "\n", key},
	{"https://www.upwork.com/nx/search/jobs/details/~02" + id + "?q=go", key},
	{"https://www.upwork.com/nx/proposals/job/~02" + id + "/apply/", key},
	{"https://www.upwork.com/nx/search/jobs/details/%7E02" + id, key},
	{key, key},
	{"https://www.upwork.com/jobs/~01abcdef0123456789", "upwork:~01abcdef0123456789"},
	{"https://www.vollna.com/go?module=webhook&uid=1&pid=70000001&url=https%253A%252F%252Fexample.com", "vollna:70000001"},
	{"https://www.vollna.com/go?pid=70000001", "vollna:70000001"},
	{"vollna:70000001", "vollna:70000001"},
	{"", ""}, {"57", ""}, {"~02123", ""}, {"~02" + id + "99999", ""}, {"123456789012345678901", ""}, {"https://www.upwork.com/jobs/", ""},
	{"%", ""}, {"%%%zz", ""}, {"https://example.com/go?pid=7", ""}, {"https://www.vollna.com/go?xpid=7", ""},
}

func TestKeyFoldsEveryForm(t *testing.T) {
	t.Parallel()
	for _, c := range keyForms {
		if got, ok := Key(c.form); got != c.key || ok != (c.key != "") {
			t.Errorf("Key(%q) = %q, %v, want %q", c.form, got, ok, c.key)
		}
	}
}

func FuzzKey(f *testing.F) {
	for _, c := range keyForms {
		f.Add(c.form)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Key(s)
		if again, _ := Key(got); ok && again != got || ok == (got == "") {
			t.Errorf("Key(%q) = %q, %v, and its key is %q", s, got, ok, again)
		}
		PostedAt(got)
	})
}

func TestPostedAtReadsTheClockOfAnID(t *testing.T) {
	t.Parallel()
	at, ok := PostedAt(key)
	if want := time.Date(2026, 5, 3, 8, 54, 36, 220_000_000, time.UTC); !ok || at != want {
		t.Errorf("got %v, %v, want %v", at, ok, want)
	}
	for _, none := range []string{"upwork:~01abcdef0123456789", "vollna:70000001", "hash:12", "", "upwork:99999999999999999999", "upwork:1000000000000000"} {
		if at, ok := PostedAt(none); ok {
			t.Errorf("PostedAt(%q) = %v", none, at)
		}
	}
}

var payForms = []struct {
	s     string
	low   int64 // -1 for nil
	high  int64
	floor bool
	err   error
}{
	{"$1,234.50", 123450, 123450, false, nil},
	{"45 - 70 USD", 4500, 7000, false, nil},
	{"$45.00-$70.00", 4500, 7000, false, nil},
	{"70 – 45 /hr", 4500, 7000, false, nil},
	{"Hourly: $45.00 - $70.00", 4500, 7000, false, nil},
	{"$10K+", 1_000_000, 1_000_000, true, nil},
	{"$80K+ spent", 8_000_000, 8_000_000, true, nil},
	{"$1.2M", 120_000_000, 120_000_000, false, nil},
	{"more than $500", 50000, 50000, true, nil},
	{"up to $50", -1, 5000, false, nil},
	{"less than $50", -1, 5000, false, nil},
	{"84210.0", 8421000, 8421000, false, nil},
	{"84210.555", 8421056, 8421056, false, nil},
	{"0.004", 0, 0, false, nil},
	{"1.234,50", 123450, 123450, false, nil},
	{"12,34,567", 123456700, 123456700, false, nil},
	{"45,5", 4550, 4550, false, nil},
	{"1.5e+3", 150000, 150000, false, nil},
	{"10,000,000,000.00", 1_000_000_000_000, 1_000_000_000_000, false, nil},
	{"10,000,000,000.01", 0, 0, false, errTooLarge},
	{"99999999999999999999999", 0, 0, false, errTooLarge},
	{"1e400", 0, 0, false, errTooLarge},
	{"9999999999999 B", 0, 0, false, errTooLarge},
	{"500 €", 0, 0, false, errForeign}, {"GBP 20", 0, 0, false, errForeign},
	{"", 0, 0, false, errUnreadable}, {"$", 0, 0, false, errUnreadable}, {"-5", 0, 0, false, errUnreadable}, {"5 apples", 0, 0, false, errUnreadable},
	{"1,23,4", 0, 0, false, errUnreadable}, {"1.2.3", 0, 0, false, errUnreadable}, {"1 2 3", 0, 0, false, errUnreadable}, {"30+ hrs/week", 0, 0, false, errUnreadable},
}

func TestPayIsReadAsCents(t *testing.T) {
	t.Parallel()
	for _, c := range payForms {
		got, err := parsePay(c.s)
		if !errors.Is(err, c.err) || err == nil && (cents(got.low) != c.low || cents(got.high) != c.high || got.floor != c.floor) {
			t.Errorf("parsePay(%q) = %d to %d, floor %v, %v", c.s, cents(got.low), cents(got.high), got.floor, err)
		}
	}
}

func cents(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

func FuzzPay(f *testing.F) {
	for _, c := range payForms {
		f.Add(c.s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parsePay(s)
		if err != nil {
			return
		}
		if got.high == nil || *got.high < 0 || *got.high > maxCents || got.low != nil && (*got.low < 0 || *got.low > *got.high) {
			t.Errorf("parsePay(%q) = %d to %d", s, cents(got.low), cents(got.high))
		}
	})
}

var proposalForms = []struct {
	s    string
	want string
}{
	{"5 to 10", "5 10"}, {"less than 5", "0 4"}, {"Less than 5", "0 4"}, {"50+", "50 +"}, {"15to20", "15 20"}, {"20-50", "20 50"}, {"7", "7 7"}, {"0", "0 0"},
	{"7.0", "7 7"}, {"10 to 15 proposals", "10 15"}, {"more than 50", "50 +"}, {"10 to 5", "5 10"}, {"less than 0", "0 0"},
	{"", "was not understood"}, {"many", "was not understood"}, {"5 to", "was not understood"}, {"-5", "was not understood"},
	{"99999999999999999999", "is too large"}, {"5 to 99999999", "is too large"},
}

func TestProposalBandsAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range proposalForms {
		if got := bandText(parseProposals(c.s)); got != c.want {
			t.Errorf("parseProposals(%q) = %s, want %s", c.s, got, c.want)
		}
	}
}

func bandText(b band, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case b.max == nil:
		return fmt.Sprint(b.min, " +")
	}
	return fmt.Sprint(b.min, " ", *b.max)
}

func FuzzProposals(f *testing.F) {
	for _, c := range proposalForms {
		f.Add(c.s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := parseProposals(s); err == nil && (b.min < 0 || b.max != nil && *b.max < b.min) {
			t.Errorf("parseProposals(%q) = %s", s, bandText(b, err))
		}
	})
}

func TestCountsRatingsAndPercentagesAreRead(t *testing.T) {
	t.Parallel()
	show := func(n int, err error) string { return fmt.Sprint(n, err) }
	rating := func(n *int, err error) string {
		if n == nil {
			return fmt.Sprint("unknown", err)
		}
		return fmt.Sprint(*n, err)
	}
	for _, c := range []struct{ got, want string }{
		{show(parseCount("57")), "57 <nil>"}, {show(parseCount("57.0")), "57 <nil>"}, {show(parseCount("1,234 reviews")), "1234 <nil>"},
		{show(parseCount("5.5")), "0 was not understood"}, {show(parseCount("-1")), "0 was not understood"}, {show(parseCount("ten")), "0 was not understood"},
		{show(parseCount("10000001")), "0 is too large"}, {show(parseCount("1e12")), "0 is too large"},
		{rating(parseRating("4.93")), "493 <nil>"}, {rating(parseRating("4.93 of 5")), "493 <nil>"}, {rating(parseRating("5/5")), "500 <nil>"},
		{rating(parseRating("0.0")), "unknown<nil>"}, {rating(parseRating("5.01")), "unknownwas not understood"},
		{show(parsePercent("85%")), "85 <nil>"}, {show(parsePercent("85")), "85 <nil>"}, {show(parsePercent("0.85")), "85 <nil>"},
		{show(parsePercent("0.5%")), "1 <nil>"}, {show(parsePercent("101%")), "0 was not understood"},
	} {
		if got := strings.ReplaceAll(c.got, "unknown <nil>", "unknown<nil>"); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("57.0")
	f.Add("4.93 of 5")
	f.Add("85%")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseCount(s); err == nil && (n < 0 || n > maxCount) {
			t.Errorf("a count of %d from %q", n, s)
		}
		if n, err := parseRating(s); err == nil && n != nil && (*n < 1 || *n > 500) {
			t.Errorf("a rating of %d from %q", *n, s)
		}
		if n, err := parsePercent(s); err == nil && (n < 0 || n > 100) {
			t.Errorf("%d percent from %q", n, s)
		}
	})
}

var ages = []struct {
	s   string
	age time.Duration // -1 when it is no age
}{
	{"2 hours ago", 2 * time.Hour}, {"Posted 8 minutes ago", 8 * time.Minute}, {"13 hours ago", 13 * time.Hour}, {"an hour ago", time.Hour},
	{"yesterday", day}, {"Posted yesterday", day}, {"last week", 7 * day}, {"3 weeks ago", 21 * day}, {"1 month ago", 30 * day}, {"last quarter", 91 * day},
	{"just now", 0}, {"1 second ago", time.Second}, {"  2   days ago ", 2 * day}, {"2d ago", 2 * day},
	{"", -1}, {"soon", -1}, {"hours ago", -1}, {"-2 hours ago", -1}, {"999999 years ago", -1}, {"in 2 hours", -1}, {"Renewed 2 hours ago", -1},
}

func TestRelativeTimesAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range ages {
		if got, ok := parseAge(c.s); ok != (c.age >= 0) || ok && got != c.age {
			t.Errorf("parseAge(%q) = %v, %v", c.s, got, ok)
		}
	}
}

func TestAbsoluteTimesAreRead(t *testing.T) {
	t.Parallel()
	second := time.Date(2026, 5, 3, 8, 56, 18, 0, time.UTC)
	for _, s := range []string{"2026-05-03T08:56:18+00:00", "2026-05-03T08:56:18+0000", "2026-05-03T10:56:18.0000001+02:00", "2026-05-03T08:56:18",
		"2026-05-03 08:56:18", "2026-05-03 08:56:18+00:00", "Sun, 03 May 2026 08:56:18 +0000", "1777798578", "1777798578000"} {
		if m, ok := parseTime(s); !ok || !m.at.Equal(second) || m.dayOnly {
			t.Errorf("parseTime(%q) = %v, %v", s, m, ok)
		}
	}
	if m, ok := parseTime("Apr 11, 2019"); !ok || !m.dayOnly || m.at != time.Date(2019, 4, 11, 0, 0, 0, 0, time.UTC) {
		t.Errorf("got %v, %v", m, ok)
	}
	for _, s := range []string{"", "tomorrow", "2026-13-01", "0", "-777798578", "99999999999999999999"} {
		if m, ok := parseTime(s); ok {
			t.Errorf("parseTime(%q) = %v", s, m)
		}
	}
}

func FuzzTime(f *testing.F) {
	for _, c := range ages {
		f.Add(c.s)
	}
	f.Add("2026-05-03T08:56:18+0000")
	f.Fuzz(func(t *testing.T, s string) {
		if age, ok := parseAge(s); ok && (age < 0 || age > maxAge) {
			t.Errorf("parseAge(%q) = %v", s, age)
		}
		if m, ok := parseTime(s); ok && m.at.Nanosecond()%1000 != 0 {
			t.Errorf("parseTime(%q) = %v", s, m.at)
		}
	})
}

var countryForms = map[string]string{
	"United States": "US", "USA": "US", "usa": "US", "U.S.A.": "US", "us": "US", "CAN": "CA", "IND": "IN", "SAU": "SA", "EST": "EE", "Canada": "CA", "Halifax, Canada": "CA",
	"UK": "GB", "England": "GB", "Türkiye": "TR", "Turkey": "TR", "Viet Nam": "VN", "Czech Republic": "CZ", "Côte d'Ivoire": "CI", "Ivory Coast": "CI",
	"Korea, Republic of": "KR", "Hong Kong": "HK", "Palestinian Territories": "PS", "North Macedonia": "MK", "Kosovo": "XK", "Bosnia and Herzegovina": "BA",
	"Atlantis": "", "": "", "ZZ": "", "California": "",
}

func TestCountriesAreFoldedIntoTheirCode(t *testing.T) {
	t.Parallel()
	for s, want := range countryForms {
		if got, ok := parseCountry(s); got != want || ok != (want != "") {
			t.Errorf("parseCountry(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestTheTableOfCountriesIsWhole(t *testing.T) {
	t.Parallel()
	codes := map[string]bool{}
	for name, code := range countries {
		if len(code) != 2 || strings.ToUpper(code) != code || name == "" {
			t.Errorf("%q has the code %q", name, code)
		}
		codes[code] = true
	}
	if len(codes) != 250 { // 249 of ISO 3166-1 and Kosovo
		t.Errorf("the table has %d countries", len(codes))
	}
}

func FuzzCountry(f *testing.F) {
	for s := range countryForms {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if code, ok := parseCountry(s); ok != (len(code) == 2) {
			t.Errorf("parseCountry(%q) = %q, %v", s, code, ok)
		}
	})
}

func TestWordsBecomeValues(t *testing.T) {
	t.Parallel()
	value := func(got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	for s, want := range map[string]job.Contract{"Hourly": job.Hourly, "Hourly: $45.00 - $70.00": job.Hourly, "Fixed-price": job.Fixed, "fixed price": job.Fixed, "": "", "barter": ""} {
		c, _ := parseContract(s)
		value(c, want)
	}
	for s, want := range map[string]job.Experience{"Entry Level": job.Entry, "INTERMEDIATE": job.Intermediate, "Expert": job.Expert, "wizard": ""} {
		e, _ := lookup(experiences, s)
		value(e, want)
	}
	for s, want := range map[string]job.Duration{"Less than 1 month": job.UnderOneMonth, "1-3 months": job.OneToThree, "1 to 3 months": job.OneToThree,
		"3 to 6 months": job.ThreeToSix, "6+ months": job.OverSixMonths, "More than 6 months": job.OverSixMonths, "1 to 3 months, 30+ hrs/week": job.OneToThree, "MONTH": job.OneToThree, "a while": ""} {
		d, _ := lookup(durations, s)
		value(d, want)
	}
	for s, want := range map[string]job.Workload{"30+ hrs/week": job.Over30, "Less than 30 hrs/week": job.Under30, "fullTime": job.Over30, "Hours to be determined": job.Unsure, "some": ""} {
		w, _ := lookup(workloads, s)
		value(w, want)
	}
	for s, want := range map[string]bool{"Payment verified": true, "Payment unverified": false, "VERIFIED": true, "NOT_VERIFIED": false, "True": true, "no": false} {
		value(truths[squeeze(s)], want)
		_, ok := truths[squeeze(s)]
		value(ok, true)
	}
	for s, want := range map[string]bool{"": true, "NA": true, "n/a": true, "null": true, "-": true, " — ": true, "0": false, "no": false, "🔥": false, "Namibia": false} {
		value(missing(s), want)
	}
}

func TestTextIsMadePlain(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"a\r\nb\rc\u2028d":                            "a\nb\nc\nd",
		"Fish &amp; chips &lt;b&gt;":                  "Fish & chips <b>",
		"a<br>b<BR />c":                               "a\nb\nc",
		`<span class="highlight">Go</span> developer`: "Go developer",
		"<div>kept</div>":                             "<div>kept</div>",
		"bell\x07 nul\x00 del\x7f":                    "bell nul del",
		"&#7;&#0;":                                    "\ufffd",
		"\u202eevil\u202c":                            "evil",
		"👩‍💻 ok":                                      "👩‍💻 ok",
		"a\n\n \n\n\nb":                               "a\n\nb",
		"\ufeff a ":                                   "a",
	} {
		if got := cleanText(s); got != want {
			t.Errorf("cleanText(%q) = %q, want %q", s, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\r\n<br>&amp;\x00", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		clean := cleanText(strings.ToValidUTF8(s, "?"))
		if !utf8.ValidString(clean) || strings.ContainsAny(clean, "\x00\r\x7f") {
			t.Errorf("cleanText(%q) = %q", s, clean)
		}
		if n = min(max(n, 1), 1000); utf8.RuneCountInString(short(clean, n)) > n {
			t.Errorf("short(%q, %d) = %q", clean, n, short(clean, n))
		}
		missing(s)
		splitList(s, "\n", ",")
	})
}
