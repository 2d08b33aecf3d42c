package bench_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/job"
)

// BenchmarkSeal measures what the policy's look at the gate costs a query inside a backend: the same planned point look-up with
// and without it, many times in one transaction, in turns.
func BenchmarkSeal(b *testing.B) {
	f := prepare(b)
	var one job.Job
	look := f.listen(b, func(v *db.View) { job.Get(v, f.job, &one) }).work()[0].SQL
	const turns, most = 41, 12
	with, without := make([]float64, turns), make([]float64, turns)
	for i := range turns {
		with[i], without[i] = f.looks(b, f.naive, look), f.looks(b, f.tuned, look)
	}
	slices.Sort(with)
	slices.Sort(without)
	seal := with[turns/2] - without[turns/2]
	fmt.Printf("\npoint look-up in a backend, median µs: %.1f without the seal, %.1f with it: %.1f  ≤ %d %s\n", without[turns/2], with[turns/2], seal, most, said(seal <= most))
}

// looks is how many µs one of many look-ups takes.
func (f *field) looks(b *testing.B, from *pgxpool.Pool, look string) (took float64) {
	b.Helper()
	ctx := b.Context()
	err := pgx.BeginFunc(ctx, from, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT app.set_tenant($1, $2)", f.tenant.ID, f.Token(f.tenant.ID, f.tenant.Epoch)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf(`
			DO $look$
			DECLARE
			  began timestamptz := clock_timestamp();
			  found record;
			BEGIN
			  FOR i IN 1..1000 LOOP
			    SELECT * INTO STRICT found FROM (%s) AS look;
			  END LOOP;
			  PERFORM set_config('bench.took', (extract(epoch FROM clock_timestamp() - began) * 1000)::text, true); -- µs of one
			END
			$look$`, strings.NewReplacer("$1", "'"+f.tenant.ID.String()+"'", "$2", "'"+f.job.String()+"'").Replace(look))); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT current_setting('bench.took')::float8").Scan(&took)
	})
	if err != nil {
		b.Fatal(err)
	}
	return took
}
