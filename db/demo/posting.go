package demo

import (
	"fmt"
	"strings"
	"time"

	"upwork-ai-agent/db/job"
)

// posting makes a job of a brief that was posted a while ago.
func (g *generator) posting(b brief, age time.Duration) job.Posting {
	who, title := g.title(b)
	at := g.now.Add(-age).Truncate(time.Millisecond)
	p := job.Posting{
		Title: title, Category: b.category, Skills: g.skills(b), PostedAt: at,
		PostedAtSource: weighted(g, []choice[job.PostedAtSource]{{7, job.FromSource}, {3, job.FromID}}),
		Contract:       weighted(g, []choice[job.Contract]{{58, job.Hourly}, {38, job.Fixed}, {4, ""}}),
	}
	id := g.id(at)
	p.ExternalKey, p.URL = "upwork:"+id, "https://www.upwork.com/jobs/~02"+id
	p.Description = g.description(b, who)
	p.Questions = g.questions(b)
	g.pay(&p, b)
	g.terms(&p)
	g.proposals(&p, age)
	p.Client = g.client()
	return p
}

// id is an Upwork id whose upper bits are the time, in milliseconds since the epoch of these ids.
func (g *generator) id(at time.Time) string {
	const epoch = 1288834974657
	return fmt.Sprint(uint64(at.UnixMilli()-epoch)<<22 | uint64(g.IntN(1<<22)))
}

// title draws a client and a title until the two are new.
func (g *generator) title(b brief) (client, string) {
	suited := g.suited(b)
	for {
		who := pick(g, suited)
		title := strings.ReplaceAll(pick(g, b.titles), "{thing}", who.thing)
		if !g.titles[title] {
			g.titles[title] = true
			return who, title
		}
	}
}

// skills are those of the brief, sometimes without the last.
func (g *generator) skills(b brief) []string {
	n := len(b.skills)
	if n > 3 {
		n -= g.IntN(2)
	}
	return append([]string(nil), b.skills[:n]...)
}

// description is what a client writes: some at length, some in two paragraphs.
func (g *generator) description(b brief, who client) string {
	paragraphs := []string{who.introduction + " " + b.problem, b.detail}
	if g.chance(85) {
		paragraphs = append(paragraphs, "What we need:\n- "+strings.Join(b.wants, "\n- "))
	}
	if g.chance(70) {
		paragraphs = append(paragraphs, pick(g, g.teams(b)))
	}
	if g.chance(80) {
		paragraphs = append(paragraphs, pick(g, g.phrases["apply"]))
	}
	if g.chance(15) {
		paragraphs = append(paragraphs, plant+pick(g, g.phrases["planted"])+", so that we know you read this.")
	}
	return strings.Join(paragraphs, "\n\n")
}

// teams are the paragraphs about how one works together that fit a brief.
func (g *generator) teams(b brief) []string {
	if technical[b.category] {
		return append(append([]string(nil), g.phrases["developers"]...), g.phrases["team"]...)
	}
	return g.phrases["team"]
}

// technical are the categories whose clients have developers.
var technical = map[string]bool{"Web, Mobile & Software Dev": true, "Data Science & Analytics": true, "IT & Networking": true}

// plant is how a client asks for a word that shows whether the post was read.
const plant = "Please start your proposal with the word "

// planted returns the word that a description asks for, or an empty text.
func planted(description string) string {
	_, after, _ := strings.Cut(description, plant)
	word, _, _ := strings.Cut(after, ",")
	return word
}

// routine are questions that any post may have, each with an answer.
var routine = map[string]string{
	"When could you start?":                                 "Within the week; the exact day depends on your access and data.",
	"How many hours a week do you have for this?":           "Twenty to twenty-five, for as long as it takes.",
	"Which hours of your day overlap with 13:00–17:00 UTC?": "All four of them.",
}

var routineOrder = []string{"When could you start?", "How many hours a week do you have for this?", "Which hours of your day overlap with 13:00–17:00 UTC?"}

func (g *generator) questions(b brief) []string {
	var questions []string
	if g.chance(60) {
		questions = append(questions, b.ask)
	}
	if g.chance(35) {
		questions = append(questions, pick(g, routineOrder))
	}
	return questions
}

// pay follows the brief's range. Every fifth hourly post leaves the rates out.
func (g *generator) pay(p *job.Posting, b brief) {
	switch {
	case p.Contract == job.Fixed:
		p.Budget = cents(g.between(b.fixed[0]/50, b.fixed[1]/50) * 50)
	case p.Contract == job.Hourly && g.chance(80):
		third := (b.hourly[1] - b.hourly[0]) / 3
		low := b.hourly[0] + g.IntN(third+1)
		p.HourlyMin, p.HourlyMax = cents(low), cents(b.hourly[1]-g.IntN(third+1))
	}
}

