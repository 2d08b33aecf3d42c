// Package proposal holds an organization's proposals: the letter, its history, and what came of it.
package proposal

import (
	"time"

	"github.com/google/uuid"
)

// MaxLetter is the longest cover letter that Upwork takes, in UTF-16 code units, with "\n" line ends.
const MaxLetter = 5000

// Status is what a proposal shows as; rates are computed from the milestone times, never from it.
type Status string

// The statuses of a proposal.
const (
	Draft     Status = "draft"
	InReview  Status = "in_review"
	Approved  Status = "approved"
	Submitted Status = "submitted"
	Viewed    Status = "viewed"
	Interview Status = "interview"
	Offer     Status = "offer"
	Hired     Status = "hired"
	Declined  Status = "declined"
	Withdrawn Status = "withdrawn"
	Archived  Status = "archived"
)

// Statuses lists every status in the order of a proposal's life.
var Statuses = []Status{Draft, InReview, Approved, Submitted, Viewed, Interview, Offer, Hired, Declined, Withdrawn, Archived}

// Bid is how a proposal asks to be paid. The zero value means not yet decided.
type Bid string

// The kinds of bid.
const (
	HourlyBid Bid = "hourly"
	FixedBid  Bid = "fixed"
)

// Answer is one screening question with what the freelancer answers.
type Answer struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Text is the part of a proposal that a person writes: what a version keeps.
type Text struct {
	Letter    string   `db:"letter"`
	Answers   []Answer `db:"answers"`
	Bid       Bid      `db:"bid"`
	BidAmount *int64   `db:"bid_amount"` // US cents; an hour when Bid is hourly
}

// Proposal is one proposal for one job by one member.
type Proposal struct {
	ID     uuid.UUID `db:"id"`
	JobID  uuid.UUID `db:"job_id"`
	UserID uuid.UUID `db:"user_id"` // the author
	Text
	Status           Status     `db:"status"`
	Version          int        `db:"version"` // of the text; a save names the version it was made from
	ApprovedVersion  *int       `db:"approved_version"`
	SubmittedVersion *int       `db:"submitted_version"`
	LossReason       string     `db:"loss_reason"`
	ContractValue    *int64     `db:"contract_value"` // US cents
	SubmittedAt      *time.Time `db:"submitted_at"`
	ViewedAt         *time.Time `db:"viewed_at"`
	InterviewAt      *time.Time `db:"interview_at"`
	OfferedAt        *time.Time `db:"offered_at"`
	HiredAt          *time.Time `db:"hired_at"`
	DeclinedAt       *time.Time `db:"declined_at"`
	WithdrawnAt      *time.Time `db:"withdrawn_at"`
	ArchivedAt       *time.Time `db:"archived_at"`
	CreatedAt        time.Time  `db:"created_at"`
	UpdatedAt        time.Time  `db:"updated_at"`
	TypingBy         *uuid.UUID `db:"typing_by"` // whose text stands here that is not in the history yet; nil: it is
	TypingSince      *time.Time `db:"typing_since"`
}

// Row is a proposal in a list: with what the list shows of its job and author.
type Row struct {
	Proposal
	JobTitle   string `db:"job_title"`
	AuthorName string `db:"author_name"`
	TypistName string `db:"typist_name"` // of TypingBy; empty for nobody
	Kept       int    `db:"kept"`        // how many versions the history has
}

// Shown is the number of the text that stands, as people count: what is being typed is the next version.
func (r Row) Shown() int {
	if r.TypingBy != nil {
		return r.Kept + 1
	}
	return r.Kept
}

// Version is one kept state of a proposal's text. Versions are never changed. Version counts every save, also those while
// somebody types; Number counts what the history keeps, from 1, and is what people are shown.
type Version struct {
	Version int `db:"version"`
	Number  int `db:"number"`
	Text
	AuthorID   uuid.UUID `db:"author_id"`
	AuthorName string    `db:"author_name"`
	Origin     string    `db:"origin"` // typed, restore or merge
	CreatedAt  time.Time `db:"created_at"`
}

// Event is one change of a proposal's status.
type Event struct {
	From       Status    `db:"from_status"`
	To         Status    `db:"to_status"`
	Note       string    `db:"note"`
	ActorName  string    `db:"actor_name"`
	OccurredAt time.Time `db:"occurred_at"`
}
