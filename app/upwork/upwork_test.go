package upwork_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"upwork-ai-agent/app/upwork"
	"upwork-ai-agent/db/job"
)

var update = flag.Bool("update", false, "write the golden files anew")

// importedAt is the time of every import in these tests.
var importedAt = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// goldenRow is a row as a golden file shows it: the error as text, unknown values left out.
type goldenRow struct {
	Position int
	Title    string
	Err      string         `json:",omitempty"`
	Notes    []string       `json:",omitempty"`
	Posting  map[string]any `json:",omitempty"`
}

func TestEveryFixtureReadsAsItsGoldenFileSays(t *testing.T) {
	t.Parallel()
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			batch, err := upwork.Read(read(t, path), importedAt)
			if err != nil {
				t.Fatal(err)
			}
			got := golden(t, batch)
			goldenPath := path + ".golden"
			if *update {
				if err := os.WriteFile(goldenPath, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := read(t, goldenPath); string(got) != string(want) {
				t.Errorf("differs from %s:\n%s", goldenPath, got)
			}
		})
	}
}

func fixtures(t testing.TB) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.json", "*.csv", "*.tsv"} {
		found, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no fixtures %s: %v", pattern, err)
		}
		paths = append(paths, found...)
	}
	return paths
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, b upwork.Batch) []byte {
	t.Helper()
	rows := make([]goldenRow, len(b.Rows))
	for i, r := range b.Rows {
		rows[i] = goldenRow{Position: r.Position, Title: r.Title, Notes: r.Notes}
		if r.Err != nil {
			rows[i].Err = r.Err.Error()
			continue
		}
		rows[i].Posting = known(t, r.Posting)
	}
	data, err := json.MarshalIndent(map[string]any{"Format": b.Format, "FormatName": b.FormatName, "Source": b.Source, "Rows": rows}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func known(t *testing.T, p job.Posting) map[string]any {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for name, v := range all {
		if v == nil || v == "" || v == false && strings.HasPrefix(name, "Spent") || name == "DescriptionTruncated" && v == false {
			delete(all, name)
		}
	}
	return all
}

func TestOneJobHasOneKeyInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"vollna_webhook.json", "extension_v3.json", "upwork_graphql.json", "kaymen99.csv", "joshslade.tsv", "excel_semicolon.csv"} {
		batch, err := upwork.Read(read(t, filepath.Join("testdata", name)), importedAt)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p := batch.Rows[0].Posting
		if p.ExternalKey != "upwork:2050861570460031848" || p.URL != "https://www.upwork.com/jobs/~022050861570460031848" {
			t.Errorf("%s: key %q, address %q", name, p.ExternalKey, p.URL)
		}
	}
}

func TestAFileThatCannotBeReadSaysWhy(t *testing.T) {
	t.Parallel()
	csvRows := "title,url\n" + strings.Repeat("A job,\n", upwork.MaxRows)
	jsonRows := `{"filter":{},"projects":[` + strings.Repeat(`{"title":"A"},`, upwork.MaxRows)
	cases := []struct {
		name, data string
		kind       upwork.Kind
		says       string
	}{
		{"nothing", "", upwork.Empty, "empty"},
		{"white space", " \n\t\r\n ", upwork.Empty, "empty"},
		{"only a byte order mark", "\ufeff", upwork.Empty, "empty"},
		{"a header alone", "title,url\n", upwork.Empty, "no jobs"},
		{"no projects", `{"filter":{},"projects":[]}`, upwork.Empty, "no jobs"},
		{"too large a file", strings.Repeat(" ", upwork.MaxBytes+1), upwork.TooLarge, "32 MB"},
		{"one row too many in a table", csvRows + "A job,\n", upwork.TooLarge, "5000 jobs"},
		{"one row too many in a list", jsonRows + `{"title":"A"}]}`, upwork.TooLarge, "5000 jobs"},
		{"ten thousand levels", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), upwork.TooLarge, "64 levels"},
		{"ten thousand open objects", strings.Repeat(`{"a":`, 10_000), upwork.TooLarge, "line 1, column 321"},
		{"a NUL byte", "title,url\nA\x00B,\n", upwork.NotText, "Line 2, column 2"},
		{"Latin-1", "title,url\nCaf\xe9,\n", upwork.NotText, "Line 2, column 4"},
		{"UTF-16", "\xff\xfet\x00i\x00", upwork.NotText, "UTF-16"},
		{"JSON without its end", `{"filter":{},` + "\n" + `"projects":[{"title":"A"}`, upwork.Broken, "line 2, column 26: it ends too early"},
		{"JSON with a stray comma", "{\"filter\":{},\n  ,\"projects\":[]}", upwork.Broken, "line 2, column 3"},
		{"JSON with a tail", `{"filter":{},"projects":[]} x`, upwork.Broken, "after its end"},
		{"a table with an open quotation mark", "title,url\n\"A,\n", upwork.Broken, "quotation mark"},
		{"JSON Lines", "{\"a\":1}\n{\"a\":2}", upwork.Unrecognised, "JSON Lines with the fields a"},
		{"an unknown object", `{"hello":1,"world":2}`, upwork.Unrecognised, "the fields hello, world"},
		{"an unknown list", `[{"hello":1}]`, upwork.Unrecognised, "a JSON list of objects with the fields hello"},
		{"a list of numbers", `[1,2]`, upwork.Unrecognised, "a JSON list with 2 items"},
		{"a page", "<html><body>", upwork.Unrecognised, "HTML or XML"},
		{"prose", "Dear client,\nI am \"great\" at this.", upwork.Unrecognised, "Dear client"},
		{"a table without a title", "url,skills\nx,y\n", upwork.Unrecognised, "the columns url, skills"},
		{"a title alone", "title\nA\n", upwork.Unrecognised, "Vollna webhook"},
		{"the extension stopped by a captcha", `{"status":"captcha_required","type":"issue","targetName":"Go jobs","message":"Solve it"}`, upwork.SourceFailed, "“Go jobs”: captcha_required (Solve it)"},
		{"the extension logged out", `{"status":"logged_out","targetName":"Go jobs","jobs":[]}`, upwork.SourceFailed, "logged_out"},
		{"an error of the API", `{"data":null,"errors":[{"message":"Missing scope"}]}`, upwork.SourceFailed, "Missing scope"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := upwork.Read([]byte(c.data), importedAt)
			var e *upwork.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %#v, want kind %q and %q", err, c.kind, c.says)
			}
		})
	}
}

