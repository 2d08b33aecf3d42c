package clerk

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// testdata/suffixed_cases.json.gz is what @clerk/backend 3.25 answers (authenticateContext, usesSuffixedCookies) for every
// mixture of plain and suffixed cookies: absent, older, newer, of another instance, of an old library, and broken.
func TestPlainAndSuffixedCookiesAreChosenAsClerkDoes(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/suffixed_cases.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Kind, Plain, Suffixed, UAT, SuffixedUAT, Names string
		Uses                                           bool
	}
	if err := json.NewDecoder(plain).Decode(&rows); err != nil {
		t.Fatal(err)
	}
	instances := map[string]*instance{"test": start(t, "test"), "live": start(t, "live")}
	uses := 0
	for _, row := range rows {
		i := instances[row.Kind]
		r := httptest.NewRequest(http.MethodGet, testOrigin, nil)
		for name, value := range map[string]string{sessionCookie: row.Plain, uatCookie: row.UAT,
			sessionCookie + "_" + i.suffix: row.Suffixed, uatCookie + "_" + i.suffix: row.SuffixedUAT} {
			if value != "" {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
		}
		want := cookies{session: row.Plain, uat: row.UAT}
		if row.Uses {
			uses++
			want = cookies{session: row.Suffixed, uat: row.SuffixedUAT, suffixed: true}
		}
		if got := i.cookies(r); got != want {
			t.Errorf("%s, plain / suffixed session %s, uat %q / %q: got %+v, want %+v", row.Kind, row.Names, row.UAT, row.SuffixedUAT, got, want)
		}
	}
	if len(rows) != 540 || uses == 0 || uses == len(rows) {
		t.Errorf("%d rows, %d of them suffixed", len(rows), uses)
	}
}
