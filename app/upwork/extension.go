package upwork

import (
	"fmt"
	"time"
)

// extensionV3 reads the webhook of the browser extension “Upwork Job Scraper” by richardadonnell, version 3: an envelope
// with a status and the jobs of one search target. Any status but "success" reports that collecting failed.
type extensionV3 struct{}

func (extensionV3) Format() (name, people string) {
	return "extension-v3", "Upwork Job Scraper extension, version 3"
}

func (extensionV3) Recognises(d Document) bool {
	_, jobs := d.object()["jobs"].([]any)
	return d.object().text("status") != "" && (jobs || d.object().text("targetName") != "")
}

func (extensionV3) Read(d Document, now time.Time) (string, []Row, error) {
	o := d.object()
	target := o.text("targetName")
	if status := o.text("status"); status != "success" {
		return target, nil, extensionFailed(target, status, o.first("message", "reason"))
	}
	rows, err := rowsOf(o.items("jobs"), now, extensionJob)
	return target, rows, err
}

func extensionFailed(target, status, message string) *Error {
	text := fmt.Sprintf("The extension could not collect jobs for “%s”: %s", short(cleanLine(target), 80), short(cleanLine(status), 40))
	if message = short(cleanLine(message), 200); message != "" && message != status {
		text += " (" + message + ")"
	}
	return &Error{Kind: SourceFailed, Message: text + ". Nothing was imported."}
}

func extensionJob(o object) facts {
	f := facts{
		ids: o.texts("uid"), url: o.text("url"), title: o.text("title"), description: o.text("description"),
		contract: o.text("jobType"), pay: o.text("budget"), experience: o.text("experienceLevel"),
		skills: o.texts("skills"), proposals: o.text("proposals"),
		verified: o.text("paymentVerified"), rating: o.text("clientRating"), spent: o.text("clientTotalSpent"),
		posted: o.text("datePosted"),
	}
	if scraped, ok := parseTime(o.text("scrapedAt")); ok {
		f.scraped = scraped.at
	}
	exact := o.first("postedAtIso", "postedAtMs")
	switch o.text("postedAtSource") {
	case "upwork_absolute", "":
		f.created, f.posted = f.posted, exact
	case "relative_estimate":
		f.estimated = exact
	} // "fallback_scraped_at" is the time of the visit, which tells nothing
	return f
}
