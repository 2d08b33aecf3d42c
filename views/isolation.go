package views

import (
	"time"

	"upwork-ai-agent/db/alert"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/hit"
	"upwork-ai-agent/db/isolation"
)

// IsolationPage shows the owner of an organization what keeps it apart, and who has tried it.
type IsolationPage struct {
	Shell
	Period   Period
	Proof    *isolation.Report // the last; nil: none has run yet
	Alerts   []alert.Alert
	Attempts []audit.Attempt
	Tried    []audit.Point
	Hits     []hit.Row
	Traffic  []hit.Point
}

// openAlerts are those that nobody has seen.
func (p IsolationPage) openAlerts() (open int) {
	for _, a := range p.Alerts {
		if a.SeenAt == nil {
			open++
		}
	}
	return open
}

// advice says what an attempt comes to: that it was refused, it says itself; that nothing gets through, only a proof.
func (p IsolationPage) advice() string {
	const refused = "The attempts are listed below, and each was refused. "
	switch {
	case p.Proof == nil:
		return refused + "You may want to ask your people."
	case p.Proof.OK:
		return refused + "The last proof holds, so you need not do anything, but you may want to ask your people."
	case p.Proof.Leaks+p.Proof.Oracles > 0:
		return refused + "But the last proof found a way through, which whoever runs this installation sees too and has to close."
	}
	return refused + "But the last proof could not prove everything, which whoever runs this installation sees too and has to mend."
}

// triedChart is how often this organization was tried.
func (p IsolationPage) triedChart() Chart {
	values := make([]int64, p.Period.steps())
	for _, t := range p.Tried {
		if i, ok := p.Period.at(p.Now, t.At); ok {
			values[i] += t.Count
		}
	}
	return p.Period.chart("tried", "Attempts", p.Now, Series{"attempts", Refused, values})
}

// trafficChart is how many statements met the policies.
func (p IsolationPage) trafficChart() Chart {
	let, refused := make([]int64, p.Period.steps()), make([]int64, p.Period.steps())
	for _, t := range p.Traffic {
		if i, ok := p.Period.at(p.Now, t.At); ok {
			let[i] += t.Calls - t.Refused
			refused[i] += t.Refused
		}
	}
	return p.Period.chart("traffic", "Queries", p.Now, Series{"answered", Usual, let}, Series{"refused", Refused, refused})
}

// chart is a chart of the period.
func (p Period) chart(id, title string, now time.Time, series ...Series) Chart {
	return Chart{ID: id, Title: title, Since: p.Since(now), Step: p.Step, Series: series}
}

// The words of isolation.
var (
	// attemptTexts say what was tried, around what it was tried at, to those it was tried at. Whether a foreign id was to be
	// read or to be changed is not kept: what is said of it is true of both.
	attemptTexts = map[control.TryKind]phrase{control.ForeignID: {"Tried to reach", "from outside"}, control.Switching: {"Tried to switch to", ""},
		control.ForeignForm: {"Sent a form made for", "from outside"}, control.RefusedWrite: {"Tried to change", "without the right to"}}
	// attemptKinds say it to the operator.
	attemptKinds = map[control.TryKind]string{control.ForeignID: "foreign id", control.Switching: "switch", control.ForeignForm: "form of another organization", control.RefusedWrite: "refused change"}
	entityNames  = map[string]string{control.EntityJob: "a job", control.EntityProposal: "a proposal", control.EntityImport: "an import", control.EntitySearch: "a saved search", control.EntityUndo: "an undo",
		control.EntityNote: "a note", control.EntityMember: "a member", control.EntityOrganization: "this organization", control.EntityPage: "something"}
	breachNames = map[isolation.Kind]string{isolation.Leak: "Leak", isolation.Oracle: "Oracle", isolation.Unproven: "Not proven"}
)

// phrase is a sentence around its object.
type phrase struct{ before, after string }

// attemptWords is what was tried, or the bare kind where there are no words for it. The only thing to do with an undo is to
// undo it.
func attemptWords(kind control.TryKind, entity string) (around phrase, what string) {
	around, ok := attemptTexts[kind]
	if !ok {
		around.before = string(kind)
	}
	if entity == control.EntityUndo {
		return phrase{"Tried to undo", around.after}, "a change"
	}
	return around, word(entityNames, entity)
}

// word is a word of one of the tables of words, or the bare value where there is none.
func word[K ~string](words map[K]string, value K) string {
	if name, ok := words[value]; ok {
		return name
	}
	return string(value)
}

// proofVerdict is what a proof found, in a sentence.
func proofVerdict(ok bool, leaks, oracles int) string {
	switch {
	case ok:
		return "Nothing got through."
	case leaks+oracles > 0:
		return "Something got through."
	}
	return "Nothing got through, but not everything could be proven."
}

// proofTook is how long a proof took.
func proofTook(ms int) string {
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}

// latency is how long a query took, to two digits.
func latency(d time.Duration) string {
	switch {
	case d <= 0:
		return "unknown"
	case d < time.Millisecond:
		return grouped(d.Microseconds()) + " µs"
	case d < time.Second:
		return string(appendTenths(nil, d.Microseconds()/100)) + " ms"
	}
	return string(appendTenths(nil, d.Milliseconds()/100)) + " s"
}
