package upwork

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"unicode"
)

var (
	lineBreak = regexp.MustCompile(`(?i)<br\s*/?>|</p>`)
	highlight = regexp.MustCompile(`(?i)</?span(?:\s[^<>]*)?>|<p>`)
	lineEnds  = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	manyLines = regexp.MustCompile(`\n[ \t]*\n(?:[ \t]*\n)+`)
)

// cleanText makes plain text of what sources send: line ends are "\n", the few tags that Upwork itself adds (search
// highlights, line breaks, paragraphs) are gone, HTML entities are characters, control characters are dropped. Other
// tags stay: a post about HTML may quote them. Tags go before entities, so that an escaped tag stays readable text.
func cleanText(s string) string {
	s = highlight.ReplaceAllString(lineBreak.ReplaceAllString(s, "\n"), "")
	s = strings.ToValidUTF8(html.UnescapeString(s), "\uFFFD")
	s = strings.Map(keepPrintable, lineEnds.Replace(s))
	return strings.TrimSpace(manyLines.ReplaceAllString(s, "\n\n"))
}

// keepPrintable drops control characters, byte order marks and the overrides of writing direction, with which a text
// can look like another one.
func keepPrintable(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case unicode.IsControl(r), r == '\ufeff', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return -1
	}
	return r
}

// cleanLine is cleanText on one line.
func cleanLine(s string) string { return strings.Join(strings.Fields(cleanText(s)), " ") }

// cut returns at most n characters and tells whether some are missing.
func cut(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	seen := 0
	for i := range s {
		if seen == n {
			return strings.TrimSpace(s[:i]), true
		}
		seen++
	}
	return s, false
}

// short is cut with an ellipsis.
func short(s string, n int) string {
	if head, more := cut(s, n-1); more && len([]rune(s)) > n {
		return head + "…"
	}
	return s
}

// splitList reads a list out of one text: a JSON or Python list, or items between the first of the separators that occurs.
func splitList(s string, separators ...string) []string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return bracketed(s)
	}
	for _, separator := range separators {
		if strings.Contains(s, separator) {
			return strings.Split(s, separator)
		}
	}
	return []string{s}
}

func bracketed(s string) []string {
	var items []string
	if json.Unmarshal([]byte(s), &items) == nil {
		return items
	}
	items = strings.Split(s[1:len(s)-1], ",")
	for i, item := range items {
		items[i] = strings.Trim(strings.TrimSpace(item), `'"`)
	}
	return items
}
