// Package isolation looks at a running installation and says whether its isolation holds.
package isolation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"upwork-ai-agent/db/internal/sealed"
)

// ErrUnsafe says that a database may not be served. What it wraps lists the findings.
var ErrUnsafe = errors.New("the database does not keep tenants apart")

// Finding is one thing that is not as it must be, with how to mend it.
type Finding struct {
	Place  string `json:"place"`
	Check  string `json:"check"`  // the name of the check that found it: one of Checks
	Object string `json:"object"` // a role, a table, a schema
	Fault  string `json:"fault"`
	Mend   string `json:"mend"`
}

// Findings is what a posture check found.
type Findings []Finding

// String is one line a finding.
func (f Findings) String() string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = fmt.Sprintf("  %s: %s: %s. To mend it: %s.", x.Place, x.Object, x.Fault, x.Mend)
	}
	return strings.Join(lines, "\n")
}

// Posture checks, in every place, what must hold before a tenant is served: the server's version, that every table of a
// home is under the gate with exactly the listed policies, and that nothing else opens a way around it. It reads catalogs
// only, as the tenant role itself: three statements a place, a few milliseconds.
func Posture(ctx context.Context, d *sealed.DB) (Findings, error) {
	var all Findings
	for _, name := range d.Places() {
		found, err := posture(ctx, d, name)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func posture(ctx context.Context, d *sealed.DB, place string) (Findings, error) {
	var all Findings
	for _, look := range atBoot {
		found, err := look(ctx, d, place)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// atBoot is what Posture looks at in every place.
var atBoot = []func(ctx context.Context, d *sealed.DB, place string) (Findings, error){version, tables, ways}

// ways finds what opens a way around the gate.
func ways(ctx context.Context, d *sealed.DB, place string) (Findings, error) {
	return ask(ctx, d, place, waysAround)
}

// floors is the lowest minor version of each major that has the fixes of row-level security: CVE-2023-2455,
// CVE-2023-39418, CVE-2024-4317, CVE-2024-10976, CVE-2025-8713. Later majors have them from the start.
var floors = map[int]int{15: 14, 16: 10, 17: 6}

func version(ctx context.Context, d *sealed.DB, name string) (Findings, error) {
	var v []struct {
		Number int `db:"number"`
	}
	if err := sealed.Catalog(ctx, d, name, "SELECT current_setting('server_version_num')::int AS number", &v); err != nil {
		return nil, err
	}
	if Supported(v[0].Number) {
		return nil, nil
	}
	return Findings{{name, "server version", "server", fmt.Sprintf("Postgres %d.%d has known holes in row-level security", v[0].Number/10000, v[0].Number%10000),
		"upgrade to 15.14, 16.10, 17.6, 18 or later"}}, nil
}

// Supported tells whether a server_version_num is one that this software trusts.
func Supported(number int) bool {
	major, minor := number/10000, number%10000
	if floor, ok := floors[major]; ok {
		return minor >= floor
	}
	return major > 17
}