func TestTheLastAllowedRowIsRead(t *testing.T) {
	t.Parallel()
	batch, err := upwork.Read([]byte("title,url\n"+strings.Repeat("A job,\n", upwork.MaxRows)), importedAt)
	if err != nil || len(batch.Rows) != upwork.MaxRows || batch.Rows[upwork.MaxRows-1].Position != upwork.MaxRows {
		t.Errorf("got %d rows, %v", len(batch.Rows), err)
	}
}

func TestOverLongTextIsCutOrRefused(t *testing.T) {
	t.Parallel()
	row := func(title, description string) upwork.Row {
		data, err := json.Marshal(map[string]any{"filter": map[string]any{}, "projects": []any{map[string]any{"title": title, "description": description}}})
		if err != nil {
			t.Fatal(err)
		}
		batch, err := upwork.Read(data, importedAt)
		if err != nil {
			t.Fatal(err)
		}
		return batch.Rows[0]
	}
	if r := row(strings.Repeat("é", upwork.MaxTitle), strings.Repeat("ü", upwork.MaxDescription)); r.Err != nil || r.Posting.DescriptionTruncated || len(r.Notes) > 0 {
		t.Errorf("at the limit: %v, truncated %v, %v", r.Err, r.Posting.DescriptionTruncated, r.Notes)
	}
	if r := row(strings.Repeat("é", upwork.MaxTitle+1), ""); r.Err == nil {
		t.Error("a title beyond the limit was taken")
	}
	r := row("A", strings.Repeat("ü", upwork.MaxDescription+1))
	if n := utf8.RuneCountInString(r.Posting.Description); n != upwork.MaxDescription || !r.Posting.DescriptionTruncated || len(r.Notes) != 1 {
		t.Errorf("beyond the limit: %d characters, truncated %v, %v", n, r.Posting.DescriptionTruncated, r.Notes)
	}
}

func TestRowsOfOneJobStaySeparate(t *testing.T) {
	t.Parallel()
	batch, err := upwork.Read([]byte("title,url\nA,~022050861570460031848\nB,~022050861570460031848\n"), importedAt)
	if err != nil || len(batch.Rows) != 2 || batch.Rows[0].Posting.ExternalKey != batch.Rows[1].Posting.ExternalKey {
		t.Errorf("got %v, %v", batch.Rows, err)
	}
}

func TestAJobWithoutIDIsKnownByItsWords(t *testing.T) {
	t.Parallel()
	batch, err := upwork.Read([]byte("title,description\nA  job,Some text\na JOB,some\u00a0 text\nA job,Other text\n"), importedAt)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := batch.Rows[0].Posting.ExternalKey, batch.Rows[1].Posting.ExternalKey, batch.Rows[2].Posting.ExternalKey
	if a != b || a == c || !strings.HasPrefix(a, "hash:") || len(a) != len("hash:")+64 {
		t.Errorf("keys %s, %s, %s", a, b, c)
	}
}

