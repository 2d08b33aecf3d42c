package views

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 5, 3, 12, 34, 56, 0, time.UTC)

func values(n int, at map[int]int64) []int64 {
	all := make([]int64, n)
	for i, v := range at {
		all[i] = v
	}
	return all
}

func TestAPeriodEndsWithTheStepThatIsUnderWay(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]string{
		"24h": {"2026-05-02T13:00:00Z", "2026-05-03T12:00:00Z"}, "7d": {"2026-04-26T18:00:00Z", "2026-05-03T12:00:00Z"},
		"30d": {"2026-04-04T00:00:00Z", "2026-05-03T00:00:00Z"}, "": {"2026-05-02T13:00:00Z", "2026-05-03T12:00:00Z"}, "99y": {"2026-05-02T13:00:00Z", "2026-05-03T12:00:00Z"},
	} {
		p := PeriodOf(value, len(Periods))
		since := p.Since(noon)
		last := since.Add(time.Duration(p.steps()-1) * p.Step)
		if got := [2]string{machine(since), machine(last)}; got != want {
			t.Errorf("%q is from %s to %s, want %s", value, got[0], got[1], want)
		}
		if i, ok := p.at(noon, noon); !ok || i != p.steps()-1 {
			t.Errorf("%q: now is in step %d of %d, %v", value, i, p.steps(), ok)
		}
		for name, outside := range map[string]time.Time{"before": since.Add(-time.Nanosecond), "after": since.Add(p.Length)} {
			if i, ok := p.at(noon, outside); ok {
				t.Errorf("%q: what was %s is in step %d", value, name, i)
			}
		}
	}
	if p := PeriodOf("30d", OwnerPeriods); p.Value != "24h" {
		t.Errorf("an owner gets %s", p.Value)
	}
}

func TestTheAxisHoldsEveryBarInRoundNumbers(t *testing.T) {
	t.Parallel()
	for most, want := range map[int64]string{0: "1", 1: "1", 2: "2", 3: "5", 5: "5", 6: "10", 11: "20", 21: "50", 51: "100", 999: "1K", 1001: "2K", 4_999_999: "5M", 1_500_000_000: "2G"} {
		c := Chart{Series: []Series{{Values: []int64{0, most}}}}
		if got := c.lines()[0].value; got != want {
			t.Errorf("the axis of %d ends at %s, want %s", most, got, want)
		}
	}
}

func TestBarsStandOnEachOtherWithinThePlotAndCanBeSeen(t *testing.T) {
	t.Parallel()
	c := Periods[0].chart("x", "Queries", noon, Series{"answered", Usual, values(24, map[int]int64{0: 100, 23: 1})}, Series{"refused", Refused, values(24, map[int]int64{0: 1})})
	got := make([]string, 0, 3)
	for _, b := range c.bars() {
		got = append(got, strings.Join([]string{string(b.mark), b.x, b.width, b.y, b.height, b.title}, " "))
	}
	// 101 of 200: the first bar takes half of the 140 pixels, and what is refused three on top of it.
	want := []string{
		"usual 0.42% 3.33% 80 70 2 May, 13:00–14:00: 100 answered", "refused 0.42% 3.33% 77 3 2 May, 13:00–14:00: 1 refused",
		"usual 96.25% 3.33% 147 3 3 May, 12:00–13:00: 1 answered",
	}
	if !slices.Equal(got, want) {
		t.Errorf("bars\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	full := Chart{Series: []Series{{Values: []int64{1_000_000}}, {Values: []int64{1}}}}
	if got := full.heights(0); !slices.Equal(got, []int64{plotHeight / 2, leastBar}) {
		t.Errorf("heights %v", got)
	}
	full.Series[1].Values[0] = 0
	if got := full.heights(0); !slices.Equal(got, []int64{plotHeight, 0}) {
		t.Errorf("heights %v", got)
	}
	brim := Chart{Series: []Series{{Values: []int64{999_999}}, {Values: []int64{1}}}}
	if got := brim.heights(0); !slices.Equal(got, []int64{plotHeight - leastBar, leastBar}) {
		t.Errorf("heights %v", got)
	}
}

func TestTheTableBesideAChartHasItsNumbers(t *testing.T) {
	t.Parallel()
	c := Periods[1].chart("x", "Queries", noon, Series{"answered", Usual, values(28, map[int]int64{3: 7, 27: 1234})}, Series{"refused", Refused, values(28, map[int]int64{5: 2})})
	if got := c.filled(); !slices.Equal(got, []int{27, 5, 3}) {
		t.Errorf("rows for steps %v", got)
	}
	if got := c.span(27); got != "3 May, 12:00–18:00" {
		t.Errorf("the last step is %s", got)
	}
	if got := c.description(); got != "From 26 Apr 2026, 18:00 UTC to now. 1,241 answered in all. 2 refused in all. The highest bar stands for 1,234." {
		t.Error(got)
	}
	if c.empty() || !(Chart{Series: []Series{{Values: values(24, nil)}}}).empty() {
		t.Error("what is empty is not told from what is not")
	}
}

func TestTicksSayDaysOverDaysAndHoursOverADay(t *testing.T) {
	t.Parallel()
	for i, want := range []string{"13:00 21:00 05:00 now", "26 Apr 29 Apr 1 May now", "4 Apr 14 Apr 24 Apr now"} {
		p, got := Periods[i], []string{}
		for _, k := range p.chart("x", "X", noon, Series{Values: make([]int64, p.steps())}).ticks() {
			got = append(got, k.text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", p.Value, got, want)
		}
	}
}
