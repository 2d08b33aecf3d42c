package app

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
)

// AddNote notes something about a job. It returns db.ErrNotFound, or an Error with the field note when it cannot be kept.
func AddNote(ctx context.Context, tx *db.Tx, jobID uuid.UUID, text string) error {
	j, err := job.Lock(ctx, tx, jobID)
	if err != nil {
		return err
	}
	text, err = noteText(text)
	if err != nil {
		return err
	}
	return job.AddNote(ctx, tx, j, text)
}

// EditNote changes a note of the acting member's and returns the job that it is about. Saving what is there changes nothing.
// It returns db.ErrNotFound, also for a note of somebody else's, or an Error with the field note.
func EditNote(ctx context.Context, tx *db.Tx, id uuid.UUID, text string) (uuid.UUID, error) {
	n, err := job.LockNote(ctx, tx, id)
	if err != nil {
		return uuid.Nil, err
	}
	text, err = noteText(text)
	if err != nil || text == n.Text {
		return n.JobID, err
	}
	return n.JobID, job.EditNote(ctx, tx, n, text)
}

// DeleteNote lets go of a note of the acting member's and returns the job that it was about. It returns db.ErrNotFound, also
// for a note of somebody else's.
func DeleteNote(ctx context.Context, tx *db.Tx, id uuid.UUID) (uuid.UUID, error) {
	n, err := job.LockNote(ctx, tx, id)
	if err != nil {
		return uuid.Nil, err
	}
	return n.JobID, job.DeleteNote(ctx, tx, n)
}

// noteText is a note as it is kept.
func noteText(s string) (string, error) {
	s = strings.TrimSpace(newlines(s))
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return "", field("note", "Write something first.")
	case n > job.MaxNote:
		return "", field("note", fmt.Sprintf("Keep the note under %d characters. You wrote %d.", job.MaxNote, n))
	}
	return s, nil
}
