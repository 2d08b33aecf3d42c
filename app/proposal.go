package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/proposal"
)

// StartProposal makes a draft for a job and moves the job to drafting. Who has a live proposal for the job already gets
// that one. It returns db.ErrNotFound for a job that is not the tenant's.
func StartProposal(ctx context.Context, tx *db.Tx, jobID uuid.UUID) (uuid.UUID, error) {
	j, err := job.Lock(ctx, tx, jobID)
	if err != nil {
		return uuid.Nil, err
	}
	live, err := proposal.LiveOf(ctx, tx, jobID)
	if !errors.Is(err, db.ErrNotFound) {
		return live.ID, err
	}
	id, err := proposal.Start(ctx, tx, j.ID, j.Title, j.Questions)
	if err == nil && job.CanMove(j.Triage, job.Drafting) {
		err = job.Move(ctx, tx, j, job.Drafting, "")
	}
	return id, err
}

// SaveProposal replaces the text of a proposal that was read at version base, and puts it into the history. It returns
// db.ErrConflict when somebody has saved meanwhile, db.ErrNotFound, or an Error with the fields that cannot be taken.
// Saving what is there changes nothing.
func SaveProposal(ctx context.Context, tx *db.Tx, id uuid.UUID, base int, t proposal.Text, origin string) error {
	p, t, err := replacing(ctx, tx, id, base, t)
	switch {
	case err != nil:
		return err
	case sameText(p.Text, t):
		return proposal.Keep(ctx, tx, p)
	}
	return proposal.Save(ctx, tx, p, t, origin)
}

// TypeProposal is SaveProposal for a writer who is still typing: it returns the version that the next save is made from.
// A text that stands already is no conflict: an answer may have been lost on its way.
func TypeProposal(ctx context.Context, tx *db.Tx, id uuid.UUID, base int, t proposal.Text) (version int, err error) {
	p, t, err := replacing(ctx, tx, id, base, t)
	switch {
	case p.ID != uuid.Nil && sameText(p.Text, t) && (err == nil || errors.Is(err, db.ErrConflict)):
		return p.Version, nil
	case err != nil:
		return 0, err
	}
	return proposal.Type(ctx, tx, p, t)
}

// Choice says which parts of a text are taken as they are saved: "letter", "answer-0", "bid". The others are one's own.
type Choice map[string]bool

// MergeProposal saves a text that was put together from one's own and from what was saved at version base.
func MergeProposal(ctx context.Context, tx *db.Tx, id uuid.UUID, base int, t proposal.Text, theirs Choice) error {
	p, t, err := replacing(ctx, tx, id, base, t)
	if err != nil {
		return err
	}
	if theirs["letter"] {
		t.Letter = p.Letter
	}
	for i := range t.Answers {
		if theirs[fmt.Sprintf("answer-%d", i)] {
			t.Answers[i] = p.Answers[i]
		}
	}
	if theirs["bid"] {
		t.Bid, t.BidAmount = p.Bid, p.BidAmount
	}
	if sameText(p.Text, t) {
		return proposal.Keep(ctx, tx, p)
	}
	return proposal.Save(ctx, tx, p, t, "merge")
}

// replacing locks a proposal and makes t fit to become its text. The proposal comes with db.ErrConflict too.
func replacing(ctx context.Context, tx *db.Tx, id uuid.UUID, base int, t proposal.Text) (proposal.Proposal, proposal.Text, error) {
	p, err := proposal.Lock(ctx, tx, id)
	if err != nil {
		return proposal.Proposal{}, t, err
	}
	t.Letter, t.Answers = newlines(t.Letter), merge(p.Answers, t.Answers)
	switch {
	case !p.Status.Editable():
		return p, t, &Error{Code: Refused, Message: "This proposal has been submitted. Upwork keeps the letter as it was sent, so it cannot be changed here either."}
	case p.Version != base:
		return p, t, db.ErrConflict
	}
	return p, t, checkText(t)
}

// RestoreProposal makes an earlier version the text again, as a new version, and returns the number that people are shown of
// the earlier one.
func RestoreProposal(ctx context.Context, tx *db.Tx, id uuid.UUID, base, version int) (number int, err error) {
	old, number, err := proposal.Kept(ctx, tx, id, version)
	if err != nil {
		return 0, err
	}
	return number, SaveProposal(ctx, tx, id, base, old, "restore")
}

