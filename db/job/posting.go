package job

import (
	"reflect"
	"strings"
	"time"
)

// postingColumns are those of Posting, in the order of values.
const postingColumns = `external_key, url, title, description, description_truncated, contract, hourly_min, hourly_max,
	budget, experience, duration, workload, contract_to_hire, category, skills, questions, connects, proposals_min,
	proposals_max, client_country, client_city, client_payment_verified, client_rating, client_reviews, client_spent,
	client_spent_floor, client_hires, client_jobs_posted, client_hire_rate, client_avg_hourly, client_member_since,
	posted_at, posted_at_source`

func (p Posting) values() []any {
	c := p.Client
	return []any{p.ExternalKey, p.URL, p.Title, p.Description, p.DescriptionTruncated, p.Contract, p.HourlyMin, p.HourlyMax,
		p.Budget, p.Experience, p.Duration, p.Workload, p.ContractToHire, p.Category, p.Skills, p.Questions, p.Connects, p.ProposalsMin,
		p.ProposalsMax, c.Country, c.City, c.PaymentVerified, c.Rating, c.Reviews, c.Spent,
		c.SpentFloor, c.Hires, c.JobsPosted, c.HireRate, c.AvgHourly, c.MemberSince,
		p.PostedAt, p.PostedAtSource}
}

// normal brings p into the form in which the database gives it back, so that two postings can be compared.
func (p Posting) normal() Posting {
	p.PostedAt = p.PostedAt.UTC().Truncate(time.Microsecond)
	if p.Skills == nil {
		p.Skills = []string{}
	}
	if p.Questions == nil {
		p.Questions = []string{}
	}
	if m := p.MemberSince; m != nil {
		day := time.Date(m.Year(), m.Month(), m.Day(), 0, 0, 0, 0, time.UTC)
		p.MemberSince = &day
	}
	return p
}

// Merge is what is known after a source has told of a job again: what the newer source says wins, what it does not say
// stays. A shortened description never replaces the whole one, and a date only one of better origin.
func Merge(old, fresh Posting) Posting {
	old, fresh = old.normal(), fresh.normal()
	merged := old
	overlay(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(fresh))
	if isShortened(old.Description, fresh) {
		merged.Description, merged.DescriptionTruncated = old.Description, old.DescriptionTruncated
	} else if fresh.Description != "" {
		merged.DescriptionTruncated = fresh.DescriptionTruncated
	}
	if rank(fresh.PostedAtSource) <= rank(old.PostedAtSource) {
		merged.PostedAt, merged.PostedAtSource = old.PostedAt, old.PostedAtSource
	}
	if fresh.Contract != "" && fresh.Contract != old.Contract {
		merged.HourlyMin, merged.HourlyMax, merged.Budget = fresh.HourlyMin, fresh.HourlyMax, fresh.Budget
	}
	merged.reconcile(fresh)
	return merged
}

// reconcile keeps pairs that are only meaningful together from being mixed out of two sources.
func (p *Posting) reconcile(fresh Posting) {
	if fresh.Spent != nil {
		p.SpentFloor = fresh.SpentFloor
	}
	if fresh.HourlyMin != nil || fresh.HourlyMax != nil {
		p.HourlyMin, p.HourlyMax = fresh.HourlyMin, fresh.HourlyMax
	}
	if fresh.ProposalsMin != nil || fresh.ProposalsMax != nil {
		p.ProposalsMin, p.ProposalsMax = fresh.ProposalsMin, fresh.ProposalsMax
	}
}

// overlay sets every field of dst, embedded structs included, that src knows.
func overlay(dst, src reflect.Value) {
	for i := range src.NumField() {
		field := src.Field(i)
		switch {
		case src.Type().Field(i).Anonymous:
			overlay(dst.Field(i), field)
		case field.Kind() == reflect.Slice:
			if field.Len() > 0 {
				dst.Field(i).Set(field)
			}
		case !field.IsZero():
			dst.Field(i).Set(field)
		}
	}
}

// isShortened tells whether fresh has only the beginning of the description that is known.
func isShortened(old string, fresh Posting) bool {
	start := strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(fresh.Description, "..."), "…"), " \n")
	return len(old) > len(start) && (strings.HasPrefix(old, start) || fresh.DescriptionTruncated)
}

func rank(s PostedAtSource) int {
	return map[PostedAtSource]int{FromSource: 4, FromID: 3, FromRelative: 2, FromImport: 1}[s]
}

// Same tells whether two postings say the same.
func (p Posting) Same(q Posting) bool { return reflect.DeepEqual(p.normal(), q.normal()) }
