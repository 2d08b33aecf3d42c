package upwork

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"upwork-ai-agent/db/job"
)

// builder makes a posting from facts. The first reason to refuse the row stays in err.
type builder struct {
	facts
	now     time.Time
	posting job.Posting
	notes   []string
	err     error
}

// build turns the facts of one job into a row.
func build(position int, f facts, now time.Time) Row {
	b := &builder{facts: f, now: now.UTC().Truncate(time.Microsecond)}
	b.text()
	b.identity()
	b.terms()
	b.money()
	b.competition()
	b.client()
	b.dates()
	row := Row{Position: position, Title: b.name(position), Posting: b.posting, Notes: b.notes, Err: b.err}
	if b.err != nil {
		row.Posting = job.Posting{}
	}
	return row
}

// name is what to call the row.
func (b *builder) name(position int) string {
	for _, s := range append([]string{b.posting.Title, b.facts.url}, b.ids...) {
		if s = short(cleanLine(s), 120); s != "" {
			return s
		}
	}
	return fmt.Sprintf("Row %d", position)
}

func (b *builder) refuse(message string) {
	if b.err == nil {
		b.err = reason(message)
	}
}

func (b *builder) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// failed records why a value is not used: too large a number refuses the row, anything else leaves the value unknown.
func (b *builder) failed(what, value string, err error) {
	text := fmt.Sprintf("The %s “%s” %v", what, short(cleanLine(value), 60), err)
	if errors.Is(err, errTooLarge) {
		b.refuse(text + ".")
		return
	}
	b.note("%s; it is left unknown.", text)
}

func (b *builder) text() {
	p := &b.posting
	p.Title = cleanLine(b.title)
	switch n := len([]rune(p.Title)); {
	case missing(p.Title):
		p.Title = ""
		b.refuse("It has no title.")
	case n > MaxTitle:
		b.refuse(fmt.Sprintf("Its title has %d characters, more than the %d that are allowed. Are the columns mixed up?", n, MaxTitle))
	}
	p.Description = cleanText(b.description)
	if missing(p.Description) {
		p.Description = ""
	}
	if r := cleanText(b.requirements); !missing(r) && !strings.Contains(p.Description, r) {
		p.Description = strings.TrimSpace(p.Description + "\n\nProposal requirements: " + r)
	}
	if p.Description, p.DescriptionTruncated = cut(p.Description, MaxDescription); p.DescriptionTruncated {
		b.note("The description was cut at %d characters.", MaxDescription)
	}
	p.Category, _ = cut(categoryName(known(b.category)), 200)
	p.Skills = b.distinct("skills", b.skills, 100, MaxSkills)
	p.Questions = b.distinct("questions", b.questions, 2000, MaxQuestions)
}

// known is a short text as it is kept; a word for "unknown" becomes empty.
func known(s string) string {
	if s = cleanLine(s); missing(s) {
		return ""
	}
	return s
}

// distinct cleans a list: no empty items, each once without regard to case, at most as long and as many as given.
func (b *builder) distinct(what string, items []string, longest, most int) []string {
	var kept []string
	seen := map[string]bool{}
	for _, item := range items {
		item, _ = cut(known(item), longest)
		if folded := strings.ToLower(item); item != "" && !seen[folded] {
			seen[folded] = true
			kept = append(kept, item)
		}
	}
	if len(kept) > most {
		b.note("Only the first %d of %d %s were kept.", most, len(kept), what)
		kept = kept[:most]
	}
	return kept
}

// identity finds the key of the job and the address of its page.
func (b *builder) identity() {
	p := &b.posting
	for _, candidate := range append(b.ids, b.facts.url) {
		key, ok := Key(candidate)
		better := strings.HasPrefix(p.ExternalKey, "vollna:") && strings.HasPrefix(key, "upwork:")
		if ok && (p.ExternalKey == "" || better) {
			p.ExternalKey = key
		}
	}
	if p.ExternalKey == "" {
		p.ExternalKey = hashKey(p.Title, p.Description)
	}
	p.URL = pageURL(p.ExternalKey, b.facts.url)
}

// maxURL is the longest address that is kept, in bytes.
const maxURL = 2000

// pageURL is the canonical address when the id is known; otherwise the given one, if it leads to Upwork over https.
func pageURL(key, given string) string {
	if id, ok := strings.CutPrefix(key, "upwork:"); ok {
		return "https://www.upwork.com/jobs/" + canonicalID(id)
	}
	u, err := url.Parse(strings.TrimSpace(given))
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" {
		return ""
	}
	if host := strings.ToLower(u.Hostname()); host != "upwork.com" && host != "www.upwork.com" {
		return ""
	}
	if s := u.String(); len(s) <= maxURL { // escaping may have made it longer
		return s
	}
	return ""
}

func canonicalID(id string) string {
	if strings.HasPrefix(id, "~") {
		return id
	}
	return "~02" + id
}

// terms reads what the contract is like.
func (b *builder) terms() {
	p := &b.posting
	p.Experience = enum(b, "experience", experiences, b.experience)
	p.Duration = enum(b, "duration", durations, b.duration)
	if w, ok := lookup(workloads, b.workload+","+b.duration); ok { // "1 to 3 months, 30+ hrs/week"
		p.Workload = w
	} else if known(b.workload) != "" {
		b.failed("weekly workload", b.workload, errUnreadable)
	}
	p.ContractToHire = b.truth("contract-to-hire mark", b.contractToHire)
	p.Connects = b.count("price in Connects", b.connects)
}

// enum reads a value from its table of words.
func enum[V ~string](b *builder, what string, table map[string]V, s string) V {
	v, ok := lookup(table, s)
	if !ok && known(s) != "" {
		b.failed(what, s, errUnreadable)
	}
	return v
}

func (b *builder) truth(what, s string) *bool {
	v, ok := truths[squeeze(s)]
	if ok {
		return &v
	}
	if known(s) != "" {
		b.failed(what, s, errUnreadable)
	}
	return nil
}

func (b *builder) count(what, s string) *int {
	if known(s) == "" {
		return nil
	}
	n, err := parseCount(s)
	if err != nil {
		b.failed(what, s, err)
		return nil
	}
	return &n
}

func (b *builder) competition() {
	if known(b.proposals) == "" {
		return
	}
	found, err := parseProposals(b.proposals)
	if err != nil {
		b.failed("number of proposals", b.proposals, err)
		return
	}
	b.posting.ProposalsMin, b.posting.ProposalsMax = &found.min, found.max
}