// MoveProposal changes the status of a proposal that was read at version base, and the triage of its job with it. It
// returns db.ErrConflict when the text was changed meanwhile, and an Error when the rules forbid the change.
func MoveProposal(ctx context.Context, tx *db.Tx, id uuid.UUID, base int, to proposal.Status, o proposal.Outcome) error {
	p, err := proposal.Lock(ctx, tx, id)
	switch {
	case err != nil:
		return err
	case p.Version != base:
		return db.ErrConflict
	}
	next, ok := proposal.Next(p, tx.Member().Role, to)
	switch {
	case !ok:
		return &Error{Code: Refused, Message: "The proposal cannot become that from where it is now, or your role may not decide it."}
	case next.Note && strings.TrimSpace(o.Note) == "":
		return field("note", "Say why it is reopened.")
	case utf8.RuneCountInString(o.Note) > maxNote:
		return field("note", fmt.Sprintf("Keep the note under %d characters. You wrote %d.", maxNote, utf8.RuneCountInString(o.Note)))
	case utf8.RuneCountInString(o.LossReason) > maxNote:
		return field("loss_reason", fmt.Sprintf("Keep the reason under %d characters. You wrote %d.", maxNote, utf8.RuneCountInString(o.LossReason)))
	case next.Ready:
		if err := checkReady(p.Text); err != nil {
			return err
		}
	}
	if err := proposal.Move(ctx, tx, p, to, o); err != nil {
		if errors.Is(err, db.ErrDuplicate) {
			return &Error{Code: Refused, Message: "Its author has another live proposal for this job. Finish or archive that one first."}
		}
		return err
	}
	return follow(ctx, tx, p.JobID, to)
}

// maxNote is how much is kept of what is told with a change of status, in characters, as the forms say.
const maxNote = 500

// follow moves the job where its proposal has gone.
func follow(ctx context.Context, tx *db.Tx, jobID uuid.UUID, to proposal.Status) error {
	if to != proposal.Submitted {
		return nil
	}
	j, err := job.Lock(ctx, tx, jobID)
	if err != nil || j.Triage == job.Applied {
		return err
	}
	// Not asking CanMove: that it was sent is a fact, wherever the job had been put meanwhile.
	return job.Move(ctx, tx, j, job.Applied, "")
}

// maxAnswer is how much of an answer is kept, in UTF-16 code units. Upwork's own limit is not published.
const maxAnswer = 5000

// checkText refuses what cannot be kept or sent: Upwork takes 5,000 characters, and counting them is the writer's business
// up to there. Drafts may be a little longer while they are cut down, so that nothing typed is lost.
func checkText(t proposal.Text) error {
	fields := map[string]string{}
	if n := Length(t.Letter); n > 2*proposal.MaxLetter {
		fields["letter"] = fmt.Sprintf("The letter has %d characters. More than %d cannot be kept.", n, 2*proposal.MaxLetter)
	}
	for i, a := range t.Answers {
		if n := Length(a.Answer); n > maxAnswer {
			fields[fmt.Sprintf("answer-%d", i)] = fmt.Sprintf("This answer has %d characters. More than %d cannot be kept.", n, maxAnswer)
		}
	}
	if t.BidAmount != nil && t.Bid == "" {
		fields["bid"] = "Choose whether the amount is an hourly rate or a fixed price."
	}
	return invalid(fields)
}

// checkReady refuses what is not ready to be reviewed or sent.
func checkReady(t proposal.Text) error {
	fields := map[string]string{}
	switch n := Length(t.Letter); {
	case strings.TrimSpace(t.Letter) == "":
		fields["letter"] = "The letter is empty. Write and save it first."
	case n > proposal.MaxLetter:
		fields["letter"] = fmt.Sprintf("The letter has %d characters. Upwork takes at most %d.", n, proposal.MaxLetter)
	}
	for i, a := range t.Answers {
		if strings.TrimSpace(a.Answer) == "" {
			fields[fmt.Sprintf("answer-%d", i)] = "The client asks this. Answer and save it first."
		}
	}
	return invalid(fields)
}

func invalid(fields map[string]string) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: "Some fields need another look.", Fields: fields}
}

// Length counts as Upwork does: UTF-16 code units.
func Length(s string) int { return len(utf16.Encode([]rune(s))) }

// newlines turns the line ends that browsers send into the one that is kept.
func newlines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// merge puts what was answered beside the questions as they are kept: a form cannot change what the client asked.
func merge(kept, typed []proposal.Answer) []proposal.Answer {
	merged := make([]proposal.Answer, len(kept))
	for i, k := range kept {
		merged[i] = k
		if i < len(typed) {
			merged[i].Answer = newlines(typed[i].Answer)
		}
	}
	return merged
}

func sameText(a, b proposal.Text) bool {
	if a.Letter != b.Letter || a.Bid != b.Bid || len(a.Answers) != len(b.Answers) {
		return false
	}
	for i := range a.Answers {
		if a.Answers[i] != b.Answers[i] {
			return false
		}
	}
	if a.BidAmount == nil || b.BidAmount == nil {
		return a.BidAmount == b.BidAmount
	}
	return *a.BidAmount == *b.BidAmount
}