func FuzzRead(f *testing.F) {
	for _, path := range fixtures(f) {
		f.Add(read(f, path))
	}
	f.Add([]byte(`{"status":"captcha_required","targetName":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		batch, err := upwork.Read(data, importedAt)
		var e *upwork.Error
		if err != nil && (!errors.As(err, &e) || e.Message == "" || !utf8.ValidString(e.Message)) {
			t.Fatalf("an error that is not for people: %#v", err)
		}
		for _, r := range batch.Rows {
			if r.Title == "" || r.Position < 1 || r.Position > upwork.MaxRows {
				t.Fatalf("row %d is called %q", r.Position, r.Title)
			}
			if r.Err == nil {
				checkPosting(t, r.Posting)
			}
		}
	})
}

// checkPosting fails when a posting breaks what the database and the pages rely on.
func checkPosting(t *testing.T, p job.Posting) {
	t.Helper()
	texts := append([]string{p.Title, p.Description, p.Category, p.City, p.ExternalKey, p.URL}, append(p.Skills, p.Questions...)...)
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			t.Errorf("unclean text %q", s)
		}
	}
	for _, cents := range []*int64{p.HourlyMin, p.HourlyMax, p.Budget, p.AvgHourly} {
		if cents != nil && (*cents <= 0 || *cents > 1e12) {
			t.Errorf("an amount of %d cents", *cents)
		}
	}
	for _, n := range []*int{p.Connects, p.ProposalsMin, p.ProposalsMax, p.Reviews, p.Hires, p.JobsPosted, p.HireRate, p.Rating} {
		if n != nil && (*n < 0 || *n > 10_000_000) {
			t.Errorf("a count of %d", *n)
		}
	}
	for broken, is := range map[string]bool{
		"title":         p.Title == "" || utf8.RuneCountInString(p.Title) > upwork.MaxTitle || strings.Contains(p.Title, "\n"),
		"description":   utf8.RuneCountInString(p.Description) > upwork.MaxDescription,
		"key":           p.ExternalKey == "",
		"address":       p.URL != "" && !strings.HasPrefix(strings.ToLower(p.URL), "https://www.upwork.com") && !strings.HasPrefix(strings.ToLower(p.URL), "https://upwork.com"),
		"long address":  len(p.URL) > 2000,
		"rates":         p.HourlyMin != nil && p.HourlyMax != nil && *p.HourlyMin > *p.HourlyMax,
		"proposals":     p.ProposalsMin == nil && p.ProposalsMax != nil || p.ProposalsMax != nil && *p.ProposalsMin > *p.ProposalsMax,
		"country":       p.Country != "" && (len(p.Country) != 2 || strings.ToUpper(p.Country) != p.Country),
		"spent":         p.Spent != nil && (*p.Spent < 0 || *p.Spent > 1e12) || p.SpentFloor && p.Spent == nil,
		"rating":        p.Rating != nil && (*p.Rating < 1 || *p.Rating > 500),
		"hire rate":     p.HireRate != nil && *p.HireRate > 100,
		"lists":         len(p.Skills) > upwork.MaxSkills || len(p.Questions) > upwork.MaxQuestions,
		"pay":           p.Contract != job.Hourly && (p.HourlyMin != nil || p.HourlyMax != nil) || p.Contract != job.Fixed && p.Budget != nil,
		"date":          p.PostedAt.Year() < 2003 || p.PostedAt.After(importedAt.Add(24*time.Hour)) || p.PostedAt.Location() != time.UTC,
		"origin":        p.PostedAtSource == "",
		"precision":     p.PostedAt.Nanosecond()%1000 != 0,
		"relative time": p.PostedAtSource == job.FromImport && !p.PostedAt.Equal(importedAt),
	} {
		if is {
			t.Errorf("broken %s: %s", broken, fmt.Sprintf("%+v", p))
		}
	}
}

func TestDetailsOfATable(t *testing.T) {
	t.Parallel()
	batch, err := upwork.Read([]byte("title,url,job type,start rate,end rate,posted\n"+
		"Rates in the wrong order,,hourly,70,45,\n"+
		"A day and an id,~022050861570460031848,,,,2026-05-03\n"+
		"A name before the host,https://www.upwork.com@evil.example/jobs/x,,,,\n"+
		"Another port,https://www.upwork.com:8443/jobs/x,,,,\n"+
		"An address that grows when it is escaped,https://www.upwork.com/jobs/"+strings.Repeat("é", 900)+",,,,\n"+
		"A host that only looks alike,https://www.upwork.com.evil.example/jobs/x,,,,\n"), importedAt)
	if err != nil {
		t.Fatal(err)
	}
	if p := batch.Rows[0].Posting; *p.HourlyMin != 4500 || *p.HourlyMax != 7000 {
		t.Errorf("rates %d to %d", *p.HourlyMin, *p.HourlyMax)
	}
	if p := batch.Rows[1].Posting; p.PostedAtSource != job.FromID || p.PostedAt.Hour() != 8 {
		t.Errorf("posted %v, %s", p.PostedAt, p.PostedAtSource)
	}
	for _, r := range batch.Rows[2:] {
		if r.Posting.URL != "" {
			t.Errorf("%s: address %s", r.Title, r.Posting.URL)
		}
	}
}
