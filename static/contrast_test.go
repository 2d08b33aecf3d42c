package static

import (
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// pair is a token's colour in the light and in the dark theme.
type pair [2]string

// token finds "--name: light-dark(#rrggbb, #rrggbb)", with the accent class in front where there is one.
var token = regexp.MustCompile(`(?:\.(accent-\d+) \{ )?--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`)

func palette(t *testing.T) map[string]pair {
	t.Helper()
	css, err := os.ReadFile("app.css")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]pair{}
	for _, m := range token.FindAllStringSubmatch(string(css), -1) {
		name := m[2]
		if m[1] != "" {
			name = m[1]
		}
		found[name] = pair{m[3], m[4]}
	}
	return found
}

// luminance is WCAG 2.2's relative luminance of "#rrggbb".
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(colour[1:], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	channel := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// A browser test sees only the organization that is on the screen; this sees all twelve colours, in both themes.
func TestEveryColourCanBeReadOnWhatItStandsOn(t *testing.T) {
	t.Parallel()
	colours := palette(t)
	type rule struct {
		front string
		backs []string
		least float64 // WCAG 2.2, 1.4.3 for text and 1.4.11 for the edges of controls, focus rings and marks
	}
	surfaces := []string{"page", "card", "raised"}
	rules := []rule{
		{"ink", surfaces, 4.5}, {"soft", surfaces, 4.5}, {"link", surfaces[:2], 4.5}, {"bad", surfaces[:2], 4.5}, {"busy", surfaces[:2], 4.5},
		{"good", []string{"good-back"}, 4.5}, {"busy", []string{"busy-back"}, 4.5}, {"bad", []string{"bad-back"}, 4.5}, {"new", []string{"new-back"}, 4.5},
		{"edge", surfaces, 3},
	}
	for i := range 12 {
		accent := fmt.Sprintf("accent-%d", i)
		rules = append(rules, rule{"on-accent", []string{accent}, 4.5}, rule{accent, surfaces, 3})
	}
	for _, r := range rules {
		for _, back := range r.backs {
			for theme, name := range []string{"light", "dark"} {
				front, behind := colours[r.front][theme], colours[back][theme]
				if front == "" || behind == "" {
					t.Fatalf("no colour %s or %s among %v", r.front, back, slices.Sorted(maps.Keys(colours)))
				}
				if got := contrast(t, front, behind); got < r.least {
					t.Errorf("%s on %s, %s: %.2f, want %.1f", r.front, back, name, got, r.least)
				}
			}
		}
	}
}
