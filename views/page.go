// Package views draws the pages. It takes the nouns as they are; a page has a struct only where it shows more than one.
package views

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/db/proposal"
)

// Shell is what stands around the content of every page.
type Shell struct {
	Title         string
	Section       string // which entry of the navigation is current: jobs, proposals, organization, organizations, one of the operator's, or empty
	PersonName    string // empty: nobody is signed in
	PersonEmail   string
	Token         string    // of the session, for its forms
	Tenant        uuid.UUID // zero: no organization is active
	TenantName    string
	Role          db.Role
	Administers   bool             // the directory has the person as admin or owner of the active organization
	Alarm         bool             // somebody tries to reach its data, and no admin has looked yet: said to those who administer it
	Operator      bool             // the person may open the operator's pages
	Organizations []control.Choice // of the switcher, last used first
	Sandbox       bool             // sign-in is the stand-in's
	Message       string           // what the last write did; empty for none
	Undo          string           // where to post to take it back; empty: it cannot be
	Now           time.Time        // relative times count from here
	Return        string           // path and query of this page, to come back to
}

// Errors are messages beside the fields they are about, by the field's name. "" is about the whole form.
type Errors map[string]string

// OrganizationsPage lists where a person works, and makes a new organization.
type OrganizationsPage struct {
	Shell
	Search string
	List   []control.Organization
	Name   string // typed for a new organization
	Errors Errors // name
}

// Invitation is an organization that waits for the person's answer.
type Invitation struct {
	Organization string
	Role         db.Role
	URL          string // on the sign-in service's host, where it is accepted; may be empty
}

// InvitationsPage lists what a person is invited to.
type InvitationsPage struct {
	Shell
	List []Invitation
}

// JobsFilter is the filter of the jobs list as it was typed: all of it stands in the address, under the names of Fields.
type JobsFilter struct {
	Query      string
	Triage     string
	Contract   string
	MinPay     string // in US dollars
	Country    string // a name or two letters
	Age        string // in days
	Experience string
	Skills     string // with commas: all of them
	AnySkills  string // with commas: one of them
	Rating     string // in stars
	MinSpent   string // in US dollars
	Verified   string // anything: yes
	Proposals  string // at most
	Format     string // of the import
	Assignee   string // a member's id, or nobody
	Draft      string // yes or no
	Sort       string
}

// FilterField is one field of a JobsFilter by its name in the address.
type FilterField struct {
	Name  string
	Value *string
}

// Fields are all fields of f, in the order of the address.
func (f *JobsFilter) Fields() [17]FilterField {
	return [...]FilterField{{"q", &f.Query}, {"triage", &f.Triage}, {"contract", &f.Contract}, {"pay", &f.MinPay}, {"country", &f.Country}, {"age", &f.Age},
		{"experience", &f.Experience}, {"skills", &f.Skills}, {"any", &f.AnySkills}, {"rating", &f.Rating}, {"spent", &f.MinSpent}, {"verified", &f.Verified},
		{"proposals", &f.Proposals}, {"from", &f.Format}, {"assignee", &f.Assignee}, {"draft", &f.Draft}, {"sort", &f.Sort}}
}

// JobsPage is the jobs list.
type JobsPage struct {
	Shell
	Filter   JobsFilter
	Errors   Errors // pay, spent, country
	Rows     []job.Row
	Next     string // address of the next page; empty on the last
	First    string // address of the first page; empty on the first
	Searches []job.Search
	Formats  []string        // that jobs were imported from
	Members  []member.Choice // those who have left included
}

// ChangePage says what a change of all jobs that match would do.
type ChangePage struct {
	Shell
	Do       string // a state of triage, or assign
	Assignee string // a member's id; empty: nobody
	Address  string // of the list, behind "?"
	Back     string // where it was asked for
	Members  []member.Choice
	Will     int // that would change, of the first job.MaxSet and one that match
	Same     int // that are so already
	Stuck    int // that cannot go there from where they are
}

// matching is how many jobs match; one more than job.MaxSet stands for any number above it.
func (p ChangePage) matching() int { return p.Will + p.Same + p.Stuck }

// names are the members' by their ids.
func (p *JobsPage) names() map[uuid.UUID]string {
	all := make(map[uuid.UUID]string, len(p.Members))
	for _, c := range p.Members {
		all[c.ID] = c.Name
	}
	return all
}

// JobPage is one job.
type JobPage struct {
	Shell
	Job       job.Job
	Proposals []proposal.Row
	Notes     []job.Note
	Typed     TypedNote // of a form that was refused
	Reason    string    // why to skip it, of a form that was refused
	Sightings []job.Sighting
	Activity  []audit.Entry
	Members   []member.Choice // whom the job can be assigned to
	CanWrite  bool            // the member may triage, note and write proposals
	Errors    Errors          // reason, note
}

// skippable tells whether the page has a form to skip the job.
func (p JobPage) skippable() bool { return p.CanWrite && job.CanMove(p.Job.Triage, job.Skipped) }

