package upwork

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	percentCode = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	timedID     = regexp.MustCompile(`~02(\d+)`)
	opaqueID    = regexp.MustCompile(`~01[0-9a-zA-Z]{8,40}`)
	bareTimedID = regexp.MustCompile(`^02(\d{19})$`)
	bareID      = regexp.MustCompile(`^(\d{18,20})$`)
	foldedID    = regexp.MustCompile(`^upwork:(\d{16,20})$`)
	vollnaID    = regexp.MustCompile(`vollna\.com/go\?(?:.*&)?pid=(\d{1,20})(?:[&#]|$)`)
	vollnaKey   = regexp.MustCompile(`^vollna:\d{1,20}$`)
)

// Key folds every form of a job's id or address into one text: "upwork:2050861570460031848" for an id that carries its
// creation time, "upwork:~01…" for an opaque one, "vollna:70000001" for a Vollna link that hides the Upwork id. It
// reads bare ids, ids with "~02", and addresses, also when they are percent-encoded several times within another one.
func Key(s string) (key string, ok bool) {
	s = strings.TrimSpace(s)
	link := s
	for range 6 { // a link within a link within a link
		decoded := percentCode.ReplaceAllStringFunc(s, decodePercent)
		if decoded == s {
			break
		}
		s = decoded
	}
	for _, m := range timedID.FindAllStringSubmatch(s, -1) {
		if n := len(m[1]); n >= 16 && n <= 20 {
			return "upwork:" + m[1], true
		}
	}
	if m := opaqueID.FindString(s); m != "" {
		return "upwork:" + m, true
	}
	for _, form := range []*regexp.Regexp{bareTimedID, bareID, foldedID} {
		if m := form.FindStringSubmatch(s); m != nil {
			return "upwork:" + m[1], true
		}
	}
	return vollna(link)
}

func vollna(s string) (key string, ok bool) {
	if vollnaKey.MatchString(s) {
		return s, true
	}
	if m := vollnaID.FindStringSubmatch(s); m != nil {
		return "vollna:" + m[1], true
	}
	return "", false
}

func decodePercent(code string) string {
	b, err := strconv.ParseUint(code[1:], 16, 8)
	if err != nil {
		return code
	}
	return string([]byte{byte(b)})
}

// idEpoch is where the clock within an Upwork id begins, in milliseconds since 1970.
const idEpoch = 1288834974657

// earliest is the oldest date that a posting may have: nothing was posted before there was a marketplace.
var earliest = time.Date(2003, 1, 1, 0, 0, 0, 0, time.UTC)

// PostedAt returns the creation time that an Upwork id carries, in UTC, to the millisecond. It is seconds to minutes
// before publication. Opaque "~01" ids and keys of other sources carry none, nor do numbers that give no likely date.
func PostedAt(key string) (time.Time, bool) {
	digits, ok := strings.CutPrefix(key, "upwork:")
	if !ok {
		return time.Time{}, false
	}
	id, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || len(digits) < 16 {
		return time.Time{}, false
	}
	at := time.UnixMilli(int64(id>>22) + idEpoch).UTC()
	return at, at.Year() >= 2014 && at.Year() < 2100
}

// hashKey is the key of a job without any id: the same words give the same job.
func hashKey(title, description string) string {
	words := strings.Join(strings.Fields(strings.ToLower(title)), " ") + "\n" +
		strings.Join(strings.Fields(strings.ToLower(description)), " ")
	sum := sha256.Sum256([]byte(words))
	return "hash:" + hex.EncodeToString(sum[:])
}
