package db_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A snippet is the body of a file that does not exist, as if somebody had written it. Those of ours stand in a package
// of their own below web; inside stand in a copy of package web itself, beside its handlers.
type snippet struct {
	name    string // a sentence about what the code tries
	code    string // without the package clause and the imports, which follow from it
	refused string // a part of each of the compiler's complaints; empty: it compiles
}

// Where the positive control of a group does not compile, its refusals prove nothing.
var outside = map[string][]snippet{
	"a pool": {
		{"a page is read and an action is written", `
			func f(ctx context.Context, d *db.DB, a db.Actor) (err error) {
				err = d.Read(ctx, a, func(v *db.View) error { return v.Load() })
				err = d.Write(ctx, a, func(ctx context.Context, tx *db.Tx) error { return job.Move(ctx, tx, job.Job{}, job.Skipped, "") })
				return d.Control(ctx, func(tx *db.ControlTx) error { return control.Enter(ctx, tx, "", uuid.Nil, db.Viewer) })
			}`, ""},
		{"the tenants' pools cannot be reached", `func f(d *db.DB) { _ = d.tenant }`, "cannot refer to unexported field tenant"},
		{"the control plane's pool cannot be reached", `func f(d *db.DB) { _ = d.control }`, "no field or method control"},
		{"no connection can be taken from a pool", `func f(ctx context.Context, d *db.DB) { d.Acquire(ctx) }`, "d.Acquire undefined"},
		{"the seal keys cannot be read", `func f(d *db.DB) { _ = d.keys }`, "cannot refer to unexported field keys"},
		{"a key makes no token", `func f(k db.SealKey) { k.Token(uuid.Nil, 1) }`, "but does have unexported method token"},
		{"an installation is not made of other pools", `var d = db.DB{control: nil}`, "cannot refer to unexported field control"},
		{"the sealed package is closed to web", `var v sealed.View`, "use of internal package upwork-ai-agent/db/internal/sealed not allowed"},
		{"Read is not had without an actor", `func f(ctx context.Context, d *db.DB) { d.Read(ctx, func(v *db.View) error { return v.Load() }) }`, "not enough arguments in call to d.Read"},
		{"a tenant is no actor", `func f(ctx context.Context, d *db.DB, t db.Tenant) { d.Read(ctx, t, func(v *db.View) error { return v.Load() }) }`, "cannot use t (variable of struct type db.Tenant)"},
		{"Read hands out no Tx", `func f(ctx context.Context, d *db.DB, a db.Actor) { d.Read(ctx, a, func(tx *db.Tx) error { return nil }) }`, "as func(*sealed.View) error value"},
		{"Write hands out no Tx without its context", `func f(ctx context.Context, d *db.DB, a db.Actor) { d.Write(ctx, a, func(tx *db.Tx) error { return nil }) }`, "as func(context.Context, *sealed.Tx) error value"},
	},
	"SQL": {
		{"a noun's query is queued on a View", `func f(v *db.View, rows *[]job.Row) error { job.List(v, job.Filter{}, rows); return v.Load() }`, ""},
		{"a View takes no SQL", `func f(v *db.View) { v.Query("SELECT 1") }`, "v.Query undefined"},
		{"a View has no queue to put SQL on", `func f(v *db.View) { v.queue = nil }`, "cannot refer to unexported field queue"},
		{"a Tx runs no SQL", `func f(ctx context.Context, tx *db.Tx) { tx.Exec(ctx, "DELETE FROM jobs") }`, "tx.Exec undefined"},
		{"a Tx reads no SQL", `func f(ctx context.Context, tx *db.Tx) { tx.Query(ctx, "SELECT * FROM jobs") }`, "tx.Query undefined"},
		{"a ControlTx runs no SQL", `func f(ctx context.Context, tx *db.ControlTx) { tx.Exec(ctx, "DELETE FROM control.sessions") }`, "tx.Exec undefined"},
		{"the installation runs no SQL", `func f(ctx context.Context, d *db.DB) { d.Exec(ctx, "DROP TABLE jobs") }`, "d.Exec undefined"},
		{"the face of db offers no Queue", `func f(v *db.View) { db.Queue(v, "n", "SELECT 1") }`, "undefined: db.Queue"},
		{"the face of db offers no Get", `func f(v *db.View, j *job.Job) { db.Get(v, "n", "SELECT 1", j) }`, "undefined: db.Get"},
		{"the face of db offers no Change", `func f(ctx context.Context, tx *db.Tx) { db.Change(ctx, tx, "n", "DELETE FROM jobs") }`, "undefined: db.Change"},
		{"the driver's transaction cannot be unwrapped", `func f(tx *db.Tx) { _ = tx.inner }`, "cannot refer to unexported field inner"},
		{"the driver's connection cannot be unwrapped", `func f(tx *db.Tx) { tx.Conn() }`, "tx.Conn undefined"},
		{"the control plane's transaction cannot be unwrapped", `func f(tx *db.ControlTx) { _ = tx.plane }`, "cannot refer to unexported field plane"},
		{"embedding a View does not show its fields", `type mine struct{ *db.View }; func f(m mine) { _ = m.store }`, "cannot refer to unexported field store"},
		{"embedding a Tx does not show its fields", `type mine struct{ *db.Tx }; func f(m mine) { _ = m.inner }`, "cannot refer to unexported field inner"},
		{"a type of one's own made of Tx does not show its fields", `type mine db.Tx; func f(tx *db.Tx) { _ = (*mine)(tx).inner }`, "cannot refer to unexported field inner"},
		{"no method can be added to View", `func (v *db.View) Query(sql string) {}`, "cannot define new methods on non-local type"},
		{"no method can be added through another alias", `type Tx = db.Tx; func (tx *Tx) Exec(sql string) {}`, "cannot define new methods on non-local type"},
		{"a filter carries no SQL", `var f = job.Filter{Where: "true OR tenant_id IS NOT NULL"}`, "unknown field Where"},
	},
	"forgery": {
		{"an actor is made of what the session has", `func f(t db.Tenant) db.Actor { return db.NewMember(t, "user_1", db.Viewer) }`, ""},
		{"an Actor is not written down by field names", `var a = db.Actor{clerk: "user_1"}`, "cannot refer to unexported field clerk"},
		{"an Actor is not written down without field names", `func f(t db.Tenant) { _ = db.Actor{t, "user_1", db.Owner, true} }`, "implicit assignment to unexported field"},
		{"an actor does not change its tenant", `func f(a db.Actor, t db.Tenant) { a.tenant = t }`, "cannot refer to unexported field tenant"},
		{"an actor does not change its role", `func f(a db.Actor) { a.least = db.Owner }`, "cannot refer to unexported field least"},
		{"an actor does not become the worker", `func f(a db.Actor) { a.worker = true }`, "cannot refer to unexported field worker"},
		{"the face of db makes no worker", `func f(t db.Tenant) { db.NewWorker(t) }`, "undefined: db.NewWorker"},
		{"the tasks hand out no worker actor", `func f(t db.Tenant) { task.NewActor(t) }`, "undefined: task.NewActor"},
		{"a Worker is not made without the installation", `var w = task.New()`, "not enough arguments in call to task.New"},
		{"a View is not written down", `func f(d *db.DB) { _ = &db.View{store: d} }`, "cannot refer to unexported field store"},
		{"a Tx is not written down", `func f(tx *db.Tx) { _ = &db.Tx{inner: nil} }`, "cannot refer to unexported field inner"},
		{"a ControlTx is not written down", `var tx = &db.ControlTx{plane: nil}`, "cannot refer to unexported field plane"},
		{"a member does not promote itself", `func f(tx *db.Tx) { tx.Member().Role = db.Owner }`, "cannot assign to tx.Member().Role"},
		{"a member says nothing of another tenant", `func f(v *db.View) { _ = v.Member().Tenant }`, "v.Member().Tenant undefined"},
		{"a member says nothing of Clerk", `func f(v *db.View) { _ = v.Member().ClerkID }`, "v.Member().ClerkID undefined"},
	},
	"conversion": {
		{"each type goes where it belongs", `
			func f(ctx context.Context, v *db.View, tx *db.Tx, c *db.ControlTx, all *[]control.Organization, j *job.Job) {
				job.Get(v, uuid.Nil, j)
				_ = proposal.Save(ctx, tx, proposal.Proposal{}, proposal.Text{}, "typed")
				_ = control.Organizations(ctx, c, "", "", all)
			}`, ""},
		{"a View does not become a Tx", `func f(v *db.View) { _ = (*db.Tx)(v) }`, "cannot convert v (variable of type *db.View) to type *db.Tx"},
		{"a Tx does not become a View", `func f(tx *db.Tx) { _ = (*db.View)(tx) }`, "cannot convert tx (variable of type *db.Tx) to type *db.View"},
		{"a Tx does not become a ControlTx", `func f(tx *db.Tx) { _ = (*db.ControlTx)(tx) }`, "cannot convert tx (variable of type *db.Tx) to type *db.ControlTx"},
		{"a ControlTx does not become a Tx", `func f(tx *db.ControlTx) { _ = (*db.Tx)(tx) }`, "cannot convert tx (variable of type *db.ControlTx) to type *db.Tx"},
		{"a ControlTx does not become a View", `func f(tx *db.ControlTx) { _ = (*db.View)(tx) }`, "cannot convert tx (variable of type *db.ControlTx) to type *db.View"},
		{"structs do not convert where pointers do not", `func f(v *db.View) { tx := db.Tx(*v); _ = &tx }`, "cannot convert *v (variable of struct type db.View) to type db.Tx"},
		{"a struct of the same shape is no actor", `
			type actor struct { tenant db.Tenant; clerk string; least db.Role; worker bool }
			func f(a actor) { _ = db.Actor(a) }`, "cannot convert a (variable of struct type actor) to type db.Actor"},
		{"a Tx does not grow from a View", `func f(ctx context.Context, v *db.View) { v.Begin(ctx) }`, "v.Begin undefined"},
		{"a View gives no installation back", `func f(v *db.View) { v.DB() }`, "v.DB undefined"},
		{"a job is not moved with a View", `func f(ctx context.Context, v *db.View) { job.Move(ctx, v, job.Job{}, job.Skipped, "") }`, "cannot use v (variable of type *db.View) as *db.Tx value"},
		{"a proposal is not saved with a View", `func f(ctx context.Context, v *db.View) { proposal.Save(ctx, v, proposal.Proposal{}, proposal.Text{}, "") }`, "cannot use v (variable of type *db.View) as *db.Tx value"},
		{"a list is not queued on a Tx", `func f(tx *db.Tx, rows *[]job.Row) { job.List(tx, job.Filter{}, rows) }`, "cannot use tx (variable of type *db.Tx) as *db.View value"},
		{"a tenant's list is not queued on a ControlTx", `func f(tx *db.ControlTx, rows *[]job.Row) { job.List(tx, job.Filter{}, rows) }`, "cannot use tx (variable of type *db.ControlTx) as *db.View value"},
		{"a tenant's job is not locked on a ControlTx", `func f(ctx context.Context, tx *db.ControlTx) { job.Lock(ctx, tx, uuid.Nil) }`, "cannot use tx (variable of type *db.ControlTx) as *db.Tx value"},
		{"the directory is not written on a Tx", `func f(ctx context.Context, tx *db.Tx) { control.Enter(ctx, tx, "", uuid.Nil, db.Owner) }`, "cannot use tx (variable of type *db.Tx) as *sealed.ControlTx value"},
		{"the directory is not read on a View", `func f(ctx context.Context, v *db.View, all *[]control.Organization) { control.Organizations(ctx, v, "", "", all) }`, "cannot use v (variable of type *db.View) as *sealed.ControlTx value"},
	},
	"the end of a transaction": {
		{"an error is what rolls back", `func f(ctx context.Context, d *db.DB, a db.Actor) error {
			return d.Write(ctx, a, func(context.Context, *db.Tx) error { return db.ErrConflict }) }`, ""},
		{"a Tx does not commit early", `func f(ctx context.Context, tx *db.Tx) { tx.Commit(ctx) }`, "tx.Commit undefined"},
		{"a Tx does not roll back early", `func f(ctx context.Context, tx *db.Tx) { tx.Rollback(ctx) }`, "tx.Rollback undefined"},
		{"a ControlTx does not commit early", `func f(ctx context.Context, tx *db.ControlTx) { tx.Commit(ctx) }`, "tx.Commit undefined"},
		{"a Tx opens no transaction inside itself", `func f(ctx context.Context, tx *db.Tx) { tx.Begin(ctx) }`, "tx.Begin undefined"},
		{"the audit is not ticked off by hand", `func f(tx *db.Tx) { tx.audited = true }`, "cannot refer to unexported field audited"},
		{"an ended Tx is not opened again", `func f(tx *db.Tx) { tx.work.ended = false }`, "cannot refer to unexported field work"},
	},
}