// kept is what was typed into a form that the page does not have any more: the job has moved on.
func (p JobPage) kept() []KeptField {
	if p.Errors["reason"] == "" || p.skippable() {
		return nil
	}
	return []KeptField{{"reason", p.Reason}}
}

// TypedNote is a note as it was typed.
type TypedNote struct {
	ID   uuid.UUID // of the note that is changed; zero: a new one
	Text string
}

// note is what stands in the field of a note: what was typed, or else what is kept.
func (p JobPage) note(id uuid.UUID, kept string) string {
	if p.Errors["note"] != "" && p.Typed.ID == id {
		return p.Typed.Text
	}
	return kept
}

// noteErrors are the problems of one note's form.
func (p JobPage) noteErrors(id uuid.UUID) Errors {
	if p.Typed.ID != id || p.Errors["note"] == "" {
		return nil
	}
	return Errors{noteField(id): p.Errors["note"]}
}

// noteField is the id of the field of a note.
func noteField(id uuid.UUID) string { return "note-" + id.String() }

// ImportPage takes an upload.
type ImportPage struct {
	Shell
	Text     string // pasted
	Errors   Errors // text, file, or ""
	Recent   []job.Import
	CanWrite bool
}

// ImportResultPage shows row by row what an import will do, or did.
type ImportResultPage struct {
	Shell
	Import   job.Import
	Rows     []job.ImportRow
	CanWrite bool
}

// ProposalsPage is the proposals list.
type ProposalsPage struct {
	Shell
	Status string
	Mine   bool
	Rows   []proposal.Row
	Next   string
	First  string
}

// BoardPage is the proposals by status.
type BoardPage struct {
	Shell
	Mine  bool
	Cards []proposal.Card // in the order of the board
}

// of are the cards of one status.
func (p BoardPage) of(s proposal.Status) (cards []proposal.Card) {
	for _, c := range p.Cards {
		if c.Status == s {
			cards = append(cards, c)
		}
	}
	return cards
}

// EditorFields are the fields of the editor as they were typed.
type EditorFields struct {
	Letter    string
	Answers   []proposal.Answer // fields answer-0, answer-1, …
	Bid       string
	BidAmount string // in US dollars
}

// Told is what was typed beside a change of status that was refused.
type Told struct{ Note, LossReason, ContractValue string }

// EditorPage is the proposal editor: the job beside the letter.
type EditorPage struct {
	Shell
	Job         job.Job
	Proposal    proposal.Row
	Fields      EditorFields
	Told        Told
	Kept        []KeptField // what was typed into a form that was refused and that the page has no field for
	Errors      Errors      // letter, answer-N, bid, bid_amount, note, loss_reason, contract_value, or ""
	Versions    []proposal.Version
	Events      []proposal.Event
	Transitions []proposal.Transition // that this member may make now
	CanWrite    bool
}

// Asks tells whether a form of the page has a field for what another form of it has sent.
func (p EditorPage) Asks(field string) bool {
	switch field {
	case "note", "loss_reason", "contract_value":
		return p.CanWrite && slices.ContainsFunc(p.Transitions, func(t proposal.Transition) bool { return asked(t) == field })
	}
	return p.CanWrite && p.Proposal.Status.Editable()
}

// asked is the field that a change of status asks to be told in; empty for none.
func asked(t proposal.Transition) string {
	switch {
	case t.Note:
		return "note"
	case t.To == proposal.Declined:
		return "loss_reason"
	case t.To == proposal.Hired:
		return "contract_value"
	}
	return ""
}

// ConflictPage shows two texts of one proposal that were written at the same time.
type ConflictPage struct {
	Shell
	Proposal proposal.Row
	Mine     EditorFields // what was just sent, kept
	Theirs   EditorFields // what is saved now
	SavedBy  string       // who saved it
}

// HistoryPage shows what changed between two versions of a proposal's text.
type HistoryPage struct {
	Shell
	Proposal proposal.Row
	Versions []proposal.Version // newest first; what is being typed comes before them all
	New, Old int                // of Versions; Old may be past their end: nothing
	CanWrite bool
}

// older is the text that the newer one is compared with; nothing before the first version.
func (p HistoryPage) older() proposal.Version {
	if p.Old < len(p.Versions) {
		return p.Versions[p.Old]
	}
	return proposal.Version{}
}

// ErrorPage says what happened, what was kept, and what to do next.
type ErrorPage struct {
	Shell
	Status    int
	Heading   string
	Text      string
	Action    string // label of the link that leads on
	Link      string
	RequestID string
	Kept      []KeptField // what was typed into the form that failed
}

// WrongTenantPage keeps what was written for one organization after the session had moved to another.
type WrongTenantPage struct {
	Shell
	WrittenFor     string // its name, or empty when the person is not in it
	WrittenForID   uuid.UUID
	Kept           []KeptField
	WrittenForPath string // where it was written
}

// OwnPage offers the switch to the one of the person's organizations that has what a link leads to.
type OwnPage struct {
	Shell
	Name string // of that organization
	ID   uuid.UUID
	Path string // the link
}

// KeptField is one field of a form that was refused.
type KeptField struct{ Name, Value string }
