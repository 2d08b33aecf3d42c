package upwork

import "time"

// vollnaWebhook reads what Vollna's job webhook delivers: a filter and its new projects, in snake case.
// See https://www.vollna.com/docs. Client details and questions may be null.
type vollnaWebhook struct{}

func (vollnaWebhook) Format() (name, people string) { return "vollna-webhook", "Vollna webhook" }

func (vollnaWebhook) Recognises(d Document) bool {
	_, projects := d.object()["projects"].([]any)
	_, filter := d.object()["filter"].(map[string]any)
	return projects && filter
}

func (vollnaWebhook) Read(d Document, now time.Time) (string, []Row, error) {
	rows, err := rowsOf(d.object().items("projects"), now, vollnaProject)
	return d.object().object("filter").text("name"), rows, err
}

func vollnaProject(o object) facts {
	client := o.object("client_details")
	f := facts{
		url: o.text("url"), title: o.text("title"), description: o.text("description"),
		contract: o.text("budget_type"), pay: o.text("budget"),
		experience: o.text("experience_level"), duration: o.text("duration"),
		questions: o.texts("questions"), posted: o.text("published"),
		skills:    splitList(o.text("skills"), ","),
		country:   client.object("country").first("iso_code2", "name"),
		rating:    client.text("rating"),
		reviews:   client.text("reviews"),
		hires:     client.text("total_hires"),
		spent:     client.text("total_spent"),
		avgHourly: client.text("avg_hourly_rate_paid"), memberSince: client.text("registered_at"),
	}
	if c := o.texts("categories"); len(c) > 0 {
		f.category = c[0]
	}
	return f
}
