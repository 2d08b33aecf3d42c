package upwork

import (
	_ "embed"
	"strings"
	"unicode"
)

//go:embed country.txt
var countryTable string

// countries maps folded names, ISO 3166-1 alpha-3 and alpha-2 codes to alpha-2 codes.
var countries = readCountries(countryTable)

func readCountries(table string) map[string]string {
	codes := map[string]string{}
	for _, line := range strings.Split(table, "\n") {
		parts := strings.SplitN(line, " ", 3)
		if len(parts) < 3 || parts[0] == "#" {
			continue
		}
		for _, name := range append(strings.Split(parts[2], "|"), parts[0], parts[1]) {
			codes[squeeze(name)] = parts[0]
		}
	}
	return codes
}

// parseCountry turns a country's name or code, alone or beside a city, into its ISO 3166-1 alpha-2 code.
func parseCountry(s string) (code string, ok bool) {
	parts := strings.Split(s, ",")
	for _, candidate := range []string{s, parts[len(parts)-1], parts[0]} {
		if code, ok := countries[squeeze(candidate)]; ok {
			return code, true
		}
	}
	return "", false
}

// squeeze folds a text for comparison: lower-case letters and digits, nothing else.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// Country turns a country's name or code, as a person types it, into its ISO 3166-1 alpha-2 code.
func Country(s string) (code string, ok bool) { return parseCountry(s) }
