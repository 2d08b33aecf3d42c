package proposal

import (
	"slices"
	"time"

	"upwork-ai-agent/db"
)

// Transition is one allowed change of status.
type Transition struct {
	To    Status
	Least db.Role // who may do it at least
	Ready bool    // the letter must be written and every question answered
	Note  bool    // a note or a reason must be given
}

// transitions is the one table of changes of status. A forward jump leaves the milestones between unknown: the app was
// not told when they happened.
var transitions = map[Status][]Transition{
	Draft: {
		{To: InReview, Least: db.MemberRole, Ready: true},
		{To: Submitted, Least: db.MemberRole, Ready: true},
		{To: Archived, Least: db.MemberRole},
	},
	InReview: {
		{To: Approved, Least: db.Manager, Ready: true},
		{To: Draft, Least: db.MemberRole},
		{To: Archived, Least: db.MemberRole},
	},
	Approved: {
		{To: Submitted, Least: db.MemberRole, Ready: true},
		{To: Draft, Least: db.MemberRole},
		{To: Archived, Least: db.MemberRole},
	},
	Submitted: outcomes(Viewed, Interview, Offer, Hired),
	Viewed:    outcomes(Interview, Offer, Hired),
	Interview: outcomes(Offer, Hired),
	Offer:     outcomes(Hired),
	Hired:     {{To: Archived, Least: db.MemberRole}},
	Declined:  {{To: Submitted, Least: db.Manager, Note: true}, {To: Archived, Least: db.MemberRole}},
	Withdrawn: {{To: Submitted, Least: db.Manager, Note: true}, {To: Archived, Least: db.MemberRole}},
	Archived:  {{To: Draft, Least: db.Manager, Note: true}},
}

// outcomes are the changes of a proposal that Upwork has: forward, or out.
func outcomes(forward ...Status) []Transition {
	var ts []Transition
	for _, to := range forward {
		ts = append(ts, Transition{To: to, Least: db.MemberRole})
	}
	return append(ts,
		Transition{To: Declined, Least: db.MemberRole},
		Transition{To: Withdrawn, Least: db.MemberRole},
		Transition{To: Archived, Least: db.MemberRole})
}

// Transitions lists the changes of status that a member with role may make from a status. A proposal that had been
// submitted is reopened as submitted, never as a draft.
func Transitions(p Proposal, role db.Role) []Transition {
	var ts []Transition
	for _, t := range transitions[p.Status] {
		if p.Status == Archived && p.SubmittedAt != nil {
			t.To = Submitted
		}
		if role.AtLeast(t.Least) {
			ts = append(ts, t)
		}
	}
	return ts
}

// Next finds the change to a status among those that role may make.
func Next(p Proposal, role db.Role, to Status) (Transition, bool) {
	ts := Transitions(p, role)
	i := slices.IndexFunc(ts, func(t Transition) bool { return t.To == to })
	if i < 0 {
		return Transition{}, false
	}
	return ts[i], true
}

// Editable tells whether the text may still change. Upwork keeps what was submitted.
func (s Status) Editable() bool { return s == Draft || s == InReview || s == Approved }

// Live tells whether the proposal stands in the way of another one for the same job by the same author.
func (s Status) Live() bool { return s != Declined && s != Withdrawn && s != Archived }

// Reach makes p what it is after a change of status at a time: its status, and what that says about the milestones.
func (p *Proposal) Reach(to Status, now time.Time) {
	version := p.Version
	switch to {
	case Draft:
		p.ApprovedVersion, p.ArchivedAt = nil, nil
	case Approved:
		p.ApprovedVersion = &version
	case Submitted:
		if p.SubmittedAt == nil {
			p.SubmittedAt, p.SubmittedVersion = &now, &version
		}
		p.DeclinedAt, p.WithdrawnAt, p.ArchivedAt = nil, nil, nil
	}
	if at := p.milestone(to); at != nil && *at == nil {
		*at = &now
	}
	p.Status = to
}

// milestone is where the time of reaching a status is kept.
func (p *Proposal) milestone(s Status) **time.Time {
	return map[Status]**time.Time{
		Viewed: &p.ViewedAt, Interview: &p.InterviewAt, Offer: &p.OfferedAt, Hired: &p.HiredAt,
		Declined: &p.DeclinedAt, Withdrawn: &p.WithdrawnAt, Archived: &p.ArchivedAt,
	}[s]
}
