package demo

import (
	"time"

	"upwork-ai-agent/db/proposal"
)

// plan is a proposal before it has content: what it answers, where it stands, how it came there.
type plan struct {
	brief
	path
}

// path is how a proposal came to its status.
type path struct {
	steps    []proposal.Status
	versions int           // texts, 1 to 5
	oldest   time.Duration // the job was posted this long ago
	newest   time.Duration // or less, down to this
	note     string        // of the step back to draft, or of the last step
}

// The ways of a proposal, by its steps after the draft.
var (
	reviewed = []proposal.Status{proposal.InReview, proposal.Approved, proposal.Submitted}
	direct   = []proposal.Status{proposal.Submitted}
)

func via(start []proposal.Status, rest ...proposal.Status) []proposal.Status {
	return append(append([]proposal.Status(nil), start...), rest...)
}

// paths is the table of ways for a large team, one for each of its letters.
var paths = []path{
	{nil, 1, 3 * day, 12 * time.Hour, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Offer, proposal.Hired), 5, 28 * day, 15 * day, ""},
	{via(reviewed), 3, 6 * day, 2 * day, ""},
	{via(reviewed, proposal.Viewed), 2, 8 * day, 4 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview), 4, 14 * day, 7 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Declined), 2, 26 * day, 13 * day, ""},
	{[]proposal.Status{proposal.InReview}, 2, 3 * day, day, ""},
	{via(reviewed, proposal.Interview), 3, 13 * day, 7 * day, "They wrote at once; the view was never reported."},
	{[]proposal.Status{proposal.InReview, proposal.Approved}, 3, 3 * day, day, ""},
	{via(direct, proposal.Declined), 1, 27 * day, 13 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Offer), 5, 20 * day, 12 * day, ""},
	{via(direct), 2, 5 * day, 2 * day, ""},
	{[]proposal.Status{proposal.InReview, proposal.Draft}, 3, 4 * day, day, "The second paragraph promises a date that we cannot keep."},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Hired), 3, 29 * day, 16 * day, "They skipped the offer and started the contract."},
	{via(direct, proposal.Viewed), 1, 9 * day, 4 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Declined), 4, 28 * day, 14 * day, ""},
	{via(reviewed, proposal.Withdrawn), 2, 18 * day, 9 * day, ""},
	{[]proposal.Status{proposal.InReview}, 1, 2 * day, day, ""},
	{via(reviewed, proposal.Viewed), 3, 10 * day, 4 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Offer, proposal.Hired), 2, 27 * day, 15 * day, ""},
	{[]proposal.Status{proposal.Archived}, 1, 22 * day, 14 * day, "The post was closed before we had finished."},
	{via(reviewed), 1, 4 * day, 2 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview), 2, 12 * day, 7 * day, ""},
	{nil, 3, 4 * day, 14 * time.Hour, ""},
	{via(direct, proposal.Viewed, proposal.Archived), 2, 29 * day, 18 * day, "No answer for two weeks."},
	{[]proposal.Status{proposal.InReview, proposal.Approved}, 2, 2 * day, day, ""},
	{via(reviewed, proposal.Viewed, proposal.Offer), 3, 18 * day, 12 * day, ""},
	{via(direct), 3, 6 * day, 2 * day, ""},
	{via(reviewed, proposal.Declined), 3, 24 * day, 13 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Withdrawn), 3, 24 * day, 14 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Offer, proposal.Hired), 4, 29 * day, 16 * day, ""},
	{[]proposal.Status{proposal.InReview}, 4, 3 * day, day, ""},
	{via(reviewed), 2, 5 * day, 2 * day, ""},
	{via(reviewed, proposal.Viewed), 5, 9 * day, 4 * day, ""},
}

// plans gives each letter of a team its way.
func (t team) plans(all []brief) []plan {
	var chosen []brief
	for _, l := range t.letters {
		chosen = append(chosen, ofField(all, l.field)[l.from:l.until]...)
	}
	plans := make([]plan, len(chosen))
	for i, b := range chosen {
		plans[i] = plan{brief: b, path: t.paths[i]}
	}
	return plans
}

// fewPaths is the table of ways for a small team: every status once or twice, rarely a review.
var fewPaths = []path{
	{via(direct, proposal.Viewed, proposal.Interview, proposal.Offer, proposal.Hired), 3, 27 * day, 15 * day, ""},
	{via(direct), 2, 4 * day, 2 * day, ""},
	{nil, 2, 2 * day, 12 * time.Hour, ""},
	{via(direct, proposal.Viewed), 1, 8 * day, 4 * day, ""},
	{[]proposal.Status{proposal.InReview}, 3, 2 * day, day, ""},
	{via(direct, proposal.Viewed, proposal.Declined), 2, 25 * day, 13 * day, ""},
	{via(reviewed, proposal.Viewed, proposal.Interview), 4, 12 * day, 7 * day, ""},
	{via(direct, proposal.Viewed, proposal.Interview, proposal.Offer), 2, 17 * day, 12 * day, ""},
	{[]proposal.Status{proposal.InReview, proposal.Approved}, 2, 2 * day, day, ""},
	{via(direct, proposal.Withdrawn), 1, 15 * day, 9 * day, ""},
	{via(direct, proposal.Viewed, proposal.Archived), 2, 28 * day, 18 * day, "No answer for two weeks."},
	{via(reviewed, proposal.Viewed, proposal.Interview, proposal.Hired), 5, 29 * day, 16 * day, ""},
	{via(direct, proposal.Interview), 1, 11 * day, 7 * day, ""},
}
