package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/app/upwork"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
)

// TriageJob moves a job to another state of triage and returns it as it was. Moving it to where it is already changes
// nothing. It returns db.ErrNotFound, or an Error when the job cannot go there from where it is.
func TriageJob(ctx context.Context, tx *db.Tx, id uuid.UUID, to job.Triage, reason string) (job.Job, error) {
	j, err := job.Lock(ctx, tx, id)
	switch {
	case err != nil:
		return j, err
	case j.Triage == to:
		return j, nil
	case !job.CanMove(j.Triage, to):
		return j, &Error{Code: Refused, Message: "This job was moved meanwhile and cannot go there from where it is now."}
	case to != job.Skipped:
		reason = ""
	}
	return j, job.Move(ctx, tx, j, to, reason)
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
// and db.ErrConflict when the upload has been imported already; else how many rows had which outcome.
func ConfirmImport(ctx context.Context, tx *db.Tx, id uuid.UUID) (map[job.Outcome]int, error) {
	data, uploaded, err := job.Payload(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	batch, err := readUpload(data, uploaded) // relative dates count from the upload, as they did in the preview
	if err != nil {
		return nil, err
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
