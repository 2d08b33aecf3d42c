// Package job holds an organization's jobs: Upwork posts that were collected, and what the team decided about them.
// A job is never background work; that is a task.
package job

import (
	"time"

	"github.com/google/uuid"
)

// Contract is how a job pays. The zero value means that the source did not say.
type Contract string

// The kinds of contract.
const (
	Hourly Contract = "hourly"
	Fixed  Contract = "fixed"
)

// Experience is the level that the client asks for. The zero value means unknown.
type Experience string

// The experience levels, in Upwork's words.
const (
	Entry        Experience = "entry"
	Intermediate Experience = "intermediate"
	Expert       Experience = "expert"
)

// Duration is how long the client expects the work to take. The zero value means unknown.
type Duration string

// The durations that Upwork offers.
const (
	UnderOneMonth Duration = "lt_1m"
	OneToThree    Duration = "1_3m"
	ThreeToSix    Duration = "3_6m"
	OverSixMonths Duration = "gt_6m"
)

// Workload is the weekly effort. The zero value means unknown.
type Workload string

// The workloads that Upwork offers, in hours a week.
const (
	Under30 Workload = "lt_30"
	Over30  Workload = "gte_30"
	Unsure  Workload = "unsure"
)

// PostedAtSource tells how far the date of a posting can be trusted.
type PostedAtSource string

// Where a posting's date came from, best first.
const (
	FromSource   PostedAtSource = "source"   // the source gave an absolute time
	FromID       PostedAtSource = "from_id"  // decoded from the Upwork id: creation, seconds before publication
	FromRelative PostedAtSource = "relative" // "2 hours ago", counted back from the scrape or the import
	FromImport   PostedAtSource = "import"   // unknown: the time of the import
)

// Client is what a posting tells about the client. A nil or empty field is unknown, never zero or false.
type Client struct {
	Country         string     `db:"client_country"` // ISO 3166-1 alpha-2, upper case
	City            string     `db:"client_city"`
	PaymentVerified *bool      `db:"client_payment_verified"`
	Rating          *int       `db:"client_rating"` // hundredths of a star, 0 to 500
	Reviews         *int       `db:"client_reviews"`
	Spent           *int64     `db:"client_spent"`       // US cents
	SpentFloor      bool       `db:"client_spent_floor"` // Spent is a lower bound: "$10K+"
	Hires           *int       `db:"client_hires"`
	JobsPosted      *int       `db:"client_jobs_posted"`
	HireRate        *int       `db:"client_hire_rate"`  // percent, 0 to 100
	AvgHourly       *int64     `db:"client_avg_hourly"` // US cents an hour
	MemberSince     *time.Time `db:"client_member_since"`
}

// Posting is what a source says of a job: everything that an import may fill.
// A nil or empty field is unknown, never zero: money is nil where the client gave none.
type Posting struct {
	// ExternalKey folds every form of one job into one text: "upwork:2050861570460031848" for an id that carries
	// its creation time, "upwork:~01…" for an opaque one, "vollna:70000001", or "hash:…" where there is no id at all.
	ExternalKey          string     `db:"external_key"`
	URL                  string     `db:"url"`
	Title                string     `db:"title"`
	Description          string     `db:"description"` // plain text, "\n" line ends
	DescriptionTruncated bool       `db:"description_truncated"`
	Contract             Contract   `db:"contract"`
	HourlyMin            *int64     `db:"hourly_min"` // US cents an hour
	HourlyMax            *int64     `db:"hourly_max"` // US cents an hour
	Budget               *int64     `db:"budget"`     // US cents, fixed price
	Experience           Experience `db:"experience"`
	Duration             Duration   `db:"duration"`
	Workload             Workload   `db:"workload"`
	ContractToHire       *bool      `db:"contract_to_hire"`
	Category             string     `db:"category"`
	Skills               []string   `db:"skills"`
	Questions            []string   `db:"questions"` // screening questions, in order
	Connects             *int       `db:"connects"`  // price of a proposal in Connects
	ProposalsMin         *int       `db:"proposals_min"`
	ProposalsMax         *int       `db:"proposals_max"` // nil with a ProposalsMin: "50+"
	Client
	PostedAt       time.Time      `db:"posted_at"`
	PostedAtSource PostedAtSource `db:"posted_at_source"`
}

// Job is a posting in an organization, with the team's decision about it.
type Job struct {
	ID uuid.UUID `db:"id"`
	Posting
	Triage      Triage     `db:"triage"`
	SkipReason  string     `db:"skip_reason"`
	AssigneeID  *uuid.UUID `db:"assignee_id"`
	Version     int        `db:"version"` // counts changes; a save names the version it was made from
	FirstSeenAt time.Time  `db:"first_seen_at"`
	LastSeenAt  time.Time  `db:"last_seen_at"`
}

// Triage is where a job stands with the team.
type Triage string

// The states of triage.
const (
	New         Triage = "new"
	Shortlisted Triage = "shortlisted"
	Drafting    Triage = "drafting"
	Applied     Triage = "applied"
	Skipped     Triage = "skipped"
	Archived    Triage = "archived"
)

// Triages lists the states in the order in which a job usually passes them.
var Triages = []Triage{New, Shortlisted, Drafting, Applied, Skipped, Archived}

// moves is the one table of allowed changes of triage. Drafting and applied follow from the proposals of a job as well
// as from a person's click.
var moves = map[Triage][]Triage{
	New:         {Shortlisted, Skipped, Drafting, Archived},
	Shortlisted: {New, Skipped, Drafting, Archived},
	Drafting:    {Shortlisted, Applied, Skipped, Archived},
	Applied:     {Archived},
	Skipped:     {New, Shortlisted, Drafting, Archived},
	Archived:    {New},
}

// CanMove tells whether a job may go from one state of triage to another.
func CanMove(from, to Triage) bool {
	for _, t := range moves[from] {
		if t == to {
			return true
		}
	}
	return false
}
