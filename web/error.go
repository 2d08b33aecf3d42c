package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db"
	"upwork-ai-agent/views"
)

// answer is what a person is told of an error.
type answer struct {
	status  int
	heading string
	text    string
	action  string // label of the link that leads on
	link    string
	retry   int // seconds, for Retry-After; 0 for none
}

// Links that depend on the request.
const (
	hereLink   = "/"       // the page that was asked for, or whose form was sent
	signInLink = "sign-in" // to sign in, and back
	siteLink   = "site"    // the site under its own name
)

// answers is the one table of errors, asked in order. What is not in it is a defect: 500. A foreign id and a missing id
// are both db.ErrNotFound, so they get the same bytes.
var answers = []struct {
	err error
	answer
}{
	{db.ErrNotFound, answer{http.StatusNotFound, "Not found", "There is nothing at this address in this organization. It may have been removed, or it may belong to another organization.", "To the jobs", "/jobs", 0}},
	{db.ErrRefused, answer{http.StatusForbidden, "This organization cannot be opened", "You are not a member of it, or it is not available at the moment. Choose another one.", "Choose an organization", "/organizations", 0}},
	{db.ErrNotMember, answer{http.StatusForbidden, "This organization cannot be opened", "You are not a member of it, or it is not available at the moment. Choose another one.", "Choose an organization", "/organizations", 0}},
	{db.ErrForbidden, answer{http.StatusForbidden, "Your role does not allow this", "Ask an administrator of the organization for a role that may do this.", "To the jobs", "/jobs", 0}},
	{db.ErrReadOnly, answer{http.StatusServiceUnavailable, "Read only for a moment", "This organization can be read but not changed right now. Nothing was saved; try again in a moment.", "To the jobs", "/jobs", 5}},
	{db.ErrConflict, answer{http.StatusConflict, "Changed meanwhile", "Somebody else changed this while you were looking at it. Nothing was overwritten; open it again to see how it is now.", "To the jobs", "/jobs", 0}},
	{db.ErrBusy, answer{http.StatusServiceUnavailable, "Busy", "This took too long because others were faster. Nothing was saved; try again.", "To the jobs", "/jobs", 2}},
	{db.ErrInDoubt, answer{http.StatusServiceUnavailable, "It is not known whether this was saved", "The connection to the database broke while it was being saved. Look how it is now before you send it again.", "Look", hereLink, 3}},
	{db.ErrUnavailable, answer{http.StatusServiceUnavailable, "Not available right now", "The database does not answer. Nothing was saved; try again in a moment.", "Try again", hereLink, 3}},
	{db.ErrBadInput, answer{http.StatusUnprocessableEntity, "This cannot be stored", "Something in the form is too long, or contains characters that are no text. Nothing was saved.", "To the jobs", "/jobs", 0}},
	{errForeign, answer{http.StatusForbidden, "Sent from another site", "This form was not sent from a page of this site, so nothing was done.", "To the jobs", "/jobs", 0}},
	{errToken, answer{http.StatusForbidden, "This page is older than your sign-in", "The form was drawn before you signed in, or for somebody else. Nothing was saved; open the page again and send it from there.", "Open the page again", hereLink, 0}},
	{errSignIn, answer{http.StatusUnauthorized, "You are signed out", "Nothing was saved. Sign in and send it again.", "Sign in", signInLink, 0}},
	{errHost, answer{http.StatusMisdirectedRequest, "This site has another address", "It does not answer under the name that was asked for.", "Go to the site", siteLink, 0}},
	{errEncoding, answer{http.StatusUnsupportedMediaType, "Compressed", "This site takes no compressed requests. Nothing was saved.", "To the jobs", "/jobs", 0}},
	{errMedia, answer{http.StatusUnsupportedMediaType, "Not a form", "This address takes the form of its page and nothing else. Nothing was saved.", "To the jobs", "/jobs", 0}},
	{errForm, answer{http.StatusBadRequest, "This form was not understood", "It arrived damaged, or it is no form at all. Nothing was saved. Go back, load the page again, and send it once more.", "To the jobs", "/jobs", 0}},
	{errHandshake, answer{http.StatusBadRequest, "Signing in did not work", "What the sign-in service sent could not be taken. Start again; if it happens again, tell whoever runs this site the number below.", "Sign in", "/sign-in", 0}},
	{errCallback, answer{http.StatusBadRequest, "Signing in did not work", "The answer does not belong to a sign-in that was started in this browser, or it took too long. Start again.", "Sign in", "/sign-in", 0}},
}

// statuses is what is said of the plain HTTP errors.
var statuses = map[int]answer{
	http.StatusNotFound:              answers[0].answer,
	http.StatusMethodNotAllowed:      {http.StatusMethodNotAllowed, "This address does not work that way", "The page exists, but not for this kind of request.", "To the jobs", "/jobs", 0},
	http.StatusTooManyRequests:       {http.StatusTooManyRequests, "A moment, please", "More requests came from here than this site answers at once, so this one was not. Nothing was saved. Wait a moment, then try again.", "Try again", hereLink, 1},
	http.StatusRequestEntityTooLarge: {http.StatusRequestEntityTooLarge, "Too large", "What was sent is larger than this page takes: 8 MB for an import, less for other forms. Nothing was saved.", "To the jobs", "/jobs", 0},
}