var inside = map[string][]snippet{
	"the doors": {
		{"a route has a method, a path and a door with a policy", `
			func (h *handlers) extra() []route { return []route{
				{http.MethodGet, "/a", tenantPage(db.Viewer, h.jobs)},
				{http.MethodPost, "/b", tenantAction(db.MemberRole, h.triageJob)},
				{http.MethodGet, "/c", signedInPage(h.organizations)},
				{http.MethodGet, "/d", public(h.health)},
			} }`, ""},
		{"a page is no action", `func (h *handlers) extra() door { return tenantAction(db.MemberRole, h.jobs) }`, "cannot use h.jobs"},
		{"an action is no page", `func (h *handlers) extra() door { return tenantPage(db.Viewer, h.triageJob) }`, "cannot use h.triageJob"},
		{"a page of the control plane is no tenant's page", `func (h *handlers) extra() door { return tenantPage(db.Viewer, h.organizations) }`, "cannot use h.organizations"},
		{"a tenant's page is no page of the control plane", `func (h *handlers) extra() door { return signedInPage(h.jobs) }`, "cannot use h.jobs"},
		{"an action of the control plane is no tenant's action", `func (h *handlers) extra() door { return tenantAction(db.Owner, h.switchOrganization) }`, "cannot use h.switchOrganization"},
		{"a tenant's page is not public", `func (h *handlers) extra() door { return public(h.jobs) }`, "cannot use h.jobs"},
		{"a route without a door does not build", `func (h *handlers) extra() route { return route{http.MethodGet, "/a"} }`, "too few values in struct literal"},
		{"a handler is no door", `func (h *handlers) extra() route { return route{http.MethodGet, "/a", h.health} }`, "as door value in struct literal"},
		{"a door does not build of a policy alone", `var extra = door{"signed in"}`, "too few values in struct literal"},
		{"a tenant's page without a role does not build", `func (h *handlers) extra() door { return tenantPage(h.jobs) }`, "not enough arguments in call to tenantPage"},
		{"a tenant's action without a role does not build", `func (h *handlers) extra() door { return tenantAction(h.triageJob) }`, "not enough arguments in call to tenantAction"},
	},
	"the handlers": {
		{"a page queues, loads and draws", `
			func (h *handlers) extra(c echo.Context, v *db.View) (templ.Component, error) {
				var rows []job.Row
				job.List(v, job.Filter{}, &rows)
				return nil, v.Load()
			}
			var _ page = (*handlers)(nil).extra`, ""},
		{"a handler has no installation to open a transaction with", `
			func (h *handlers) extra(c echo.Context, v *db.View) (templ.Component, error) {
				return nil, h.db.Write(c.Request().Context(), db.Actor{}, nil)
			}`, "h.db undefined"},
		{"a handler reaches no server", `func (h *handlers) extra() { _ = h.server }`, "h.server undefined"},
		{"a page that asks for a Tx has no door", `
			func (h *handlers) extra(c echo.Context, tx *db.Tx) (templ.Component, error) { return nil, nil }
			var _ = func(h *handlers) door { return tenantPage(db.Viewer, h.extra) }`, "cannot use h.extra"},
		{"a page does not write", `
			func (h *handlers) extra(c echo.Context, v *db.View) (templ.Component, error) {
				return nil, proposal.Save(c.Request().Context(), v, proposal.Proposal{}, proposal.Text{}, "typed")
			}`, "cannot use v (variable of type *db.View) as *db.Tx value"},
		{"an action does not draw before its commit is known", `
			func (h *handlers) extra(c echo.Context, tx *db.Tx) (templ.Component, error) { return nil, nil }
			var _ = func(h *handlers) door { return tenantAction(db.MemberRole, h.extra) }`, "cannot use h.extra"},
		{"a handler makes no worker of what it has", `func (h *handlers) extra() { task.New(h) }`, "cannot use h (variable of type *handlers) as *db.DB value"},
		{"the actor of a request does not change its role", `func (h *handlers) extra(r *request) { r.actor(db.Viewer).least = db.Owner }`, "undefined (cannot refer to unexported field least)"},
	},
}

