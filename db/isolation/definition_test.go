package isolation_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
)

var update = flag.Bool("update", false, "write what the migrations make as definitions.txt")

func TestTheDefinitionsAreWhatTheMigrationsMake(t *testing.T) {
	t.Parallel()
	all, err := isolation.Define(t.Context(), dbtest.Own(t).DB, "main")
	if err != nil {
		t.Fatal(err)
	}
	var made strings.Builder
	for _, d := range all {
		made.WriteString(d.Object + "\t" + d.Text + "\n")
	}
	const file = "definitions.txt"
	if *update {
		if err := os.WriteFile(file, []byte(made.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || made.String() != string(want) {
		t.Errorf("the migrations make something else than %s (%v); `make golden` accepts it", file, err)
		for i, line := range strings.Split(made.String(), "\n") {
			if !strings.Contains(string(want), line+"\n") {
				t.Errorf("line %d: %s", i+1, line)
			}
		}
	}
}
