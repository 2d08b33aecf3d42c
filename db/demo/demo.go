// Package demo is the content of the demo: two invented organizations with their people, jobs and proposals. It only
// makes values. The same time always gives the same content, byte for byte, so that tests can rely on it; all dates
// lie in the thirty days before that time. Nobody and no company in it exists.
package demo

import (
	"math/rand/v2"
	"sort"
	"time"

	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

// Organization is one of the demo's tenants with everything in it.
type Organization struct {
	ClerkID, Name, Slug string
	Members             []Member
	Jobs                []Job // newest first
	Proposals           []Proposal
}

// Job is a posting with what the team decided about it.
type Job struct {
	job.Posting
	Triage     job.Triage
	SkipReason string // set for skipped jobs only
	Assignee   string // a person's ID, or empty
}

// Proposal is one proposal with its whole past. Its embedded text is the last one.
type Proposal struct {
	Job    int    // index into the organization's Jobs
	Author string // a person's ID
	proposal.Text
	Origin        string // how the last text came to be: typed, restore or merge
	SavedBy       string // who saved the last text: a person's ID
	SavedAt       time.Time
	History       []Edit // the texts before, oldest first: versions 1 to len(History); the last one has the next number
	Steps         []Step // changes of status, oldest first, from a draft on
	LossReason    string
	ContractValue *int64    // US cents
	CreatedAt     time.Time // also the time of the first text
}

// Status is where the proposal stands after its last step.
func (p Proposal) Status() proposal.Status {
	if len(p.Steps) == 0 {
		return proposal.Draft
	}
	return p.Steps[len(p.Steps)-1].To
}

// Edit is an earlier text of a proposal.
type Edit struct {
	proposal.Text
	Origin string // typed, restore or merge
	By     string // a person's ID
	At     time.Time
}

// Step is one change of a proposal's status.
type Step struct {
	To   proposal.Status
	At   time.Time
	By   string // a person's ID
	Note string
}

// overlap is how many jobs both organizations have: the same external key in two tenants.
const overlap = 30

// Organizations returns the demo's organizations as they stand at the time given: Brindlewick with 240 jobs, Quillmoor
// with 90, of which 30 are the same posts.
func Organizations(now time.Time) []Organization {
	g := &generator{Rand: rand.New(rand.NewPCG(20, 26)), now: now.UTC().Truncate(time.Millisecond), titles: map[string]bool{}, library: readLibrary()}
	agency := g.organization(brindlewick, 240, nil)
	studio := g.organization(quillmoor, 90, agency.Jobs)
	return []Organization{agency, studio}
}

// generator draws the content. Every draw is in a fixed order: one more draw somewhere changes all that follow.
type generator struct {
	*rand.Rand
	library
	now    time.Time
	titles map[string]bool // every title once
}

// organization makes the proposals with their jobs first, then fills up with jobs of others and of its own.
func (g *generator) organization(t team, jobs int, others []Job) Organization {
	o := Organization{ClerkID: t.clerkID, Name: t.name, Slug: t.slug, Members: t.members}
	var keys []string
	for i, p := range t.plans(g.briefs) {
		made := g.proposalFor(t, p, i)
		o.Jobs, o.Proposals, keys = append(o.Jobs, made.job), append(o.Proposals, made.proposal), append(keys, made.job.ExternalKey)
	}
	for _, other := range g.shared(t, others) {
		o.Jobs = append(o.Jobs, g.triaged(t, other.Posting))
	}
	briefs := t.briefs(g.briefs)
	for i := 0; len(o.Jobs) < jobs; i++ {
		o.Jobs = append(o.Jobs, g.triaged(t, g.posting(briefs[i%len(briefs)], g.age())))
	}
	sort.SliceStable(o.Jobs, func(a, b int) bool { return o.Jobs[a].PostedAt.After(o.Jobs[b].PostedAt) })
	index := map[string]int{}
	for i, j := range o.Jobs {
		index[j.ExternalKey] = i
	}
	for i, key := range keys {
		o.Proposals[i].Job = index[key]
	}
	return o
}

// shared picks jobs of the other organization that suit the team and that nobody there is working on.
func (g *generator) shared(t team, others []Job) []Job {
	var picked []Job
	for _, j := range others {
		free := j.Triage == job.New || j.Triage == job.Skipped || j.Triage == job.Archived
		if free && t.categories[j.Category] && len(picked) < overlap {
			picked = append(picked, j)
		}
	}
	return picked
}

// age is how long ago a job was posted: within thirty days, more of them lately.
func (g *generator) age() time.Duration {
	f := g.Float64()
	return 4*time.Minute + time.Duration(f*f*float64(30*day-time.Hour))
}

const day = 24 * time.Hour

// chance is true in percent of a hundred draws.
func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// between draws from low to high, both included.
func (g *generator) between(low, high int) int { return low + g.IntN(high-low+1) }

// pick draws one item.
func pick[T any](g *generator, items []T) T { return items[g.IntN(len(items))] }

// weighted draws a value from pairs of a value and its weight.
func weighted[T any](g *generator, choices []choice[T]) T {
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	at := g.IntN(total)
	for _, c := range choices {
		if at -= c.weight; at < 0 {
			return c.value
		}
	}
	panic("demo: weights that do not add up")
}

type choice[T any] struct {
	weight int
	value  T
}