// imports are what a snippet may use, by the name that it uses it by.
var imports = map[string]string{
	"context": "context", "http": "net/http",
	"uuid": "github.com/google/uuid", "echo": "github.com/labstack/echo/v4", "templ": "github.com/a-h/templ",
	"db": "upwork-ai-agent/db", "sealed": "upwork-ai-agent/db/internal/sealed", "job": "upwork-ai-agent/db/job",
	"proposal": "upwork-ai-agent/db/proposal", "control": "upwork-ai-agent/db/control", "task": "upwork-ai-agent/db/task",
}

// source is the file that s stands for.
func (s snippet) source(pkg string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\n", pkg)
	for _, name := range slices.Sorted(maps.Keys(imports)) {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(s.code) {
			fmt.Fprintf(&b, "import %q\n", imports[name])
		}
	}
	return b.String() + s.code + "\n"
}

// overlay is the tree with the snippets in it. Nothing is written where the tree is.
type overlay struct {
	dir      string // of the snippets' real files
	root     string
	Replace  map[string]string
	packages []string
}

// add puts s into a package of its own, together with the files of beside.
func (o *overlay) add(t *testing.T, s snippet, pkg string, beside []string) (path string) {
	t.Helper()
	name := fmt.Sprintf("snippet%02d", len(o.packages))
	real := filepath.Join(o.dir, name+".go")
	if err := os.WriteFile(real, []byte(s.source(pkg)), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Replace[filepath.Join(o.root, "web", name, "snippet.go")] = real
	for _, file := range beside {
		o.Replace[filepath.Join(o.root, "web", name, filepath.Base(file))] = file
	}
	o.packages = append(o.packages, "./web/"+name)
	return "upwork-ai-agent/web/" + name
}

// compile builds every package of o in one run of the go command and returns its complaints by import path.
func (o *overlay) compile(t *testing.T) map[string]string {
	t.Helper()
	file := filepath.Join(o.dir, "overlay.json")
	text, err := json.Marshal(o)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	// With -e and -export, list compiles, and reports what did not compile instead of stopping at the first.
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-export", "-json=ImportPath,Error", "-overlay", file}, o.packages...)...)
	cmd.Dir = o.root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	complaints := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Error      struct{ Err string }
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return complaints
		} else if err != nil {
			t.Fatal(err)
		}
		complaints[p.ImportPath] = p.Error.Err
	}
}

