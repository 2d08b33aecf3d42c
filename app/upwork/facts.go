package upwork

import "time"

// facts are what a source says of one job, in the source's own words. Readers fill them; build turns them into a
// posting. An empty text is unknown.
type facts struct {
	ids               []string // texts that may hold the job's id, best first
	url               string
	title             string
	description       string
	requirements      string // what a proposal must contain, where a source keeps it apart from the description
	contract          string // may carry the pay: "Hourly: $45.00 - $70.00"
	pay               string // by the hour or fixed, as the contract says
	hourlyMin         string
	hourlyMax         string
	budget            string // fixed price
	currency          string
	experience        string
	duration          string
	workload          string
	contractToHire    string
	category          string
	skills, questions []string
	connects          string
	proposals         string
	country, city     string
	verified          string
	rating, reviews   string
	spent             string
	hires, jobsPosted string
	hireRate          string
	avgHourly         string
	memberSince       string
	posted            string    // when it was published, absolute or relative
	created           string    // when it was made; used when posted is unknown
	estimated         string    // an absolute time that the source computed from a relative one
	scraped           time.Time // what relative times count back from; zero for the time of the import
}