func cents(dollars int) *int64 {
	n := int64(dollars) * 100
	return &n
}

func (g *generator) terms(p *job.Posting) {
	p.Experience = weighted(g, []choice[job.Experience]{{12, job.Entry}, {46, job.Intermediate}, {34, job.Expert}, {8, ""}})
	p.Duration = weighted(g, []choice[job.Duration]{{30, job.UnderOneMonth}, {35, job.OneToThree}, {15, job.ThreeToSix}, {10, job.OverSixMonths}, {10, ""}})
	if p.Contract == job.Hourly {
		p.Workload = weighted(g, []choice[job.Workload]{{55, job.Under30}, {25, job.Over30}, {10, job.Unsure}, {10, ""}})
	}
	if g.chance(12) {
		p.ContractToHire = pointer(g.chance(60))
	}
	if g.chance(82) {
		p.Connects = pointer(g.between(1, 8) * 2)
	}
}

func pointer[T any](v T) *T { return &v }

// bands are Upwork's steps of how many proposals a job has; the last one is open.
var bands = [][2]int{{0, 4}, {5, 10}, {10, 15}, {15, 20}, {20, 50}, {50, 0}}

// proposals grow with the age of the post.
func (g *generator) proposals(p *job.Posting, age time.Duration) {
	if g.chance(9) {
		return
	}
	most := min(len(bands)-1, 1+int(age/(2*day)))
	band := bands[g.between(min(most/2, 3), most)]
	p.ProposalsMin = pointer(band[0])
	if band[1] > 0 {
		p.ProposalsMax = pointer(band[1])
	}
}

// client draws a client: some are new, some have spent a lot, and of each something is unknown.
func (g *generator) client() job.Client {
	var c job.Client
	if g.chance(92) {
		t := g.towns[min(g.IntN(len(g.towns)), g.IntN(len(g.towns)))] // the first ones more often
		c.Country = t.country
		if g.chance(65) {
			c.City = pick(g, t.cities)
		}
	}
	c.PaymentVerified = weighted(g, []choice[*bool]{{76, pointer(true)}, {12, pointer(false)}, {12, nil}})
	if g.chance(88) {
		c.MemberSince = pointer(g.now.AddDate(0, 0, -g.between(40, 3600)).Truncate(day))
	}
	if g.chance(18) { // has not hired anybody yet
		c.Spent, c.Hires, c.JobsPosted = cents(0), pointer(0), pointer(1)
		return c
	}
	g.record(&c)
	return c
}

// record is what a client with some history shows.
func (g *generator) record(c *job.Client) {
	hires := 1 + g.IntN(g.between(2, 90))
	c.Hires = pointer(hires)
	if g.chance(80) {
		posted := hires + g.IntN(hires+2)
		c.JobsPosted, c.HireRate = pointer(posted), pointer(100*hires/posted)
	}
	if g.chance(85) {
		c.Reviews, c.Rating = pointer(1+hires*2/3), pointer(500-g.IntN(g.between(2, 130)))
	}
	switch {
	case g.chance(30):
		c.Spent, c.SpentFloor = cents(pick(g, []int{1000, 5000, 10_000, 20_000, 50_000, 100_000})), true
	case g.chance(85):
		c.Spent = pointer(int64(hires) * int64(g.between(18_000, 240_000)))
	}
	if g.chance(60) {
		c.AvgHourly = pointer(int64(g.between(1400, 7200)))
	}
}

// triaged is a job without a proposal: recent ones are mostly new, older ones decided.
func (g *generator) triaged(t team, p job.Posting) Job {
	j := Job{Posting: p}
	recent := g.now.Sub(p.PostedAt) < 4*day
	j.Triage = weighted(g, []choice[job.Triage]{{55, job.New}, {15, job.Shortlisted}, {20, job.Skipped}, {10, job.Archived}})
	if recent && j.Triage == job.Archived {
		j.Triage = job.New
	}
	switch j.Triage {
	case job.Skipped:
		j.SkipReason = pick(g, g.phrases["skip"])
	case job.Shortlisted:
		if g.chance(60) {
			j.Assignee = pick(g, t.writers[t.letters[g.IntN(len(t.letters))].field]).ID
		}
	}
	return j
}
