package isolation_test

import (
	"testing"
	"time"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
)

func TestASoundInstallationIsProven(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	began := time.Now()
	r, err := isolation.Prove(t.Context(), d.DB, isolation.ProofOptions{Embedded: true, Progress: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d checks in %s", r.Checks, time.Since(began))
	for _, b := range r.Breaches {
		t.Error(b)
	}
	for _, x := range r.Attacks {
		t.Logf("%-30s %d", x.Name, x.Checks)
	}
	t.Logf("%+v", r.Paths)
}
