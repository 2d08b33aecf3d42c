package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/app/upwork"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
)

// Changed is what a change of jobs did.
type Changed struct {
	Jobs  []job.Job   // that changed, as they were
	Stuck int         // that could not go there from where they were
	Same  int         // that were there already
	Undo  uuid.UUID   // what takes it back; zero when nothing changed
	None  []uuid.UUID // of the ids that were given: those of no job of this tenant
}

// locked reads the jobs of ids, and says which of the ids are of none.
func locked(ctx context.Context, tx *db.Tx, ids []uuid.UUID) (jobs []job.Job, none []uuid.UUID, err error) {
	if jobs, err = job.LockSet(ctx, tx, ids); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(jobs, func(j job.Job) bool { return j.ID == id }) {
			none = append(none, id)
		}
	}
	return jobs, none, nil
}

// TriageJobs moves jobs to another state of triage; ids of none are left out. Those that cannot go there from where they
// are stay, and those that are there already.
func TriageJobs(ctx context.Context, tx *db.Tx, ids []uuid.UUID, to job.Triage, reason string) (Changed, error) {
	jobs, none, err := locked(ctx, tx, ids)
	if err != nil {
		return Changed{}, err
	}
	c := Changed{None: none}
	for _, j := range jobs {
		switch {
		case j.Triage == to:
			c.Same++
		case !job.CanMove(j.Triage, to):
			c.Stuck++
		default:
			c.Jobs = append(c.Jobs, j)
		}
	}
	if to != job.Skipped {
		reason = ""
	}
	if len(c.Jobs) > 0 {
		c.Undo, err = job.MoveSet(ctx, tx, c.Jobs, to, reason)
	}
	return c, err
}

// TriageJob moves one job to another state of triage and returns it as it was, with what takes that back. Moving it to
// where it is already changes nothing. It returns db.ErrNotFound, or an Error when the job cannot go there from where it is,
// and when it is skipped already and the new reason would replace the first one, or be lost.
func TriageJob(ctx context.Context, tx *db.Tx, id uuid.UUID, to job.Triage, reason string) (job.Job, uuid.UUID, error) {
	j, err := job.Lock(ctx, tx, id)
	switch {
	case err != nil:
		return j, uuid.Nil, err
	case j.Triage == to && to == job.Skipped && reason != "" && reason != j.SkipReason:
		const message = "This job is skipped already, so your reason was not stored."
		return j, uuid.Nil, &Error{Code: Refused, Message: message, Fields: map[string]string{"reason": message}}
	case j.Triage == to:
		return j, uuid.Nil, nil
	case !job.CanMove(j.Triage, to):
		return j, uuid.Nil, &Error{Code: Refused, Message: "This job was moved meanwhile and cannot go there from where it is now."}
	case to != job.Skipped:
		reason = ""
	}
	undo, err := job.MoveSet(ctx, tx, []job.Job{j}, to, reason)
	return j, undo, err
}

// AssignJobs gives jobs to a member, or to nobody when to is the zero id; ids of no job are left out. It returns
// db.ErrNotFound when there is no such member, and the member's name.
func AssignJobs(ctx context.Context, tx *db.Tx, ids []uuid.UUID, to uuid.UUID) (c Changed, name string, err error) {
	var who *uuid.UUID
	if to != uuid.Nil {
		if name, err = member.Name(ctx, tx, to); err != nil {
			return c, "", err
		}
		who = &to
	}
	jobs, none, err := locked(ctx, tx, ids)
	if err != nil {
		return c, name, err
	}
	c.None = none
	for _, j := range jobs {
		if j.AssigneeID == who || who != nil && j.AssigneeID != nil && *j.AssigneeID == *who {
			c.Same++
		} else {
			c.Jobs = append(c.Jobs, j)
		}
	}
	if len(c.Jobs) > 0 {
		c.Undo, err = job.AssignSet(ctx, tx, c.Jobs, who, name)
	}
	return c, name, err
}

// UndoJobs takes back what the acting member did to jobs. It returns db.ErrNotFound when there is nothing of that id, and
// an Error when it cannot be undone any more.
func UndoJobs(ctx context.Context, tx *db.Tx, id uuid.UUID) (job.Undone, error) {
	u, err := job.Undo(ctx, tx, id)
	switch {
	case errors.Is(err, job.ErrUndone):
		err = &Error{Code: Refused, Message: "This has been undone already.", Cause: err}
	case errors.Is(err, job.ErrExpired):
		err = &Error{Code: Refused, Message: "A change can be undone for a day, and this one is older.", Cause: err}
	case err == nil && u.Back == 0:
		err = &Error{Code: Refused, Message: "Nothing was undone: all of it has been changed since, and stays as it is now."}
	}
	return u, err
}

// PreviewImport reads what was uploaded, keeps it, and works out row by row what importing it would do. It returns an
// Error with a message for people when the upload cannot be read.
func PreviewImport(ctx context.Context, tx *db.Tx, data []byte, fileName string) (uuid.UUID, error) {
	batch, err := readUpload(data, time.Now())
	if err != nil {
		return uuid.Nil, err
	}
	u := job.Upload{Format: batch.FormatName, Source: batch.Source, FileName: fileName, Payload: data}
	return job.Preview(ctx, tx, u, candidates(batch))
}

// ConfirmImport imports what was previewed, decided again against the jobs as they are now. It returns db.ErrNotFound,
// and db.ErrConflict when the upload has been imported already; else how many rows had which outcome, and what undoes it.
func ConfirmImport(ctx context.Context, tx *db.Tx, id uuid.UUID) (map[job.Outcome]int, uuid.UUID, error) {
	data, uploaded, err := job.Payload(ctx, tx, id)
	if err != nil {
		return nil, uuid.Nil, err
	}
	batch, err := readUpload(data, uploaded) // relative dates count from the upload, as they did in the preview
	if err != nil {
		return nil, uuid.Nil, err
	}
	return job.Apply(ctx, tx, id, candidates(batch))
}

func readUpload(data []byte, now time.Time) (upwork.Batch, error) {
	batch, err := upwork.Read(data, now)
	var bad *upwork.Error
	if errors.As(err, &bad) {
		return batch, &Error{Code: Invalid, Message: bad.Message, Cause: bad.Cause}
	}
	return batch, err
}

func candidates(b upwork.Batch) []job.Candidate {
	cs := make([]job.Candidate, len(b.Rows))
	for i, r := range b.Rows {
		cs[i] = job.Candidate{Position: r.Position, Title: r.Title, Posting: r.Posting, Note: strings.Join(r.Notes, " ")}
		if r.Err != nil {
			cs[i].Problem = r.Err.Error()
		}
	}
	return cs
}
