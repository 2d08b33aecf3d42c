package isolation

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Summary is the line that matters.
func (r Report) Summary() string {
	verdict := "Nothing crosses."
	if !r.OK {
		verdict = "NOT PROVEN."
	}
	return fmt.Sprintf("%s %d checks, %d leaks, %d oracles, %d unproven, in %.1f s on %s (Postgres %s).", verdict, r.Checks, r.Leaks, r.Oracles, r.Unproven,
		float64(r.TookMS)/1000, r.Started.Format(time.RFC1123), r.ServerVersion)
}

// Untried says what no proof tries, because row-level security cannot hold it: Postgres puts a condition that calls no function,
// and the search of an index, before any policy.
func (Report) Untried() string {
	return "what Postgres asks before any policy: a condition that calls no function, such as whether a column is empty, true, or one of the " +
		"texts of a given list; and an index. From whether a sub-select behind one is run, somebody who can write whole statements learns, " +
		"without seeing a row, whether some organization has such a row. The application binds every value that somebody typed and builds " +
		"no statement from one."
}

// String is the report for a terminal: the summary, what was proven on what, and a line for each breach.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d attacks and positive controls on %d objects, from %d contexts:\n\n", r.Summary(), len(r.Attacks), len(r.Objects), len(r.Contexts))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, p := range r.Paths {
		if p.Proven {
			fmt.Fprintf(w, "path\t%s\t%d checks\t\n", p.Name, p.Checks)
		} else {
			fmt.Fprintf(w, "path\t%s\tnot proven\t%s\n", p.Name, p.Note)
		}
	}
	for _, part := range []struct {
		name string
		all  []Tally
	}{{"context", r.Contexts}, {"attack", r.Attacks}} {
		for _, t := range part.all {
			fmt.Fprintf(w, "%s\t%s\t%d checks\t%s\n", part.name, t.Name, t.Checks, counted(t.Breaches))
		}
	}
	for _, t := range r.Objects {
		fmt.Fprintf(w, "%s\t%s\t%d checks\t%s\n", t.Kind, t.Name, t.Checks, counted(t.Breaches))
	}
	_ = w.Flush() // into memory: it cannot fail
	for _, x := range r.Breaches {
		fmt.Fprintf(&b, "\n%s", x)
	}
	if more := r.Leaks + r.Oracles + r.Unproven - len(r.Breaches); more > 0 {
		fmt.Fprintf(&b, "\nand %d more", more)
	}
	fmt.Fprintf(&b, "\n\nNot tried: %s", r.Untried())
	return strings.TrimRight(b.String(), "\n")
}

func counted(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d findings", n)
}
