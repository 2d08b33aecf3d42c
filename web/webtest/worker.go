package webtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// InDoubt is the heading of the answer to a write whose outcome is not known.
const InDoubt = "It is not known whether this was saved"

// Fate is what a client was told of a write.
type Fate int

// The fates of a write.
const (
	Acknowledged Fate = iota // it was saved
	Refused                  // nothing was saved
	Doubtful                 // not known: it was said so, or no answer came
)

// Ledger keeps what the workers of a test were told, and what they saw that must not be seen.
type Ledger struct {
	mu       sync.Mutex
	letters  map[string]Fate
	answers  map[string]int // by what they were: "200", "303", "503", "no answer"
	wrong    []string
	lastBad  time.Time
	lastGood map[string]time.Time // by worker
}

// NewLedger is an empty one.
func NewLedger() *Ledger {
	return &Ledger{letters: map[string]Fate{}, answers: map[string]int{}, lastGood: map[string]time.Time{}}
}

// Letters are the texts that workers tried to save, with what they were told of each.
func (l *Ledger) Letters() map[string]Fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]Fate, len(l.letters))
	for text, fate := range l.letters {
		all[text] = fate
	}
	return all
}

// Report fails the test for every answer that was wrong, and logs how many there were of each kind.
func (l *Ledger) Report(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.wrong {
		if i == 10 {
			t.Errorf("and %d more", len(l.wrong)-i)
			break
		}
		t.Error(w)
	}
	t.Logf("answers: %v", l.answers)
}

// Answers counts the answers of a kind: "200", "303", "503", "no answer".
func (l *Ledger) Answers(kind string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers[kind]
}

// Recovered is how long after a moment the last answer came that was none, or that asked to try again: 0 for none. ok
// tells whether every worker has got what it asked for since.
func (l *Ledger) Recovered(since time.Time) (took time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, good := range l.lastGood {
		if good.Before(since) || good.Before(l.lastBad) {
			return 0, false
		}
	}
	return max(0, l.lastBad.Sub(since)), true
}

func (l *Ledger) note(worker, kind string, good bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[kind]++
	if good {
		l.lastGood[worker] = time.Now()
	} else {
		l.lastBad = time.Now()
	}
}

func (l *Ledger) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// Worker is one person who reads and writes in one organization, over HTTP, through whatever happens to the site. Every
// text that it writes is written once.
type Worker struct {
	Silent bool // no answer at all is allowed: the site itself is killed

	name     string
	base     string
	http     *http.Client
	ledger   *Ledger
	own      string   // a word that only pages of its organization hold
	foreign  []string // those of the others
	tenant   string
	job      string // paths
	proposal string
	token    string // of the session's forms
	version  int
	count    int
}

// made counts the jobs that workers have made: each has an id of its own.
var made atomic.Int64

// NewWorker signs a person in, imports a job with the word own into the named organization, and starts a proposal for it.
// name is unlike that of any other worker.
func NewWorker(t testing.TB, l *Ledger, base, name, person, organization, own string, foreign ...string) *Worker {
	t.Helper()
	b := Open(t, base)
	b.SignIn(person)
	b.Work(organization)
	form := b.Get("/jobs/import")
	csv := fmt.Sprintf("title,url,posted_at,description\n%s of %s,https://www.upwork.com/jobs/~02%019d,%s,Nobody else may read %s.\n",
		own, name, 2050861570460000000+made.Add(1), time.Now().UTC().Format(time.RFC3339), own)
	b.Submit(b.Submit(form, `form[action="/jobs/import"]`, url.Values{"text": {csv}}), `form[action^="/jobs/import/"]`, nil)
	job := b.Get("/jobs?q="+url.QueryEscape(`"`+own+" of "+name+`"`)).Find(".row h2 a").First().AttrOr("href", "")
	editor := b.Submit(b.Get(job), `form[action="/proposals"]`, nil)
	w := &Worker{name: name, base: base, ledger: l, own: own, foreign: foreign, job: job, proposal: editor.URL.Path,
		http: b.Client(&http.Transport{})}
	w.token = b.Token
	w.tenant = editor.Find("input[name=tenant]").First().AttrOr("value", "")
	w.version, _ = strconv.Atoi(editor.Find("input[name=version]").First().AttrOr("value", ""))
	if job == "" || w.tenant == "" || w.version != 1 || !strings.HasPrefix(w.proposal, "/proposals/") {
		t.Fatalf("%s cannot work: job %q, proposal %q, tenant %q, version %d", name, job, w.proposal, w.tenant, w.version)
	}
	return w
}

