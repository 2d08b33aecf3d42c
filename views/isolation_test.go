package views

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
)

// constants are the values of the constants in the control plane's source that are of a type, or whose names begin so: a new
// one is among them without being listed here.
func constants(t *testing.T, typed, begin string) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../db/control/attempt.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) == 0 {
			return true
		}
		of, _ := spec.Type.(*ast.Ident)
		if of != nil && of.Name == typed || begin != "" && strings.HasPrefix(spec.Names[0].Name, begin) {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, value)
		}
		return true
	})
	return all
}

func TestEveryKindOfAttemptAtEveryEntityHasWords(t *testing.T) {
	t.Parallel()
	kinds, entities := constants(t, "TryKind", ""), constants(t, "", "Entity")
	if len(kinds) < 4 || len(entities) < 8 {
		t.Fatalf("only %q and %q were found", kinds, entities)
	}
	for _, entity := range entities {
		if entityNames[entity] == "" {
			t.Errorf("%s has no name", entity)
		}
	}
	for _, kind := range kinds {
		if attemptTexts[control.TryKind(kind)].before == "" || attemptKinds[control.TryKind(kind)] == "" {
			t.Errorf("%s has no words", kind)
		}
		for _, entity := range entities {
			var b bytes.Buffer
			if err := attempted(audit.Attempt{Kind: kind, Entity: entity}).Render(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
			if text := b.String(); strings.Contains(text, "Opened") || !strings.HasPrefix(text, "<span>Tried to ") && !strings.HasPrefix(text, "<span>Sent ") {
				t.Errorf("%s of %s is told as more than a try: %s", kind, entity, text)
			}
		}
	}
}

func TestAnAttemptIsToldAsWhatItWas(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]audit.Attempt{
		"Tried to reach a job from outside":                   {Kind: "foreign_id", Entity: "job"},
		"Tried to reach a saved search from outside":          {Kind: "foreign_id", Entity: "search"},
		"Tried to undo a change from outside":                 {Kind: "foreign_id", Entity: "undo"},
		"Tried to undo a change without the right to":         {Kind: "refused_write", Entity: "undo"},
		"Tried to change something without the right to":      {Kind: "refused_write", Entity: "page"},
		"Tried to switch to this organization":                {Kind: "switch", Entity: "organization"},
		"Sent a form made for this organization from outside": {Kind: "form", Entity: "organization"},
		"Tried to change a note without the right to":         {Kind: "refused_write", Entity: "note"},
	} {
		around, what := attemptWords(control.TryKind(a.Kind), a.Entity)
		if got := strings.TrimSpace(around.before + " " + what + " " + around.after); got != want {
			t.Errorf("%s of %s is told as %q, want %q", a.Kind, a.Entity, got, want)
		}
	}
}
