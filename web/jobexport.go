package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
)

// exportJobs is every job that the list's filter chooses, as a file, in the list's order.
func (h *handlers) exportJobs(c echo.Context) (sheet, error) {
	filter, problems := jobFilter(typedFilter(c.QueryParams()))
	if len(problems) > 0 {
		return sheet{}, db.ErrNotFound
	}
	head := make([]string, len(exportColumns))
	for i, column := range exportColumns {
		head[i] = column.name
	}
	return sheet{
		name: "jobs-" + time.Now().UTC().Format("20060102-1504"), head: head,
		part: func(v *db.View) ([][]string, bool, error) {
			var jobs []job.Exported
			job.Part(v, filter, &jobs)
			if err := v.Load(); err != nil {
				return nil, false, err
			}
			more := len(jobs) > job.PartSize
			if more {
				jobs = jobs[:job.PartSize]
				place := filter.Sort.PlaceOf(&jobs[job.PartSize-1])
				filter.Before = &place
			}
			rows := make([][]string, len(jobs))
			for i := range jobs {
				for _, column := range exportColumns {
					rows[i] = append(rows[i], column.of(&jobs[i]))
				}
			}
			return rows, more, nil
		},
	}, nil
}

// exportColumns are those of the file. What is unknown is empty; money is in US dollars.
var exportColumns = []struct {
	name string
	of   func(*job.Exported) string
}{
	{"id", func(j *job.Exported) string { return j.ID.String() }},
	{"title", func(j *job.Exported) string { return j.Title }},
	{"url", func(j *job.Exported) string { return j.URL }},
	{"posted", func(j *job.Exported) string { return j.PostedAt.UTC().Format(time.RFC3339) }},
	{"triage", func(j *job.Exported) string { return string(j.Triage) }},
	{"skip_reason", func(j *job.Exported) string { return j.SkipReason }},
	{"assigned_to", func(j *job.Exported) string { return j.Assignee }},
	{"contract", func(j *job.Exported) string { return string(j.Contract) }},
	{"hourly_min", func(j *job.Exported) string { return money(j.HourlyMin) }},
	{"hourly_max", func(j *job.Exported) string { return money(j.HourlyMax) }},
	{"budget", func(j *job.Exported) string { return money(j.Budget) }},
	{"experience", func(j *job.Exported) string { return string(j.Experience) }},
	{"duration", func(j *job.Exported) string { return string(j.Duration) }},
	{"workload", func(j *job.Exported) string { return string(j.Workload) }},
	{"category", func(j *job.Exported) string { return j.Category }},
	{"skills", func(j *job.Exported) string { return strings.Join(j.Skills, ", ") }},
	{"connects", func(j *job.Exported) string { return whole(j.Connects) }},
	{"proposals_min", func(j *job.Exported) string { return whole(j.ProposalsMin) }},
	{"proposals_max", func(j *job.Exported) string { return whole(j.ProposalsMax) }},
	{"client_country", func(j *job.Exported) string { return j.Country }},
	{"client_payment_verified", func(j *job.Exported) string {
		if j.PaymentVerified == nil {
			return ""
		}
		return strconv.FormatBool(*j.PaymentVerified)
	}},
	{"client_rating", func(j *job.Exported) string { return hundredths(j.Rating) }},
	{"client_spent", func(j *job.Exported) string { return money(j.Spent) }},
	{"client_hires", func(j *job.Exported) string { return whole(j.Hires) }},
	{"client_hire_rate", func(j *job.Exported) string { return whole(j.HireRate) }},
	{"first_seen", func(j *job.Exported) string { return j.FirstSeenAt.UTC().Format(time.RFC3339) }},
	{"description", func(j *job.Exported) string { return j.Description }},
}

// money is an amount of US cents in dollars; nothing when it is unknown.
func money(cents *int64) string {
	if cents == nil {
		return ""
	}
	return strconv.FormatFloat(float64(*cents)/100, 'f', 2, 64)
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func hundredths(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(float64(*n)/100, 'f', 2, 64)
}
