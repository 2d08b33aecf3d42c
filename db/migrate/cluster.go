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
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()+" OWNER app_owner TEMPLATE template0 ENCODING 'UTF8'")
	return err
}

// Bootstrap is the script that a database administrator runs with psql as a superuser, on a server that is not ours: roles,
// their passwords from the environment, the database, its privileges. It can be run again, and mends what it finds.
func Bootstrap(database string) string {
	name, literal := pgx.Identifier{database}.Sanitize(), "'"+strings.ReplaceAll(database, "'", "''")+"'"
	return "-- Upwork AI Agent: run it with psql (14 or newer) as a superuser, with the passwords in the environment:\n" +
		"--   APP_OWNER_PASSWORD=… APP_TENANT_PASSWORD=… APP_CONTROL_PASSWORD=… APP_MOVER_PASSWORD=… psql -f this-file\n" +
		"\\set ON_ERROR_STOP on\n\n" +
		clusterSQL("roles.sql") + "\n" + clusterSQL("passwords.sql") + "\n" +
		"SELECT 'CREATE DATABASE " + strings.ReplaceAll(name, "'", "''") + " OWNER app_owner TEMPLATE template0 ENCODING ''UTF8'''\n" +
		"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = " + literal + ")\n\\gexec\n" +
		"\\connect " + name + "\n\n" + clusterSQL("database.sql")
}

func clusterSQL(file string) string {
	text, err := files.ReadFile("cluster/" + file)
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	return string(text)
}
