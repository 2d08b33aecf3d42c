package tally

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// target is what a statement does to which table: the one that it writes, or else the first that it reads.
type target struct{ table, operation string }

// statement is what a text says. It has no target when it is about no table of a home.
type statement struct {
	target *target
	gate   bool // it asks the gate first: no row means that the gate did not open
}

// maxStatements is how many texts are remembered. Ours are a few hundred constants and the variants of two filters; what
// comes beyond is read anew each time, so that texts without end cost time and no memory.
const maxStatements = 4096

// statements remembers what each text says.
type statements struct {
	known   sync.Map // text -> *statement
	n       atomic.Int64
	targets sync.Map // target -> *target
}

func (s *statements) of(sql string) *statement {
	if known, ok := s.known.Load(sql); ok {
		return known.(*statement)
	}
	read := s.read(sql)
	if s.n.Load() < maxStatements {
		if _, loaded := s.known.LoadOrStore(strings.Clone(sql), read); !loaded {
			s.n.Add(1)
		}
	}
	return read
}

// longestName is how long a table's name can be in Postgres, in bytes.
const longestName = 63

func (s *statements) read(sql string) *statement {
	t, gate := read(sql)
	if t.table == "" || len(t.table) > longestName {
		return &statement{}
	}
	return &statement{target: s.target(t), gate: gate}
}

// target is the one address of what t says.
func (s *statements) target(t target) *target {
	one, _ := s.targets.LoadOrStore(t, &t)
	return one.(*target)
}

// verbs are the operations. A word is one only where a statement begins: UPDATE after FOR or DO is none.
var verbs = []string{"select", "insert", "update", "delete", "merge"}

// reader goes through the tokens of one text.
type reader struct {
	tokens []string // words in lower case, and single signs
	named  []string // what WITH names: no tables
	gate   bool
}

// read finds what a text does to which table. A write wins over the reads within it.
func read(sql string) (t target, gate bool) {
	r := &reader{tokens: tokens(sql)}
	for i := range r.tokens {
		r.name(i)
	}
	for i, w := range r.tokens {
		if !slices.Contains(verbs, w) || i > 0 && r.tokens[i-1] != "(" && r.tokens[i-1] != ")" {
			continue
		}
		switch {
		case w != "select":
			return target{r.written(i), w}, false
		case t.operation == "":
			t = target{r.firstRead(i), w}
		}
	}
	return t, r.gate && t.table != ""
}

// name notes a name that WITH gives, at i: WITH x AS (, or another one after a comma.
func (r *reader) name(i int) {
	if r.tokens[0] == "with" && i > 0 && r.at(i) == "as" && (r.at(i+1) == "(" || r.at(i+1) == "materialized") {
		r.named = append(r.named, r.at(i-1))
	}
}

// written is the table that the verb at i writes: INSERT INTO x, UPDATE x, DELETE FROM x, MERGE INTO x, ONLY or not.
func (r *reader) written(i int) string {
	for i++; r.at(i) == "into" || r.at(i) == "from" || r.at(i) == "only"; i++ {
	}
	return r.at(i)
}

// firstRead is the first table that is read from i on: one of the statement itself, or else of what stands in its
// parentheses.
func (r *reader) firstRead(i int) string {
	own, inner, depth := "", "", 0
	for ; i < len(r.tokens); i++ {
		switch w := r.tokens[i]; {
		case w == "(":
			depth++
		case w == ")":
			depth--
		case w != "from" && w != "join" || r.at(i-1) == "distinct":
		case depth == 0:
			own = cmp.Or(own, r.source(i+1))
		default:
			inner = cmp.Or(inner, r.source(i+1))
		}
	}
	return cmp.Or(own, inner)
}

// source is the table at name, or none: the gate, a function, something of another schema, or what WITH gives.
func (r *reader) source(name int) string {
	for r.at(name) == "only" || r.at(name) == "lateral" {
		name++
	}
	switch {
	case r.at(name) == "app" && r.at(name+1) == "." && r.at(name+2) == "context":
		r.gate = true
		return ""
	case !word(r.at(name)), r.at(name+1) == "(", r.at(name+1) == ".", slices.Contains(r.named, r.at(name)):
		return ""
	}
	return r.at(name)
}

func (r *reader) at(i int) string {
	if i < 0 || i >= len(r.tokens) {
		return ""
	}
	return r.tokens[i]
}

// tokens splits a text into words, in lower case, and signs. A quoted name is a word. Texts in quotes, comments and
// parameters are left out.
func tokens(sql string) (all []string) {
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case c == '\'':
			i = after(sql, i+1, "'")
		case c == '"':
			end := after(sql, i+1, `"`)
			all = append(all, strings.Trim(sql[i:end], `"`))
			i = end
		case strings.HasPrefix(sql[i:], "--"):
			i = after(sql, i, "\n")
		case strings.HasPrefix(sql[i:], "/*"):
			i = after(sql, i+2, "*/")
		case letter(c):
			end := i + 1
			for end < len(sql) && (letter(sql[end]) || sql[end] >= '0' && sql[end] <= '9' || sql[end] == '$') {
				end++
			}
			all = append(all, strings.ToLower(sql[i:end]))
			i = end
		case c == '(' || c == ')' || c == '.' || c == ',':
			all = append(all, string(c))
			i++
		default:
			i++
		}
	}
	return all
}

// after is the position behind the next end, or that of the text's end.
func after(sql string, from int, end string) int {
	if n := strings.Index(sql[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(sql)
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80 }

func word(s string) bool { return s != "" && letter(s[0]) }
