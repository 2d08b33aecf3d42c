package demo

import (
	"strings"
	"time"

	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

// written is a proposal with its job, before the index of the job is known.
type written struct {
	job      Job
	proposal Proposal
}

// proposalFor makes the job that a plan answers, the texts of the proposal and what came of it.
func (g *generator) proposalFor(t team, p plan, n int) written {
	age := p.newest + time.Duration(g.Float64()*float64(p.oldest-p.newest))
	posting := g.posting(p.brief, age)
	g.offered(&posting, p.brief)
	if len(posting.Questions) == 0 || posting.Questions[0] != p.ask {
		posting.Questions = append([]string{p.ask}, posting.Questions...)
	}
	author := t.writers[p.field][n%len(t.writers[p.field])]
	w := written{proposal: Proposal{Author: author.ID}}
	w.write(g, t, p, posting, author)
	w.walk(g, t, p)
	w.job = Job{Posting: posting, Triage: triageOf(p.steps), Assignee: author.ID}
	w.outcome(g, posting)
	return w
}

// offered makes sure that a job with a proposal says how it pays.
func (g *generator) offered(p *job.Posting, b brief) {
	if p.Contract == "" {
		p.Contract = job.Fixed
		p.Budget = cents((b.fixed[0] + b.fixed[1]) / 100 * 50)
	}
}

// triageOf is where the job stands because of its proposal.
func triageOf(steps []proposal.Status) job.Triage {
	triage := job.Drafting
	for _, s := range steps {
		switch {
		case s == proposal.Submitted:
			return job.Applied
		case s == proposal.Archived:
			triage = job.Archived
		}
	}
	return triage
}

// write makes the versions of the text: each stage of writing is one, the last of them as many as planned.
func (w *written) write(g *generator, t team, p plan, posting job.Posting, author Person) {
	stages := stages(g, p.brief, posting, author)
	if len(p.steps) == 0 { // still a draft: the last touch is missing
		stages = stages[:len(stages)-1]
	}
	stages = stages[max(0, len(stages)-p.versions):]
	at := posting.PostedAt.Add(time.Duration(g.between(15, 280)) * time.Minute)
	w.proposal.CreatedAt = at
	for i, text := range stages {
		e := Edit{Text: text, Origin: "typed", By: author.ID, At: at}
		if i == 3 {
			e.Origin = "merge"
		}
		if i == 2 && p.versions == 4 {
			e.Origin, e.By = "restore", t.approver.ID
		}
		w.proposal.History = append(w.proposal.History, e)
		at = at.Add(time.Duration(g.between(6, 48))*time.Minute + time.Duration(g.IntN(60))*time.Second)
	}
	last := w.proposal.History[len(stages)-1]
	w.proposal.History = w.proposal.History[:len(stages)-1]
	w.proposal.Text, w.proposal.Origin, w.proposal.SavedBy, w.proposal.SavedAt = last.Text, last.Origin, last.By, last.At
}

// stages are the five states of a letter while it is written: the first thought, the evidence, all of it, the form, and
// the answers with the final price.
func stages(g *generator, b brief, posting job.Posting, author Person) []proposal.Text {
	bid, final := g.bid(b, posting)
	first := final - final/10
	body := strings.Join(b.letter, "\n\n")
	name, _, _ := strings.Cut(author.Name, " ")
	form := "Hello,\n\n" + body + "\n\nKind regards,\n" + name
	whole := form
	if word := planted(posting.Description); word != "" {
		whole = word + ". " + form
	}
	open := blank(posting.Questions)
	return []proposal.Text{
		{Letter: b.letter[0], Answers: open},
		{Letter: strings.Join(b.letter[:2], "\n\n"), Answers: open},
		{Letter: body, Answers: open, Bid: bid, BidAmount: &first},
		{Letter: form, Answers: open, Bid: bid, BidAmount: &final},
		{Letter: whole, Answers: answers(b, posting.Questions), Bid: bid, BidAmount: &final},
	}
}

func blank(questions []string) []proposal.Answer {
	var open []proposal.Answer
	for _, q := range questions {
		open = append(open, proposal.Answer{Question: q})
	}
	return open
}

func answers(b brief, questions []string) []proposal.Answer {
	given := blank(questions)
	for i, q := range questions {
		given[i].Answer = routine[q]
		if q == b.ask {
			given[i].Answer = b.answer
		}
	}
	return given
}

// bid is a price near what the client offers: whole dollars an hour, or tens of dollars for all.
func (g *generator) bid(b brief, p job.Posting) (proposal.Bid, int64) {
	if p.Contract == job.Fixed {
		return proposal.FixedBid, *p.Budget * int64(g.between(90, 112)) / 100 / 1000 * 1000
	}
	low, high := b.hourly[0], b.hourly[1]
	if p.HourlyMin != nil {
		low, high = int(*p.HourlyMin/100), int(*p.HourlyMax/100)
	}
	return proposal.HourlyBid, *cents(g.between((low+high)/2, high))
}

// pauses are how long it takes to reach a status from the one before, in minutes, shortest and longest.
var pauses = map[proposal.Status][2]int{
	proposal.InReview: {4, 90}, proposal.Approved: {12, 180}, proposal.Draft: {15, 120}, proposal.Submitted: {3, 55},
	proposal.Viewed: {150, 2700}, proposal.Interview: {900, 4000}, proposal.Offer: {1200, 5400}, proposal.Hired: {400, 2600},
	proposal.Declined: {2000, 6500}, proposal.Withdrawn: {1500, 4200}, proposal.Archived: {9000, 16_000},
}

// walk makes the steps of a plan, each a while after the one before.
func (w *written) walk(g *generator, t team, p plan) {
	at := w.proposal.SavedAt
	for i, to := range p.steps {
		pause := pauses[to]
		at = at.Add(time.Duration(g.between(pause[0], pause[1]))*time.Minute + time.Duration(g.IntN(60))*time.Second)
		s := Step{To: to, At: at, By: w.proposal.Author}
		if to == proposal.Approved || to == proposal.Draft {
			s.By = t.approver.ID
		}
		if i == len(p.steps)-1 {
			s.Note = p.note
		}
		w.proposal.Steps = append(w.proposal.Steps, s)
	}
}

// outcome is what is known at the end: why it was lost, or what it brought.
func (w *written) outcome(g *generator, posting job.Posting) {
	switch w.proposal.Status() {
	case proposal.Declined:
		w.proposal.LossReason = pick(g, g.phrases["loss"])
	case proposal.Withdrawn:
		w.proposal.LossReason = pick(g, g.phrases["withdrawn"])
	case proposal.Hired:
		value := *w.proposal.BidAmount
		if posting.Contract == job.Hourly {
			value *= int64(g.between(18, 130))
		}
		w.proposal.ContractValue = &value
	}
}
