package upwork

import (
	"fmt"
	"sort"
	"time"
)

// upworkGraphQL reads an answer of Upwork's GraphQL API to a search for job postings: any field of data that has edges.
// Amounts are texts in rawValue, and "0.0" stands for none. Countries come as names or ISO 3166-1 alpha-3 codes.
// See https://www.upwork.com/developer/documentation/graphql/api/docs/index.html.
type upworkGraphQL struct{}

func (upworkGraphQL) Format() (name, people string) {
	return "upwork-graphql", "Upwork GraphQL search result"
}

func (upworkGraphQL) Recognises(d Document) bool {
	_, hasData := d.object()["data"]
	_, failed := d.object()["errors"].([]any)
	_, _, found := searchResult(d)
	return found || hasData && failed
}

func (upworkGraphQL) Read(d Document, now time.Time) (string, []Row, error) {
	_, edges, found := searchResult(d)
	if !found {
		return "", nil, graphQLFailed(d)
	}
	rows, err := rowsOf(edges, now, func(edge object) facts { return graphQLNode(edge.object("node")) })
	return "", rows, err
}

// searchResult finds the first field of data, by name, that holds edges.
func searchResult(d Document) (field string, edges []any, ok bool) {
	data := d.object().object("data")
	fields := make([]string, 0, len(data))
	for name := range data {
		fields = append(fields, name)
	}
	sort.Strings(fields)
	for _, name := range fields {
		if edges, ok := data.object(name)["edges"].([]any); ok {
			return name, edges, true
		}
	}
	return "", nil, false
}

func graphQLFailed(d Document) *Error {
	message := "no reason given"
	for _, item := range d.object().items("errors") {
		if o, ok := item.(map[string]any); ok && known(object(o).text("message")) != "" {
			message = short(cleanLine(object(o).text("message")), 200)
			break
		}
	}
	return &Error{Kind: SourceFailed, Message: fmt.Sprintf("Upwork answered with an error: %s. Nothing was imported.", message)}
}

func graphQLNode(o object) facts {
	client := o.object("client")
	return facts{
		ids: []string{o.text("ciphertext"), o.text("id")}, title: o.text("title"), description: o.text("description"),
		contract: graphQLContract(o), currency: graphQLCurrency(o), budget: o.object("amount").text("rawValue"),
		hourlyMin: o.object("hourlyBudgetMin").text("rawValue"), hourlyMax: o.object("hourlyBudgetMax").text("rawValue"),
		experience: o.text("experienceLevel"), duration: o.first("durationLabel", "duration"), workload: o.text("engagement"),
		category: o.text("category"), skills: graphQLSkills(o), proposals: o.text("totalApplicants"),
		country: client.object("location").text("country"), city: client.object("location").text("city"),
		verified: client.text("verificationStatus"), rating: client.text("totalFeedback"), reviews: client.text("totalReviews"),
		spent: client.object("totalSpent").text("rawValue"), hires: client.text("totalHires"), jobsPosted: client.text("totalPostedJobs"),
		posted: o.text("publishedDateTime"), created: o.text("createdDateTime"),
	}
}

// graphQLContract names the contract where the amounts cannot tell it: an hourly job may have no rates.
func graphQLContract(o object) string {
	if amount, err := parsePay(o.object("amount").text("rawValue")); err == nil && positive(amount.high) != nil {
		return "fixed"
	}
	switch o.text("hourlyBudgetType") {
	case "MANUAL", "DEFAULT":
		return "hourly"
	}
	return ""
}

func graphQLCurrency(o object) string {
	for _, field := range []string{"amount", "hourlyBudgetMin", "hourlyBudgetMax"} {
		if c := o.object(field).text("currency"); c != "" {
			return c
		}
	}
	return ""
}

func graphQLSkills(o object) []string {
	var skills []string
	for _, item := range o.items("skills") {
		if skill, ok := item.(map[string]any); ok {
			skills = append(skills, object(skill).first("prettyName", "name"))
		}
	}
	return skills
}
