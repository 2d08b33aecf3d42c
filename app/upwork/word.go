package upwork

import (
	"strings"

	"upwork-ai-agent/db/job"
)

// The words of the sources, squeezed to lower-case letters and digits, for each value that is kept.
var (
	contracts = map[string]job.Contract{
		"hourly": job.Hourly, "hourlyrate": job.Hourly, "hourlyjob": job.Hourly, "hourlyprice": job.Hourly,
		"fixed": job.Fixed, "fixedprice": job.Fixed, "fixedpricejob": job.Fixed, "fixedbudget": job.Fixed,
	}
	experiences = map[string]job.Experience{
		"entry": job.Entry, "entrylevel": job.Entry, "beginner": job.Entry, "1": job.Entry,
		"intermediate": job.Intermediate, "intermediatelevel": job.Intermediate, "medium": job.Intermediate, "2": job.Intermediate,
		"expert": job.Expert, "expertlevel": job.Expert, "advanced": job.Expert, "3": job.Expert,
	}
	durations = map[string]job.Duration{
		"lt1m": job.UnderOneMonth, "lessthan1month": job.UnderOneMonth, "lessthanamonth": job.UnderOneMonth, "lessthanonemonth": job.UnderOneMonth,
		"under1month": job.UnderOneMonth, "upto1month": job.UnderOneMonth, "lessthan1week": job.UnderOneMonth, "lessthanoneweek": job.UnderOneMonth, "week": job.UnderOneMonth,
		"13m": job.OneToThree, "1to3months": job.OneToThree, "13months": job.OneToThree, "onetothreemonths": job.OneToThree, "month": job.OneToThree,
		"36m": job.ThreeToSix, "3to6months": job.ThreeToSix, "36months": job.ThreeToSix, "threetosixmonths": job.ThreeToSix, "semester": job.ThreeToSix, "quarter": job.ThreeToSix,
		"gt6m": job.OverSixMonths, "morethan6months": job.OverSixMonths, "over6months": job.OverSixMonths, "6months": job.OverSixMonths,
		"morethansixmonths": job.OverSixMonths, "ongoing": job.OverSixMonths,
	}
	workloads = map[string]job.Workload{
		"lt30": job.Under30, "lessthan30hrsweek": job.Under30, "lessthan30hoursweek": job.Under30, "lessthan30hoursperweek": job.Under30,
		"lessthan30hrsperweek": job.Under30, "parttime": job.Under30, "lessthan10hrsweek": job.Under30, "1030hrsweek": job.Under30,
		"gte30": job.Over30, "30hrsweek": job.Over30, "30hoursweek": job.Over30, "30hoursperweek": job.Over30, "30hrsperweek": job.Over30,
		"morethan30hrsweek": job.Over30, "morethan30hoursweek": job.Over30, "morethan30hoursperweek": job.Over30, "fulltime": job.Over30,
		"unsure": job.Unsure, "notsure": job.Unsure, "hourstobedetermined": job.Unsure, "asneeded": job.Unsure, "tobedetermined": job.Unsure,
	}
	truths = map[string]bool{
		"true": true, "yes": true, "y": true, "1": true, "verified": true, "paymentverified": true, "paymentmethodverified": true,
		"false": false, "no": false, "n": false, "0": false, "unverified": false, "notverified": false, "paymentunverified": false,
		"paymentnotverified": false, "paymentmethodnotverified": false, "paymentmethodunverified": false,
	}
	// categories are the names of Upwork's category slugs, as its API writes them.
	categories = map[string]string{
		"accounting_consulting": "Accounting & Consulting", "admin_support": "Admin Support", "customer_service": "Customer Service",
		"data_science_analytics": "Data Science & Analytics", "design_creative": "Design & Creative", "engineering_architecture": "Engineering & Architecture",
		"it_networking": "IT & Networking", "legal": "Legal", "sales_marketing": "Sales & Marketing", "translation": "Translation",
		"web_mobile_software_dev": "Web, Mobile & Software Dev", "writing": "Writing",
	}
)

// absent are the squeezed words with which sources say that they know nothing. "NA" is one of them: a client in
// Namibia is known by the name or by NAM.
var absent = words("na nan null none nil undefined unknown notspecified notprovided notavailable")

// missing tells whether a value says nothing.
func missing(s string) bool {
	folded := squeeze(s)
	return folded == "" && strings.Trim(s, " -–—\t\r\n./\u00a0") == "" || absent[folded]
}

// parseContract reads "Hourly", "Fixed-price" or "Hourly: $45.00 - $70.00"; rest is what follows the colon.
func parseContract(s string) (c job.Contract, rest string) {
	word, rest, _ := strings.Cut(s, ":")
	return contracts[squeeze(word)], strings.TrimSpace(rest)
}

// lookup reads a value from a table of words. Some sources put several facts in one text: the first that is known counts.
func lookup[V any](table map[string]V, s string) (V, bool) {
	for _, part := range append([]string{s}, strings.Split(s, ",")...) {
		if v, ok := table[squeeze(part)]; ok {
			return v, true
		}
	}
	var unknown V
	return unknown, false
}

// categoryName turns a slug of Upwork's API into the name on its pages; a name stays what it is.
func categoryName(s string) string {
	if name, ok := categories[s]; ok {
		return name
	}
	return s
}
