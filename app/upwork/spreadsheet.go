package upwork

import (
	"fmt"
	"strings"
	"time"
)

// spreadsheet reads a CSV or TSV file by the names of its columns, whatever tool wrote it.
type spreadsheet struct{}

func (spreadsheet) Format() (name, people string) {
	return "csv", "CSV or TSV with a header line that has a title column"
}

// Recognises asks for a title and at least one other known column: any text has a first line.
func (spreadsheet) Recognises(d Document) bool {
	if d.table == nil {
		return false
	}
	title, others := false, 0
	for _, name := range d.table.header {
		switch c, ok := columns[squeeze(name)]; {
		case ok && c.isTitle:
			title = true
		case ok:
			others++
		}
	}
	return title && others > 0
}

func (spreadsheet) Read(d Document, now time.Time) (string, []Row, error) {
	var rows []Row
	for i, cells := range d.table.rows {
		if blank(cells) { // spreadsheets end in lines of separators
			continue
		}
		f := tableFacts(d.table.header, cells)
		if extra := len(cells) - len(d.table.header); extra > 0 && !blank(cells[len(d.table.header):]) {
			rows = append(rows, Row{Position: i + 1, Title: build(i+1, f, now).Title, Err: reason(
				fmt.Sprintf("It has %d cells, but the header has %d. Is a quotation mark missing?", len(cells), len(d.table.header)))})
			continue
		}
		rows = append(rows, build(i+1, f, now))
	}
	return "", rows, nil
}

func blank(cells []string) bool { return strings.TrimSpace(strings.Join(cells, "")) == "" }

// tableFacts puts the cells of a row where the header says. Of two columns for one fact the first with a value counts.
func tableFacts(header, cells []string) facts {
	var f facts
	for i, cell := range cells[:min(len(cells), len(header))] {
		if c, ok := columns[squeeze(header[i])]; ok && !missing(cell) {
			c.set(&f, cell)
		}
	}
	return f
}

// column is what is done with the cells below a header.
type column struct {
	isTitle bool
	set     func(*facts, string)
}

// columns is the table of headers, squeezed to lower-case letters and digits: "Client Country" is "client_country".
var columns = indexColumns()

func indexColumns() map[string]column {
	index := map[string]column{}
	for _, a := range aliases {
		for _, name := range strings.Fields(a.names) {
			index[squeeze(name)] = column{isTitle: a.names == titles, set: a.set}
		}
	}
	return index
}

func one(field func(*facts) *string) func(*facts, string) {
	return func(f *facts, cell string) {
		if at := field(f); *at == "" {
			*at = cell
		}
	}
}

const titles = "title job_title job_name post_title posting_title"

// aliases lists the header names of the sources for each fact.
var aliases = []struct {
	names string
	set   func(*facts, string)
}{
	{titles, one(func(f *facts) *string { return &f.title })},
	{"id uid job_id job_uid upwork_id ciphertext external_key", func(f *facts, s string) { f.ids = append(f.ids, s) }},
	{"url link job_url job_link upwork_url upwork_link external_link href", one(func(f *facts) *string { return &f.url })},
	{"description job_description details snippet summary body", one(func(f *facts) *string { return &f.description })},
	{"proposal_requirements", one(func(f *facts) *string { return &f.requirements })},
	{"job_type type contract contract_type payment_type budget_type pay_type project_type", one(func(f *facts) *string { return &f.contract })},
	{"payment_rate pay pay_rate rate price budget hourly_rate hourly_range", one(func(f *facts) *string { return &f.pay })},
	{"hourly_min start_rate min_rate rate_min hourly_budget_min hourly_rate_min hourly_rate_from", one(func(f *facts) *string { return &f.hourlyMin })},
	{"hourly_max end_rate max_rate rate_max hourly_budget_max hourly_rate_max hourly_rate_to", one(func(f *facts) *string { return &f.hourlyMax })},
	{"job_cost fixed_budget fixed_price fixed_amount fixed_budget_amount fixed_price_budget amount", one(func(f *facts) *string { return &f.budget })},
	{"currency", one(func(f *facts) *string { return &f.currency })},
	{"experience experience_level skill_level tier tier_text level", one(func(f *facts) *string { return &f.experience })},
	{"duration duration_label project_length project_duration job_duration estimated_time", one(func(f *facts) *string { return &f.duration })},
	{"workload engagement hours_per_week weekly_hours", one(func(f *facts) *string { return &f.workload })},
	{"contract_to_hire is_contract_to_hire", one(func(f *facts) *string { return &f.contractToHire })},
	{"category categories category_name job_category", one(func(f *facts) *string { return &f.category })},
	{"skills skill tags required_skills category_1 category_2 category_3 category_4 category_5 category_6 category_7 category_8 category_9",
		func(f *facts, s string) { f.skills = append(f.skills, splitList(s, "\n", "|", ";", ",")...) }},
	{"questions screening_questions", func(f *facts, s string) { f.questions = append(f.questions, splitList(s, "\n", "|")...) }},
	{"connects connects_price connect_price connects_required connects_num new_connects_num", one(func(f *facts) *string { return &f.connects })},
	{"proposals proposals_tier proposals_count number_of_proposals applicants applicants_num total_applicants", one(func(f *facts) *string { return &f.proposals })},
	{"country client_country client_country_code country_code location client_location", one(func(f *facts) *string { return &f.country })},
	{"city client_city", one(func(f *facts) *string { return &f.city })},
	{"verified payment_verified client_payment_verified client_verified payment_situation payment_status payment_method_verified", one(func(f *facts) *string { return &f.verified })},
	{"rating client_rating client_avg_feedback client_feedback feedback client_total_feedback", one(func(f *facts) *string { return &f.rating })},
	{"reviews client_reviews client_total_reviews total_reviews", one(func(f *facts) *string { return &f.reviews })},
	{"spent client_spent total_spent client_total_spent client_total_amount_spent", one(func(f *facts) *string { return &f.spent })},
	{"hires client_hires total_hires client_total_hires", one(func(f *facts) *string { return &f.hires })},
	{"jobs_posted client_jobs_posted client_total_posted_jobs total_posted_jobs client_total_jobs_posted", one(func(f *facts) *string { return &f.jobsPosted })},
	{"hire_rate client_hire_rate", one(func(f *facts) *string { return &f.hireRate })},
	{"avg_hourly_rate client_avg_hourly client_avg_hourly_rate avg_hourly_rate_paid client_avg_hourly_rate_paid client_avg_hourly_paid", one(func(f *facts) *string { return &f.avgHourly })},
	{"member_since client_member_since client_joined_date client_joined registered_at client_registered_at", one(func(f *facts) *string { return &f.memberSince })},
	{"posted posted_at posted_on posted_date post_date date_posted published published_at published_on published_date publish_at publish_date ts_publish", one(func(f *facts) *string { return &f.posted })},
	{"created created_at created_on created_date ts_create", one(func(f *facts) *string { return &f.created })},
	{"scraped scraped_at scraped_on scrape_date", func(f *facts, s string) {
		if m, ok := parseTime(s); ok {
			f.scraped = m.at
		}
	}},
}
