package demo

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed content/*.txt
var content embed.FS

// fields are the files of briefs.
var fields = []string{"backend", "frontend", "mobile", "data", "operations", "design", "ai", "writing", "media"}

// brief is one kind of job with one letter that answers it. "{thing}" in a title stands for the client.
type brief struct {
	field, name     string
	suits           []string // the kinds of clients that may post it; none for all
	titles          []string
	category        string
	skills          []string
	hourly, fixed   [2]int // dollars, lowest and highest
	problem, detail string
	wants           []string
	ask, answer     string   // a screening question and what the letter's writer answers
	letter          []string // paragraphs
}

// client is who posts a job.
type client struct {
	kinds               []string
	thing, introduction string
}

// town is where a client is.
type town struct {
	country string
	cities  []string
}

// library is the embedded content.
type library struct {
	briefs  []brief
	clients []client
	towns   []town
	phrases map[string][]string
}

// readLibrary parses the embedded files. They are part of the program: a mistake in them is a mistake in the program.
func readLibrary() library {
	l := library{phrases: map[string][]string{}}
	for _, field := range fields {
		l.briefs = append(l.briefs, readBriefs(field)...)
	}
	for _, line := range lines("client") {
		kinds, rest := split(line, " | ")
		thing, introduction := split(rest, " | ")
		l.clients = append(l.clients, client{strings.Fields(kinds), thing, introduction})
	}
	for _, line := range lines("place") {
		country, cities := split(line, " ")
		l.towns = append(l.towns, town{country, strings.Split(cities, "|")})
	}
	for _, line := range lines("phrase") {
		group, phrase := split(line, ": ")
		l.phrases[group] = append(l.phrases[group], phrase)
	}
	return l
}

// lines returns the lines of a file without comments and empty ones.
func lines(name string) []string {
	data, err := content.ReadFile("content/" + name + ".txt")
	if err != nil {
		panic(fmt.Sprintf("demo: %v", err))
	}
	var kept []string
	for _, line := range strings.Split(string(data), "\n") {
		if line != "" && line[0] != '#' {
			kept = append(kept, line)
		}
	}
	return kept
}

func split(line, separator string) (string, string) {
	before, after, ok := strings.Cut(line, separator)
	if !ok {
		panic(fmt.Sprintf("demo: no %q in %q", separator, line))
	}
	return before, after
}

func readBriefs(field string) []brief {
	var briefs []brief
	for _, line := range lines(field) {
		if line[0] == '[' {
			briefs = append(briefs, brief{field: field, name: strings.Trim(line, "[]")})
			continue
		}
		name, value := split(line, ": ")
		briefs[len(briefs)-1].set(name, value)
	}
	return briefs
}

// set takes one line of a brief.
func (b *brief) set(name, value string) {
	texts := map[string]*string{"category": &b.category, "problem": &b.problem, "detail": &b.detail, "ask": &b.ask, "answer": &b.answer}
	lists := map[string]*[]string{"title": &b.titles, "want": &b.wants, "letter": &b.letter}
	ranges := map[string]*[2]int{"hourly": &b.hourly, "fixed": &b.fixed}
	switch {
	case texts[name] != nil:
		*texts[name] = value
	case lists[name] != nil:
		*lists[name] = append(*lists[name], value)
	case ranges[name] != nil:
		*ranges[name] = dollars(value)
	case name == "skills":
		b.skills = strings.Split(value, ", ")
	case name == "for":
		b.suits = strings.Fields(value)
	default:
		panic(fmt.Sprintf("demo: a brief has no %q", name))
	}
}

// suited returns the clients that may post a brief.
func (l library) suited(b brief) []client {
	var some []client
	for _, c := range l.clients {
		if len(b.suits) == 0 || slices.ContainsFunc(b.suits, func(kind string) bool { return slices.Contains(c.kinds, kind) }) {
			some = append(some, c)
		}
	}
	return some
}

func dollars(s string) [2]int {
	low, high := split(s, "-")
	a, errA := strconv.Atoi(low)
	b, errB := strconv.Atoi(high)
	if errA != nil || errB != nil || a > b {
		panic(fmt.Sprintf("demo: %q is no range", s))
	}
	return [2]int{a, b}
}