// webFiles are the files of package web without its tests.
func webFiles(t *testing.T, root string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, "web", "*.go"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no files of web: %v", err)
	}
	return slices.DeleteFunc(all, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
}

var atLine = regexp.MustCompile(`(?m)\.go:\d+:\d+: `)

func TestWhatTheSealMakesImpossibleDoesNotCompile(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	o := &overlay{dir: t.TempDir(), root: root, Replace: map[string]string{}}
	type placed struct {
		snippet
		group, path string
	}
	var all []placed
	for group, snippets := range outside {
		for _, s := range snippets {
			all = append(all, placed{s, group, o.add(t, s, "snippet", nil)})
		}
	}
	beside := webFiles(t, root)
	for group, snippets := range inside {
		for _, s := range snippets {
			all = append(all, placed{s, group, o.add(t, s, "web", beside)})
		}
	}

	complaints := o.compile(t)

	for _, s := range all {
		t.Run(s.group+"/"+s.name, func(t *testing.T) {
			got, built := complaints[s.path]
			switch {
			case !built:
				t.Errorf("the go command said nothing of %s", s.path)
			case s.refused == "" && got != "":
				t.Errorf("does not compile:\n%s", got)
			case s.refused != "" && got == "":
				t.Errorf("compiles:\n%s", s.code)
			case !strings.Contains(got, s.refused):
				t.Errorf("refused for another reason than %q:\n%s", s.refused, got)
			case s.refused != "" && len(atLine.FindAllString(got, -1)) > strings.Count(got, s.refused):
				t.Errorf("also refused for another reason than %q:\n%s", s.refused, got)
			}
		})
	}
}
