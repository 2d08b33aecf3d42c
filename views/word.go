package views

import (
	"strconv"
	"strings"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/proposal"
)

// The words of the enums, each in one table.
var (
	contractNames   = map[job.Contract]string{"": "unknown", job.Hourly: "Hourly", job.Fixed: "Fixed price"}
	payUnknown      = map[job.Contract]string{"": "Pay unknown", job.Hourly: "Hourly, rate unknown", job.Fixed: "Fixed, budget unknown"}
	experienceNames = map[job.Experience]string{job.Entry: "Entry level", job.Intermediate: "Intermediate", job.Expert: "Expert"}
	durationNames   = map[job.Duration]string{"": "unknown", job.UnderOneMonth: "Less than 1 month", job.OneToThree: "1 to 3 months", job.ThreeToSix: "3 to 6 months", job.OverSixMonths: "More than 6 months"}
	workloadNames   = map[job.Workload]string{"": "unknown", job.Under30: "Less than 30 hrs/week", job.Over30: "30+ hrs/week", job.Unsure: "Hours not sure"}
	triageNames     = map[job.Triage]string{job.New: "New", job.Shortlisted: "Shortlisted", job.Drafting: "Drafting", job.Applied: "Applied", job.Skipped: "Skipped", job.Archived: "Archived"}
	triageActions   = map[job.Triage]string{job.New: "Back to new", job.Shortlisted: "Shortlist", job.Drafting: "Mark as drafting", job.Applied: "Mark as applied", job.Skipped: "Skip", job.Archived: "Archive"}
	outcomeNames    = map[job.Outcome]string{job.RowNew: "New", job.RowUpdated: "Updated", job.RowSame: "Known already", job.RowFailed: "Not usable"}
	statusNames     = map[proposal.Status]string{proposal.Draft: "Draft", proposal.InReview: "In review", proposal.Approved: "Approved", proposal.Submitted: "Submitted", proposal.Viewed: "Viewed",
		proposal.Interview: "Interview", proposal.Offer: "Offer", proposal.Hired: "Hired", proposal.Declined: "Declined", proposal.Withdrawn: "Withdrawn", proposal.Archived: "Archived"}
	statusActions = map[proposal.Status]string{proposal.Draft: "Back to draft", proposal.InReview: "Send to review", proposal.Approved: "Approve", proposal.Submitted: "I sent it on Upwork", proposal.Viewed: "Client viewed it",
		proposal.Interview: "Interview", proposal.Offer: "Offer received", proposal.Hired: "Hired", proposal.Declined: "Declined", proposal.Withdrawn: "Withdraw", proposal.Archived: "Archive"}
	bidUnits    = map[proposal.Bid]string{proposal.HourlyBid: "/h", proposal.FixedBid: " fixed"}
	originNotes = map[string]string{"restore": ", restored", "merge": ", merged from two texts", "typing": ", being typed"}
	roleNames   = map[db.Role]string{db.Owner: "Owner", db.Admin: "Admin", db.Manager: "Manager", db.MemberRole: "Member", db.Viewer: "Viewer"}
	stateNames  = map[place.State]string{place.Active: "", place.Copying: "", place.ReadOnly: "read only", place.Suspended: "suspended", place.Incoming: "not open yet", place.Moved: "moved", place.Erasing: "being erased"}
	eventNames  = map[string]string{"job.triaged": "Triage", "jobs.triaged": "Triage of many", "job.assigned": "Assigned", "jobs.assigned": "Assigned, many", "jobs.undone": "Undone",
		"jobs.imported": "Imported", "import.previewed": "Import previewed", "import.undone": "Import undone", "search.saved": "Search saved", "search.opened": "Search opened",
		"search.renamed": "Search renamed", "search.deleted": "Search deleted", "search.default": "Search to begin with", "member.joined": "Member joined", "member.removed": "Member removed",
		"isolation.attempt": "Attempt to reach data", "isolation.alert": "Alert", "isolation.alerts_seen": "Alerts seen", "jobs.loaded": "Jobs loaded", "proposals.loaded": "Proposals loaded",
		"proposal.started": "Proposal started", "proposal.opened": "Proposal opened", "proposal.typed": "Proposal typed", "proposal.saved": "Proposal saved", "proposal.moved": "Proposal",
		"organization.named": "Organization named", "note.added": "Note added", "note.edited": "Note changed", "note.deleted": "Note deleted"}
	fieldNames = map[string]string{"letter": "Cover letter", "bid": "Bid", "bid_amount": "Amount in US dollars", "reason": "Why it is skipped", "note": "Note", "loss_reason": "Why it was lost",
		"contract_value": "Contract value in US dollars", "text": "Content to import", "name": "Name"}
)

