package isolation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
)

// signed is a report of d, and its JSON.
func signed(t *testing.T, d *dbtest.Database) (isolation.Report, []byte) {
	t.Helper()
	r := isolation.Report{OK: true, Checks: 12, Started: time.Now().UTC(), Paths: []isolation.Path{{Name: "direct", Proven: true, Note: "<b>&"}}}
	if err := isolation.Sign(&r, d.DB); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return r, text
}

func TestASignedReportIsVerifiedByItsInstallationOnly(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	_, text := signed(t, d)
	if r, err := isolation.Verify(d.DB, text); err != nil || r.Checks != 12 {
		t.Errorf("%+v, %v", r, err)
	}
	var wide bytes.Buffer
	if err := json.Indent(&wide, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	if _, err := isolation.Verify(d.DB, wide.Bytes()); err != nil {
		t.Errorf("in another layout: %v", err)
	}
	other, err := dbtest.Own(t).Open(t.Context(), bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := isolation.Verify(other, text); err == nil {
		t.Error("another installation takes it for its own")
	}
}

func TestAChangedReportIsRefused(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	_, text := signed(t, d)
	for name, changed := range map[string][]byte{
		"a figure":     bytes.Replace(text, []byte(`"checks":12`), []byte(`"checks":13`), 1),
		"a member":     bytes.Replace(text, []byte(`"ok":true`), []byte(`"ok":true,"ok":true`), 1),
		"no signature": bytes.Replace(text, []byte(`"signature"`), []byte(`"signatory"`), 1),
		"half of it":   text[:len(text)/2],
		"a later one":  bytes.Replace(text, []byte(`"}}`), []byte(`"},"leaks":0}`), 1),
		"nothing":      nil,
	} {
		if r, err := isolation.Verify(d.DB, changed); err == nil {
			t.Errorf("%s: taken for %+v", name, r)
		}
	}
}

func TestASavedProofIsTheLatestAndKeepsItsSignature(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	if _, err := control.LatestProof(t.Context(), d.DB); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("before the first: %v", err)
	}
	if err := (isolation.Report{}).Save(t.Context(), d.DB); err == nil {
		t.Error("a report that nobody signed was kept")
	}
	r, text := signed(t, d)
	if err := r.Save(t.Context(), d.DB); err != nil {
		t.Fatal(err)
	}
	p, err := control.LatestProof(t.Context(), d.DB)
	if err != nil || !p.OK || p.Checks != 12 || !bytes.Equal(p.Report, text) || p.Signature != r.Signature.Value {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := isolation.Verify(d.DB, p.Report); err != nil {
		t.Error(err)
	}
	var lines []control.ProofLine
	err = d.DB.Control(t.Context(), func(tx *db.ControlTx) error { return control.Proofs(t.Context(), tx, 10, &lines) })
	if err != nil || len(lines) != 1 || lines[0].ID != p.ID {
		t.Errorf("%+v, %v", lines, err)
	}
}
