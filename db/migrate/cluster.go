package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Roles are the roles that log in.
var Roles = []string{"app_owner", "app_tenant", "app_control", "app_mover"}

// Cluster makes the roles, and the database with its privileges, on a server that is ours. superURL returns the
// connection string of the superuser for a database. It can be run again, and mends what it finds.
func Cluster(ctx context.Context, superURL func(database string) string, database string) error {
	roles, err := pgx.Connect(ctx, superURL("postgres"))
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer roles.Close(context.WithoutCancel(ctx))
	// Roles are the cluster's: two that change them at once would fail. The lock goes with the connection.
	if _, err := roles.Exec(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if _, err := roles.Exec(ctx, clusterSQL("roles.sql")); err != nil {
		return fmt.Errorf("cluster: roles: %w", err)
	}
	if err := create(ctx, roles, database); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	privileges, err := pgx.Connect(ctx, superURL(database))
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer privileges.Close(context.WithoutCancel(ctx))
	if _, err := privileges.Exec(ctx, clusterSQL("database.sql")); err != nil {
		return fmt.Errorf("cluster: privileges: %w", err)
	}
	return nil
}

func create(ctx context.Context, conn *pgx.Conn, database string) error {
	var exists bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()+" OWNER app_owner TEMPLATE template0")
	return err
}

// Bootstrap is the SQL that a database administrator runs once, with psql as a superuser, on a server that is not ours:
// roles with placeholders for their passwords, the database, its privileges.
func Bootstrap(database string) string {
	var b strings.Builder
	b.WriteString("-- Upwork AI Agent: run once with psql as a superuser. Replace the four passwords first.\n\\set ON_ERROR_STOP on\n\n")
	b.WriteString(clusterSQL("roles.sql"))
	b.WriteString("\n")
	for _, r := range Roles {
		fmt.Fprintf(&b, "ALTER ROLE %s PASSWORD 'REPLACE-WITH-THE-PASSWORD-OF-%s';\n", r, strings.ToUpper(r))
	}
	name := pgx.Identifier{database}.Sanitize()
	fmt.Fprintf(&b, "\nCREATE DATABASE %s OWNER app_owner TEMPLATE template0;\n\\connect %s\n\n", name, name)
	b.WriteString(clusterSQL("database.sql"))
	return b.String()
}

func clusterSQL(file string) string {
	text, err := files.ReadFile("cluster/" + file)
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	return string(text)
}
