package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// Why says, step by step, what lets a member do something with a row, and what does not. It asks as the application would:
// as app_tenant, in the tenant's context; a write is tried and rolled back. It never returns what a row contains. The
// error is a *BadQuestion when a field cannot be understood.
func Why(ctx context.Context, d *sealed.DB, q Question) (Answer, error) {
	q, err := understand(q)
	if err != nil {
		return Answer{}, err
	}
	i := &inquiry{DB: d, Answer: Answer{Question: q, Steps: []Step{}}}
	if err := i.name(ctx); err != nil {
		return Answer{}, err
	}
	for _, step := range []func(context.Context) error{i.registered, i.placed, i.fenced, i.inside, i.app} {
		if err := step(ctx); err != nil {
			return Answer{}, err
		}
		if i.nowhere {
			break
		}
	}
	i.conclude()
	return i.Answer, nil
}

// registered looks the tenant up.
func (i *inquiry) registered(ctx context.Context) error {
	var known []struct {
		entry
		Name string `db:"name"`
	}
	err := i.Control(ctx, func(tx *sealed.ControlTx) error {
		return sealed.ControlList(ctx, tx, "why.registry", `
			SELECT tenant_id, state, isolation, place, epoch, false AS young, name FROM control.registry WHERE tenant_id::text = lower($1) OR slug = $1`, &known, i.Question.Tenant)
	})
	switch {
	case err != nil:
		return err
	case len(known) > 1:
		return &BadQuestion{"tenant", fmt.Sprintf("%d organizations have the slug %q; use an id", len(known), i.Question.Tenant)}
	case len(known) == 0:
		i.nowhere = true
		i.say("registry", Refuses, "The registry knows no such tenant: to everybody it is a missing page.")
		return nil
	}
	r := known[0]
	i.Tenant = r.ID
	i.tenant = place.Tenant{ID: r.ID, Model: r.Model, Place: r.Place, Epoch: r.Epoch}
	i.say("registry", Passes, fmt.Sprintf("%s is tenant %s, in epoch %d, and the registry says %s.", r.Name, r.ID, r.Epoch, r.State))
	return nil
}

// placed asks the driver where the rows live.
func (i *inquiry) placed(ctx context.Context) (err error) {
	i.home, err = sealed.HomeOf(ctx, i.DB, i.tenant)
	if errors.Is(err, place.ErrUnknown) {
		i.nowhere = true
		i.say("place", Refuses, fmt.Sprintf("No configured place serves the isolation model %s in %s: nobody gets in.", i.tenant.Model, i.tenant.Place))
		return nil
	}
	if err == nil {
		i.say("place", Passes, fmt.Sprintf("Isolation model %s: its rows are in schema %s of place %s.", i.tenant.Model, i.home.Schema, i.home.Place))
	}
	return err
}

// fenced reads the fence, which decides by its epoch, its seal and its state.
func (i *inquiry) fenced(ctx context.Context) error {
	fences, err := sealed.Fences(ctx, i.DB, i.home.Place, &i.Tenant)
	if err != nil {
		return err
	}
	if len(fences) == 0 {
		i.say("fence", Refuses, "The place has no fence for it: nobody gets in.")
		return nil
	}
	f := fences[0]
	i.state = f.State
	switch {
	case f.Epoch != i.tenant.Epoch:
		i.say("fence", Refuses, fmt.Sprintf("The fence is in epoch %d, the registry in epoch %d: the token opens nothing.", f.Epoch, i.tenant.Epoch))
	case !f.Opens:
		i.say("fence", Refuses, "None of the configured SEAL_KEYS made its seal: the token opens nothing.")
	default:
		i.say("fence", Passes, "Its epoch is the registry's, and a configured key made its seal.")
	}
	switch access := place.States[f.State]; {
	case !access.Read:
		i.say("state", Refuses, fmt.Sprintf("The tenant is %s: nobody may read or write.", f.State))
	case i.writes() && !access.Write:
		i.say("state", Refuses, fmt.Sprintf("The tenant is %s: it may be read, and nobody may write.", f.State))
	default:
		i.say("state", Passes, fmt.Sprintf("The tenant is %s.", f.State))
	}
	return nil
}

