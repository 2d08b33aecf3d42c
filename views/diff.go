package views

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/sergi/go-diff/diffmatchpatch"

	"upwork-ai-agent/db/proposal"
)

// change is a piece of text that was kept, taken away or added.
type change struct {
	kind changeKind
	text string
}

type changeKind int8

const (
	kept changeKind = iota
	removed
	added
)

// changeKinds are those of a change by what the library calls them.
var changeKinds = map[diffmatchpatch.Operation]changeKind{diffmatchpatch.DiffEqual: kept, diffmatchpatch.DiffDelete: removed, diffmatchpatch.DiffInsert: added}

// changes compares two texts word by word. Together its pieces without those added are old, and without those removed, new.
func changes(old, new string) []change {
	var dictionary []string
	numbers := map[string]rune{}
	a, b := spell(old, &dictionary, numbers), spell(new, &dictionary, numbers)
	differ := diffmatchpatch.New()
	differ.DiffTimeout = 200 * time.Millisecond // then it is coarser, and still right
	var all []change
	for _, d := range differ.DiffCleanupSemantic(differ.DiffMainRunes(a, b, false)) {
		var text strings.Builder
		for _, r := range d.Text {
			text.WriteString(dictionary[index(r)])
		}
		all = append(all, change{changeKinds[d.Type], text.String()})
	}
	return all
}

// spell gives every word of a text a rune, the same to the same word.
func spell(s string, dictionary *[]string, numbers map[string]rune) []rune {
	var runes []rune
	for _, w := range words(s) {
		r, known := numbers[w]
		if !known {
			r = rune(len(*dictionary)) + 1
			if r >= surrogates {
				r += surrogateCount // they stand for no character
			}
			numbers[w], *dictionary = r, append(*dictionary, w)
		}
		runes = append(runes, r)
	}
	return runes
}

// The code points that no text holds.
const (
	surrogates     = 0xD800
	surrogateCount = 0x800
)

func index(r rune) int {
	if r >= surrogates {
		r -= surrogateCount
	}
	return int(r) - 1
}

// words cuts a text into words and what stands between them, one character each.
func words(s string) []string {
	var all []string
	start := 0
	for i, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) {
			continue
		}
		if i > start {
			all = append(all, s[start:i])
		}
		start = i + len(string(r))
		all = append(all, s[i:start])
	}
	if start < len(s) {
		all = append(all, s[start:])
	}
	return all
}

// part is one part of a proposal's text in two states.
type part struct{ name, label, mine, theirs string }

// parts are those of two states of a proposal's text, beside each other. Questions are the proposal's: they never change.
func parts(mine, theirs EditorFields) []part {
	all := []part{{"letter", "Cover letter", mine.Letter, theirs.Letter}}
	for i, n := 0, max(len(mine.Answers), len(theirs.Answers)); i < n; i++ {
		p := part{name: "answer-" + itoa(i)}
		if i < len(theirs.Answers) {
			p.label, p.theirs = theirs.Answers[i].Question, theirs.Answers[i].Answer
		}
		if i < len(mine.Answers) {
			p.label, p.mine = mine.Answers[i].Question, mine.Answers[i].Answer
		}
		all = append(all, p)
	}
	return append(all, part{"bid", "Bid", bidText(mine), bidText(theirs)})
}

// differing are the parts that are not the same, with line ends aside.
func differing(all []part) []part {
	var some []part
	for _, p := range all {
		if plain(p.mine) != plain(p.theirs) {
			some = append(some, p)
		}
	}
	return some
}

func plain(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// bidText is a bid as it stands in the fields.
func bidText(f EditorFields) string {
	switch {
	case f.Bid == "" && f.BidAmount == "":
		return "Not decided"
	case f.BidAmount == "":
		return bidNames[f.Bid]
	}
	return strings.TrimSpace(bidNames[f.Bid] + " " + amountText(f.BidAmount))
}

// amountText is an amount as it stands in its field: like any other amount where it is one, else as it was typed.
func amountText(typed string) string {
	v, err := strconv.ParseFloat(typed, 64)
	if err != nil || !(0 <= v && v < 1e12) || strconv.FormatFloat(v, 'f', 2, 64) != typed {
		return "$" + strings.TrimPrefix(typed, "$")
	}
	return dollars(int64(math.Round(v * 100)))
}

var bidNames = map[string]string{"hourly": "Hourly rate", "fixed": "Fixed price"}

// FieldsOf is a text as the fields of the editor have it.
func FieldsOf(t proposal.Text) EditorFields {
	f := EditorFields{Letter: t.Letter, Answers: t.Answers, Bid: string(t.Bid)}
	if t.BidAmount != nil {
		f.BidAmount = strconv.FormatFloat(float64(*t.BidAmount)/100, 'f', 2, 64)
	}
	return f
}

// firstSight is about how much of a letter a client sees in the list of proposals, in UTF-16 code units.
const firstSight = 200

// preview is the part of a letter that a client sees first: on one line, cut at a word where there is one.
func preview(letter string) string {
	line := strings.Join(strings.Fields(letter), " ")
	n := 0
	for i, r := range line {
		if n += utf16.RuneLen(r); n > firstSight {
			if cut := strings.LastIndexByte(line[:i], ' '); cut > 0 && i-cut < 30 {
				i = cut
			}
			return line[:i] + "…"
		}
	}
	return line
}
