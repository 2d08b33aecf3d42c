package upwork

import "upwork-ai-agent/db/job"

// money reads the contract and its pay. Sources fill the fields of the other contract with zeros, so amounts count only
// for the contract that the job has, and a zero never does.
func (b *builder) money() {
	p := &b.posting
	contract, inline := parseContract(b.contract)
	if known(b.pay) == "" {
		b.pay = inline
	}
	general := b.amount("pay", b.pay)
	low, high := b.amount("lowest rate", b.hourlyMin), b.amount("highest rate", b.hourlyMax)
	budget := b.amount("budget", b.budget)
	p.Contract = contract
	if p.Contract == "" {
		p.Contract = inferContract(b.pay, low, high, budget)
	}
	switch p.Contract {
	case job.Hourly:
		p.HourlyMin, p.HourlyMax = inOrder(first(low.low, low.high, general.low), first(high.high, high.low, general.high))
	case job.Fixed:
		p.Budget = first(budget.high, general.high)
	default:
		if general.high != nil {
			b.note("It is unclear whether the pay “%s” is by the hour or fixed; it is left unknown.", known(b.pay))
		}
	}
}

// inferContract tells the contract from the amounts that a source gives without naming it.
func inferContract(general string, low, high, budget pay) job.Contract {
	contract, _ := parseContract(general)
	switch {
	case contract != "":
		return contract
	case low.high != nil || high.high != nil:
		return job.Hourly
	case budget.high != nil:
		return job.Fixed
	}
	return ""
}

// amount reads pay; the zero pay is unknown, and so is an amount of 0.
func (b *builder) amount(what, s string) pay {
	if known(s) == "" {
		return pay{}
	}
	if currency := squeeze(b.currency); currency != "" && currency != "usd" {
		b.failed(what, s+" "+b.currency, errForeign)
		return pay{}
	}
	found, err := parsePay(s)
	if err != nil {
		b.failed(what, s, err)
		return pay{}
	}
	found.low, found.high = positive(found.low), positive(found.high)
	return found
}

func positive(cents *int64) *int64 {
	if cents == nil || *cents == 0 {
		return nil
	}
	return cents
}

func first(amounts ...*int64) *int64 {
	for _, a := range amounts {
		if a != nil {
			return a
		}
	}
	return nil
}

func inOrder(low, high *int64) (*int64, *int64) {
	if low != nil && high != nil && *low > *high {
		return high, low
	}
	return low, high
}
