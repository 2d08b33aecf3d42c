package views

import (
	"strconv"
	"time"
)

// Chart is how counts went over time: one bar a step, its series on top of each other.
type Chart struct {
	ID     string // unique on its page
	Title  string
	Since  time.Time     // of the first step
	Step   time.Duration // what one bar stands for
	Series []Series
}

// Series is one kind of count, with one value a step.
type Series struct {
	Name   string
	Mark   Mark
	Values []int64
}

// Mark is how a series is drawn. Each is a class of the style sheet.
type Mark string

// The marks there are.
const (
	Usual   Mark = "usual"
	Refused Mark = "refused"
)

// OwnerPeriods is how many of Periods an organization has: its queries are kept by the minute for a week.
const OwnerPeriods = 2

// Period is a choice of the period picker. What it shows ends with the step that is under way.
type Period struct {
	Value  string // in the address
	Name   string
	Length time.Duration
	Step   time.Duration
}

// Periods are the choices, the default first.
var Periods = []Period{
	{"24h", "24 hours", 24 * time.Hour, time.Hour},
	{"7d", "7 days", 7 * 24 * time.Hour, 6 * time.Hour},
	{"30d", "30 days", 30 * 24 * time.Hour, 24 * time.Hour},
}

// PeriodOf is the choice that an address names, among the first n; the default when it names none of them.
func PeriodOf(value string, n int) Period {
	for _, p := range Periods[:n] {
		if p.Value == value {
			return p
		}
	}
	return Periods[0]
}

// Since is when the period's first step begins, in whole steps of UTC.
func (p Period) Since(now time.Time) time.Time {
	return now.UTC().Truncate(p.Step).Add(p.Step - p.Length)
}

// steps is how many steps the period has.
func (p Period) steps() int { return int(p.Length / p.Step) }

// at finds the step that a time belongs to, or false when it is outside.
func (p Period) at(now, t time.Time) (int, bool) {
	since := p.Since(now)
	i := int(t.Sub(since) / p.Step)
	return i, !t.Before(since) && i < p.steps()
}

// Heights of the plot, in CSS pixels. Widths are percentages, so that a chart fits every screen without scaling its text.
const (
	plotTop    = 10
	plotHeight = 140
	leastBar   = 3 // what is there can be seen, however little it is
)

// empty tells whether there is nothing to draw.
func (c Chart) empty() bool { return c.most() == 0 }

// most is the highest bar's sum.
func (c Chart) most() (most int64) {
	for i := range c.steps() {
		most = max(most, c.sum(i))
	}
	return most
}

// steps is how many bars there are.
func (c Chart) steps() int {
	if len(c.Series) == 0 {
		return 0
	}
	return len(c.Series[0].Values)
}

func (c Chart) sum(step int) (sum int64) {
	for _, s := range c.Series {
		sum += s.Values[step]
	}
	return sum
}

// total is a series' sum over all steps.
func (s Series) total() (sum int64) {
	for _, v := range s.Values {
		sum += v
	}
	return sum
}

// top is the end of the axis: the next of 1, 2, 5, 10, 20, 50, … that holds every bar.
func (c Chart) top() int64 {
	most := c.most()
	for scale := int64(1); scale < 1e18; scale *= 10 {
		for _, n := range []int64{1, 2, 5} {
			if n*scale >= most {
				return n * scale
			}
		}
	}
	return most
}

// bar is one rectangle. x and width are percentages of the plot, y and height are pixels.
type bar struct {
	mark      Mark
	x, width  string
	y, height string
	title     string
}

// bars are all of them, each series on top of those before it.
func (c Chart) bars() []bar {
	var all []bar
	n := c.steps()
	for i := range n {
		bottom := int64(plotTop + plotHeight)
		for k, height := range c.heights(i) {
			if height == 0 {
				continue
			}
			s := c.Series[k]
			bottom -= height
			all = append(all, bar{mark: s.Mark, x: percent((float64(i) + .1) / float64(n)), width: percent(.8 / float64(n)),
				y: strconv.FormatInt(bottom, 10), height: strconv.FormatInt(height, 10),
				title: c.span(i) + ": " + grouped(s.Values[i]) + " " + s.Name})
		}
	}
	return all
}

// heights are those of one bar's parts. The first gives way where the least of the others would not fit.
func (c Chart) heights(step int) []int64 {
	top, left := c.top(), int64(plotHeight)
	all := make([]int64, len(c.Series))
	for k := len(c.Series) - 1; k >= 0; k-- {
		if v := c.Series[k].Values[step]; v > 0 {
			all[k] = min(max(int64(float64(v)/float64(top)*plotHeight), leastBar), left)
			left -= all[k]
		}
	}
	return all
}

// line is a line across the plot with its value.
type line struct{ y, value string }

// lines are those of the axis: none, half where that is a whole number, and the top.
func (c Chart) lines() []line {
	top := c.top()
	all := []line{{strconv.Itoa(plotTop), compact(top)}, {strconv.Itoa(plotTop + plotHeight), "0"}}
	if top%2 == 0 {
		all = append(all, line{strconv.Itoa(plotTop + plotHeight/2), compact(top / 2)})
	}
	return all
}

// tick is a time under the plot.
type tick struct{ x, anchor, text string }

// ticks are four times, the first at the left edge, and now at the right.
func (c Chart) ticks() []tick {
	n := c.steps()
	all := make([]tick, 0, 4)
	for i := 0; i < 3; i++ {
		step := i * n / 3
		anchor := "middle"
		if i == 0 {
			anchor = "start"
		}
		all = append(all, tick{percent(float64(step) / float64(n)), anchor, c.start(step).Format(c.layout())})
	}
	return append(all, tick{"100%", "end", "now"})
}

func (c Chart) start(step int) time.Time { return c.Since.Add(time.Duration(step) * c.Step).UTC() }

// layout is a start in the axis and in the table: the hour where a chart is of hours, else the day.
func (c Chart) layout() string {
	if c.Step*time.Duration(c.steps()) > 48*time.Hour {
		return "2 Jan"
	}
	return "15:04"
}

// span says which time a step stands for.
func (c Chart) span(step int) string {
	from := c.start(step)
	if c.Step >= 24*time.Hour {
		return from.Format("2 Jan")
	}
	return from.Format("2 Jan, 15:04") + "–" + from.Add(c.Step).Format("15:04")
}

// caption is the title with what a bar stands for.
func (c Chart) caption() string { return c.Title + " per " + c.unit() }

// unit is what a bar stands for, in words.
func (c Chart) unit() string {
	switch hours := int(c.Step / time.Hour); hours {
	case 1:
		return "hour"
	case 24:
		return "day"
	default:
		return strconv.Itoa(hours) + " hours"
	}
}

// description says in a sentence what the chart shows, for who does not see it.
func (c Chart) description() string {
	text := "From " + exact(c.Since) + " to now."
	for _, s := range c.Series {
		text += " " + grouped(s.total()) + " " + s.Name + " in all."
	}
	return text + " The highest bar stands for " + grouped(c.most()) + "."
}

// filled are the steps in which there was something, latest first: the rows of the table beside.
func (c Chart) filled() []int {
	var all []int
	for i := c.steps() - 1; i >= 0; i-- {
		if c.sum(i) > 0 {
			all = append(all, i)
		}
	}
	return all
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) + "%" }

// compact is a number of at most four characters, for an axis whose numbers are round.
func compact(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1_000_000_000, "G"}, {1_000_000, "M"}, {1_000, "K"}} {
		if n >= unit.size {
			return strconv.FormatFloat(float64(n)/float64(unit.size), 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}