// inside asks everything that is asked in a transaction of app_tenant, in the tenant's context, and rolls it back.
func (i *inquiry) inside(ctx context.Context) error {
	conn, err := sealed.Dial(ctx, i.DB, i.home.Place)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // of no use any more
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return fmt.Errorf("why: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // the connection goes in any case
	if _, err := tx.Exec(ctx, "SELECT app.set_tenant($1, $2)", i.Tenant, sealed.Token(i.DB, i.tenant)); err != nil {
		return fmt.Errorf("why: %w", err)
	}
	if _, err := tx.Exec(ctx, "SELECT set_config('search_path', $1, true)", pgx.Identifier{i.home.Schema}.Sanitize()); err != nil {
		return fmt.Errorf("why: %w", err)
	}
	for _, step := range []func(context.Context, pgx.Tx) error{i.gate, i.member, i.granted, i.policies, i.row, i.aside, i.trial} {
		if err := step(ctx, tx); err != nil {
			return fmt.Errorf("why: %w", err)
		}
	}
	return nil
}

// gate looks whether the context opens.
func (i *inquiry) gate(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM app.readable), EXISTS (SELECT FROM app.writable)").Scan(&i.open.Read, &i.open.Write)
	switch {
	case err != nil:
		return err
	case !i.open.Read:
		i.say("gate", Refuses, "app.readable shows nothing: every policy sees nothing.")
	case i.writes() && !i.open.Write:
		i.say("gate", Refuses, "app.writable shows nothing: every policy for writing refuses.")
	default:
		i.say("gate", Passes, "app.set_tenant opens the context.")
	}
	return nil
}

// member reads the member's row, which is what gives authority here.
func (i *inquiry) member(ctx context.Context, tx pgx.Tx) error {
	if !i.open.Read {
		i.say("member", Unasked, "The row of the member cannot be read either.")
		return nil
	}
	var id uuid.UUID
	var removed bool
	err := tx.QueryRow(ctx, `
		SELECT u.id, u.clerk_id, u.role, u.removed_at IS NOT NULL FROM users u
		WHERE u.tenant_id = $1 AND (u.clerk_id = $2 OR u.id::text = lower($2))`, i.Tenant, i.Question.Member).Scan(&id, &i.clerk, &i.role, &removed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		i.say("member", Refuses, "The tenant has no row for this person in users: not a member, and never was one.")
		return nil
	case err != nil:
		return err
	case removed:
		i.say("member", Refuses, fmt.Sprintf("The row %s in users says that this person was removed.", id))
	default:
		i.say("member", Passes, fmt.Sprintf("The row %s in users gives the role %s.", id, i.role))
	}
	return i.listed(ctx)
}

// listed looks whether the person's directory has the tenant: without that, no page is opened in it.
func (i *inquiry) listed(ctx context.Context) error {
	var entry struct {
		Is bool `db:"is"`
	}
	err := sealed.Peek(ctx, i.DB, "why.directory", `
		SELECT EXISTS (SELECT FROM control.directory WHERE clerk_user_id = $1 AND tenant_id = $2) AS is`, &entry, i.clerk, i.Tenant)
	switch {
	case err != nil:
		return err
	case entry.Is:
		i.say("directory", Passes, "The person's directory lists the tenant, so the person can switch to it.")
	default:
		i.say("directory", Refuses, "The person's directory does not list the tenant, so no page opens in it; the next sign-in puts that right for a member.")
	}
	return nil
}

// granted looks at the rights of app_tenant, those on columns included.
func (i *inquiry) granted(ctx context.Context, tx pgx.Tx) error {
	var whole bool
	var columns []string
	privilege := strings.ToUpper(i.Question.Operation)
	err := tx.QueryRow(ctx, `
		SELECT has_table_privilege($1, $2), (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}') FROM pg_attribute a
		  WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND $2 <> 'DELETE' AND has_column_privilege($1, a.attnum, nullif($2, 'DELETE')))`,
		i.table(i.home.Schema), privilege).Scan(&whole, &columns)
	switch {
	case err != nil:
		return err
	case whole:
		i.say("grant", Passes, fmt.Sprintf("app_tenant may %s on %s.", privilege, i.Question.Table))
	case len(columns) > 0:
		i.say("grant", Passes, fmt.Sprintf("app_tenant may %s these columns of %s only: %s.", privilege, i.Question.Table, strings.Join(columns, ", ")))
	default:
		i.say("grant", Refuses, fmt.Sprintf("app_tenant may not %s on %s: a row of it is written once, or by another role.", privilege, i.Question.Table))
	}
	return nil
}