// levels are the choices of the level of experience.
var levels = []choice{{string(job.Entry), experienceNames[job.Entry]}, {string(job.Intermediate), experienceNames[job.Intermediate]}, {string(job.Expert), experienceNames[job.Expert]}}

// ages are the choices of the age filter, in days.
var ages = []choice{{"1", "24 hours"}, {"3", "3 days"}, {"7", "7 days"}, {"14", "14 days"}, {"30", "30 days"}}

// sorts are the orders of the jobs list.
var sorts = []choice{{"", "Newest first"}, {"pay", "Best pay first"}, {"quiet", "Fewest proposals first"}}

// counts are the choices of how many proposals a job has at most.
var counts = []choice{{"5", "up to 5"}, {"10", "up to 10"}, {"15", "up to 15"}, {"20", "up to 20"}, {"50", "up to 50"}}

// stars are the choices of how a client is rated at least.
var stars = []choice{{"3", "3 stars"}, {"4", "4 stars"}, {"4.5", "4.5 stars"}, {"4.8", "4.8 stars"}}

// changeQuestion asks for what a change of many jobs would do.
func changeQuestion(p ChangePage) string {
	return changeButton(p) + "?"
}

// changeButton says what a change of many jobs would do.
func changeButton(p ChangePage) string {
	n := jobs(min(p.Will, job.MaxSet))
	if p.Do != "assign" {
		return map[job.Triage]string{job.New: "Make " + n + " new again", job.Shortlisted: "Shortlist " + n, job.Skipped: "Skip " + n, job.Archived: "Archive " + n}[job.Triage(p.Do)]
	}
	for _, m := range p.Members {
		if m.ID.String() == p.Assignee {
			return "Assign " + n + " to " + m.Name
		}
	}
	return "Assign " + n + " to nobody"
}

// changeCount says how many jobs a change would take.
func changeCount(p ChangePage) string {
	if p.Will == 1 {
		return "1 job will be changed."
	}
	return itoa(min(p.Will, job.MaxSet)) + " jobs will be changed."
}

func jobs(n int) string {
	if n == 1 {
		return "1 job"
	}
	return itoa(n) + " jobs"
}

func jobsAre(n int) string {
	if n == 1 {
		return "1 is"
	}
	return itoa(n) + " are"
}

func stay(n int) string {
	if n == 1 {
		return "stays"
	}
	return "stay"
}

// StatusName is what a status is called.
func StatusName(s proposal.Status) string { return statusNames[s] }

// experience is the level that a client asks for.
func experience(e job.Experience) string {
	if name, ok := experienceNames[e]; ok {
		return name
	}
	return "Level unknown"
}

// together says who else is here.
func together(names []string) string {
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return names[0] + " is here too"
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " are here too"
	}
}

// comma is a name before what follows it; nothing when nobody is known.
func comma(name string) string {
	if name == "" {
		return ""
	}
	return name + ", "
}

// known is s, or that it is unknown.
func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// fieldName is the label of a field in the form that it came from.
func fieldName(name string) string {
	if label, ok := fieldNames[name]; ok {
		return label
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "answer-")); err == nil && n >= 0 {
		return "Answer " + strconv.Itoa(n+1)
	}
	return name
}

// eventName is what an audit row's event is called, with the change when it tells of one.
func eventName(event string, detail map[string]any) string {
	name, ok := eventNames[event]
	if !ok {
		name = event
	}
	from, _ := detail["from"].(string)
	to, _ := detail["to"].(string)
	if to == "" {
		return name
	}
	if from == "" {
		return name + ": " + stepName(to)
	}
	return name + ": " + stepName(from) + " → " + stepName(to)
}

// stepName is what a state of triage or a status of a proposal is called.
func stepName(s string) string {
	if name, ok := triageNames[job.Triage(s)]; ok {
		return name
	}
	return statusNames[proposal.Status(s)]
}