// Work makes the organization of that name the active one.
func (b *Browser) Work(organization string) *Page {
	b.t.Helper()
	for _, button := range b.Get("/organizations").Find(".switcher button").EachIter() {
		if strings.TrimSpace(button.Find(".name").Text()) == organization {
			return b.Post("/organizations/switch", url.Values{"tenant_id": {button.AttrOr("value", "")}, "return_to": {"/jobs"}})
		}
	}
	b.t.Fatalf("%s is not in the switcher", organization)
	return nil
}

// Run works until ctx ends, one step every pause.
func (w *Worker) Run(ctx context.Context, pause time.Duration) {
	every := time.NewTicker(pause)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			w.Step()
		}
	}
}

// Step is one request, or two after a write in doubt: it looks before it writes again, as the answer says.
func (w *Worker) Step() {
	w.count++
	switch w.count % 5 {
	case 0:
		w.read("/jobs")
	case 1, 2:
		w.save()
	case 3:
		w.triage()
	default:
		w.read([]string{w.job, w.proposal, "/proposals"}[w.count/5%3])
	}
}

// answer is what a request got.
type answer struct {
	status   int
	location string
	body     []byte
}

func (w *Worker) read(path string) (answer, bool) {
	a, ok := w.send(http.MethodGet, path, nil)
	if ok && !bytes.Contains(a.body, []byte(w.own)) {
		w.ledger.complain("%s: %s does not show %s", w.name, path, w.own)
	}
	return a, ok
}

// save writes a text that was never written before.
func (w *Worker) save() {
	if w.version == 0 && !w.look() {
		return
	}
	letter := fmt.Sprintf("%s %s letter %d", w.own, w.name, w.count)
	a, ok := w.send(http.MethodPost, w.proposal, url.Values{"tenant": {w.tenant}, "token": {w.token}, "version": {strconv.Itoa(w.version)}, "letter": {letter}})
	fate := Refused
	switch {
	case ok:
		fate = Acknowledged
		w.version++
	case a.status == 0 || bytes.Contains(a.body, []byte(InDoubt)):
		fate, w.version = Doubtful, 0
	}
	if a.status == http.StatusServiceUnavailable && !bytes.Contains(a.body, []byte(letter)) {
		w.ledger.complain("%s: what was typed is not on the page: %s", w.name, a.body)
	}
	w.ledger.mu.Lock()
	w.ledger.letters[letter] = fate
	w.ledger.mu.Unlock()
}

// look reads the version that the proposal has now.
func (w *Worker) look() bool {
	a, ok := w.read(w.proposal)
	if !ok {
		return false
	}
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(a.body))
	if err == nil {
		w.version, err = strconv.Atoi(doc.Find("input[name=version]").First().AttrOr("value", ""))
	}
	if err != nil {
		w.ledger.complain("%s: no version on %s: %v", w.name, w.proposal, err)
	}
	return err == nil
}

// triage moves the job between two states; moving it to where it is already changes nothing.
func (w *Worker) triage() {
	to := []string{"shortlisted", "drafting"}[w.count/5%2]
	w.send(http.MethodPost, w.job+"/triage", url.Values{"tenant": {w.tenant}, "token": {w.token}, "to": {to}})
}

// send tells whether the site did what was asked. Anything but that, "try again" with a time, and in Silent nothing at all,
// is wrong; so is a word of another organization in whatever comes back.
func (w *Worker) send(method, path string, fields url.Values) (answer, bool) {
	a, err := w.try(method, path, fields)
	for _, word := range w.foreign {
		if bytes.Contains(a.body, []byte(word)) {
			w.ledger.complain("%s: %s %s shows %s", w.name, method, path, word)
		}
	}
	good := a.status == http.StatusOK && method == http.MethodGet || a.status == http.StatusSeeOther && method == http.MethodPost && strings.HasPrefix(a.location, "/"+strings.Split(path, "/")[1]+"/")
	switch {
	case err != nil:
		w.ledger.note(w.name, "no answer", false)
		if !w.Silent {
			w.ledger.complain("%s: %s %s: %v", w.name, method, path, err)
		}
		return answer{}, false
	case good, a.status == http.StatusServiceUnavailable:
	default:
		w.ledger.complain("%s: %s %s: %d to %q: %.600s", w.name, method, path, a.status, a.location, a.body)
	}
	w.ledger.note(w.name, strconv.Itoa(a.status), good)
	return a, good
}

func (w *Worker) try(method, path string, fields url.Values) (answer, error) {
	r, err := http.NewRequest(method, w.base+path, strings.NewReader(fields.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Referer", w.base+path)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := w.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // the body was read to its end, or err says why not
	if err != nil {
		return answer{}, err
	}
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
		w.ledger.complain("%s: %s %s: 503 without Retry-After", w.name, method, path)
	}
	return answer{response.StatusCode, response.Header.Get("Location"), body}, nil
}