// policies lists those that apply. What changes a row that it has to find asks those for reading as well.
func (i *inquiry) policies(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT p.policyname AS name, p.cmd, p.roles::text AS roles, coalesce(p.qual, '') AS qual, coalesce(p.with_check, '') AS check, p.permissive AS kind
		FROM pg_policies p
		WHERE p.schemaname = $1 AND p.tablename = $2 AND p.roles && ARRAY['app_tenant', 'public']::name[]
		  AND (p.cmd IN ('ALL', upper($3)) OR p.cmd = 'SELECT' AND $3 IN ('update', 'delete'))
		ORDER BY p.cmd <> 'SELECT', p.permissive, p.policyname`, i.home.Schema, i.Question.Table, i.Question.Operation)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[policy])
	if err != nil {
		return err
	}
	own := false
	for _, p := range all {
		own = own || p.Cmd == "ALL" || strings.EqualFold(p.Cmd, i.Question.Operation)
		i.Steps = append(i.Steps, i.judge(p))
	}
	if !own {
		i.say("policy", Refuses, fmt.Sprintf("No policy of %s lets app_tenant %s anything.", i.Question.Table, i.Question.Operation))
	}
	return nil
}

// judge says what a policy makes of a row of this tenant.
func (i *inquiry) judge(p policy) Step {
	p.Qual, p.Check = oneLine(p.Qual), oneLine(p.Check)
	s := Step{Name: "policy", Outcome: Passes, Expression: strings.TrimSpace(p.Name + " FOR " + p.Cmd)}
	if p.Qual != "" {
		s.Expression += " USING " + p.Qual
	}
	if p.Check != "" {
		s.Expression += " WITH CHECK " + p.Check
	}
	opens := i.open.Write
	if p.Cmd == "SELECT" {
		opens = i.open.Read
	}
	switch {
	case !slices.Contains(listed(i.Question.Table, key(i.Question.Table)), p):
		s.Detail = "Policy " + p.Name + " is not one of ours: `doctor` names it."
	case !opens:
		s.Outcome, s.Detail = Refuses, "Policy "+p.Name+" compares with the context, which did not open."
	case p.Cmd == "SELECT":
		s.Detail = "Policy " + p.Name + " shows the rows of this tenant, and no others."
	default:
		s.Detail = "Policy " + p.Name + " takes rows of this tenant, and no others."
	}
	return s
}

// row looks for the row where the member would find it; and when it is not there, whose it is, which the operator may know.
func (i *inquiry) row(ctx context.Context, tx pgx.Tx) error {
	condition, args := i.where()
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a refusal ends this part only
		return tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+i.table(i.home.Schema)+" t WHERE "+condition+")", args...).Scan(&i.there)
	})
	if err != nil && !forbidden(err) {
		return err
	}
	if i.Question.Operation == "insert" {
		if i.there {
			i.say("row", Refuses, "A row of this key is in the tenant already.")
		} else {
			i.say("row", Passes, "The tenant has no row of this key yet.")
		}
		return nil
	}
	if i.there {
		i.say("row", Passes, "The row is in this tenant.")
		return nil
	}
	outcome, detail, err := i.owner(ctx)
	i.say("row", outcome, detail)
	return err
}

// kinds are the names by which owner_of knows tables.
var kinds = map[string]string{"jobs": "job", "proposals": "proposal", "imports": "import", "saved_searches": "search", "undos": "undo", "job_notes": "note"}

// owner says whose a row is that this tenant does not show.
func (i *inquiry) owner(ctx context.Context) (Outcome, string, error) {
	kind, ok := kinds[i.Question.Table]
	if !ok {
		if !i.open.Read {
			return Unasked, "Without a context no row can be looked for.", nil
		}
		return Refuses, "There is no such row in this tenant.", nil
	}
	for _, where := range i.Places() {
		var found []struct {
			ID uuid.NullUUID `db:"id"`
		}
		if err := sealed.AtFence(ctx, i.DB, where, "SELECT public.owner_of($1, $2::text::uuid) AS id", &found, kind, i.keys[0]); err != nil {
			return Refuses, "", err
		}
		switch {
		case !found[0].ID.Valid:
		case found[0].ID.UUID == i.Tenant:
			return Refuses, "The row is this tenant's, and the context or a policy hides it.", nil
		default:
			return Refuses, "There is no such row in this tenant: it belongs to " + i.nameOf(ctx, found[0].ID.UUID) + ".", nil
		}
	}
	return Refuses, "There is no such row in this tenant, and in no other.", nil
}

// nameOf is a tenant as an operator knows it.
func (i *inquiry) nameOf(ctx context.Context, tenant uuid.UUID) string {
	var r struct {
		Name string `db:"name"`
	}
	if err := sealed.Peek(ctx, i.DB, "why.name", `SELECT name FROM control.registry WHERE tenant_id = $1`, &r, tenant); err != nil {
		return "tenant " + tenant.String()
	}
	return r.Name + ", tenant " + tenant.String()
}

// forbidden tells whether a statement was refused by a grant or a policy.
func forbidden(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}

// conclude is the verdict.
func (i *inquiry) conclude() {
	for _, s := range i.Steps {
		if s.Outcome == Refuses {
			i.Decider, i.Verdict = s.Name, fmt.Sprintf("The member cannot %s this row of %s: %s", i.Question.Operation, i.Question.Table, lowerFirst(s.Detail))
			return
		}
	}
	i.Allowed = true
	i.Verdict = fmt.Sprintf("Nothing stands in the way: the member can %s this row of %s.", i.Question.Operation, i.Question.Table)
}