var defect = answer{http.StatusInternalServerError, "Something went wrong here", "It is our mistake, and it has been noted under the number below. Nothing was saved.", "To the jobs", "/jobs", 0}

// answer finds what to say, sets Retry-After, and logs what is worth it. It is the only place that logs a 500. What may
// work in a moment leads back to where it was tried.
func (s *Server) answer(c echo.Context, err error) answer {
	a := lookup(err)
	s.meter.refuse(err)
	switch a.link {
	case hereLink:
		a.link = pageOf(c.Request())
	case signInLink:
		a.link = s.signInAddress(c.Request(), err)
	case siteLink:
		a.link = s.base.String() + "/"
	}
	if level, worth := logLevel(a, err); worth {
		s.log.LogAttrs(c.Request().Context(), level, "request failed", failure(c, err)...)
	}
	if a.retry > 0 {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(a.retry))
	}
	return a
}

// logLevel tells whether an error is worth a line of its own: a defect is, and what an operator can mend.
func logLevel(a answer, err error) (slog.Level, bool) {
	switch {
	case errors.Is(err, context.Canceled):
		return 0, false
	case a.status == http.StatusInternalServerError:
		return slog.LevelError, true
	case a.status == http.StatusServiceUnavailable, a.status == http.StatusTooManyRequests, errors.Is(err, errHandshake):
		return slog.LevelWarn, true
	}
	return 0, false
}

func lookup(err error) answer {
	var rule *app.Error
	if errors.As(err, &rule) {
		return ruleAnswer(rule)
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a.told(err)
		}
	}
	var fast *tooMany
	if errors.As(err, &fast) {
		a := statuses[http.StatusTooManyRequests]
		a.retry = fast.seconds()
		return a
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return statuses[http.StatusRequestEntityTooLarge]
	}
	var plain *echo.HTTPError
	if errors.As(err, &plain) {
		if a, ok := statuses[plain.Code]; ok {
			return a
		}
	}
	return defect
}

// told names the field where err knows it.
func (a answer) told(err error) answer {
	var m misfit
	if errors.As(err, &m) {
		a.text = "The field “" + printable(m.field) + "” " + m.what + ". Nothing was saved. Go back, load the page again, and send it once more."
	}
	return a
}

func ruleAnswer(e *app.Error) answer {
	a := answer{http.StatusUnprocessableEntity, "This cannot be done", e.Message, "To the jobs", "/jobs", 0}
	switch e.Code {
	case app.Refused:
		a.status = http.StatusConflict
	case app.Unavailable:
		a.status, a.heading, a.retry = http.StatusServiceUnavailable, "Not available right now", 5
	}
	return a
}

func (a answer) page(shell views.Shell, requestID string) views.ErrorPage {
	return views.ErrorPage{Shell: shell, Status: a.status, Heading: a.heading, Text: a.text, Action: a.action, Link: a.link, RequestID: requestID}
}

// handleError is the end of every error that no adapter has answered: nobody is signed in, or there is no such route.
func (s *Server) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if e := s.redirectOrDraw(err, c); e != nil {
		s.log.LogAttrs(c.Request().Context(), slog.LevelError, "error page failed", failure(c, e)...)
		if e := c.HTML(http.StatusInternalServerError, strings.Replace(lastPage, "{id}", requestID(c), 1)); e != nil {
			s.log.LogAttrs(c.Request().Context(), slog.LevelWarn, "nobody took the last page", failure(c, e)...)
		}
	}
}

// lastPage is for when even the error page fails: it needs nothing.
const lastPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Something went wrong here · Upwork AI Agent</title></head>
<body><main><h1>Something went wrong here</h1><p>It is our mistake, and it has been noted under the number below.</p><p><a href="/">Go to the start page</a></p><p>Request {id}</p></main></body></html>
`

func (s *Server) redirectOrDraw(err error, c echo.Context) error {
	var to elsewhere
	switch {
	case errors.Is(err, errSignIn) && c.Request().Method != http.MethodPost: // a browser follows no form to another site
		return c.Redirect(http.StatusSeeOther, s.signInAddress(c.Request(), err))
	case errors.As(err, &to):
		return c.Redirect(http.StatusSeeOther, to.path)
	}
	a := s.answer(c, err)
	shell := views.Shell{Title: a.heading, Sandbox: s.sandbox}
	// The database that has just failed to answer is not asked who this is, and neither under a foreign
	// name nor after too many requests is it asked.
	if a.status != http.StatusServiceUnavailable && a.status != http.StatusMisdirectedRequest && a.status != http.StatusTooManyRequests {
		if r, enterErr := s.enter(c); enterErr == nil {
			shell = r.shell(a.heading, "", "")
		}
	}
	p := a.page(shell, requestID(c))
	var lost *unentered
	if errors.As(err, &lost) {
		p.Kept = lost.form.kept()
	}
	return draw(c, a.status, views.Error(p))
}

// unentered is a form that arrived while nobody could say who sent it: it is shown again, so that it is not lost.
type unentered struct {
	form  form
	cause error
}

// Error is for the log.
func (e *unentered) Error() string { return e.cause.Error() }

// Unwrap returns why.
func (e *unentered) Unwrap() error { return e.cause }
