package config_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"upwork-ai-agent/app/config"
)

const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// own is a whole configuration with a database and a Clerk of one's own.
func own() map[string]string {
	return map[string]string{
		"BASE_URL": "https://app.example.com", "ADDR": "0.0.0.0:80",
		"DATABASE_URL": "postgres://app_owner:p@db/app", "TENANT_DATABASE_URL": "postgres://app_tenant:p@db/app",
		"CONTROL_DATABASE_URL": "postgres://app_control:p@db/app", "SESSION_KEYS": key + "," + key, "SEAL_KEYS": key,
		"CLERK_SECRET_KEY": "sk_test_x", "CLERK_PUBLISHABLE_KEY": "pk_test_x", "PLATFORM_ADMINS": "user_a, user_b",
	}
}

func load(env map[string]string) (config.Config, error) {
	return config.Load(func(name string) string { return env[name] })
}

func TestAnEmptyEnvironmentIsAFirstRun(t *testing.T) {
	t.Parallel()
	c, err := load(nil)
	if err != nil || !c.Embedded() || !c.Sandbox() || c.BaseURL.String() != "http://localhost:8080" {
		t.Fatalf("config %+v, %v", c, err)
	}
}

func TestTheBaseURLFollowsTheAddress(t *testing.T) {
	t.Parallel()
	c, err := load(map[string]string{"ADDR": "127.0.0.1:9000"})
	if err != nil || c.BaseURL.String() != "http://localhost:9000" {
		t.Fatalf("base %v, %v", c.BaseURL, err)
	}
}

func TestAWholeConfigurationIsTaken(t *testing.T) {
	t.Parallel()
	c, err := load(own())
	if err != nil || c.Embedded() || c.Sandbox() || len(c.SessionKeys) != 2 || len(c.SealKeys) != 1 || len(c.PlatformAdmins) != 2 {
		t.Fatalf("config %+v, %v", c, err)
	}
}

func TestABadVariableIsNamed(t *testing.T) {
	t.Parallel()
	cases := []struct{ variable, value string }{
		{"ADDR", "8080"}, {"ADDR", "127.0.0.1:"}, {"ADDR", "127.0.0.1:0"}, {"ADDR", "127.0.0.1:notaport"},
		{"BASE_URL", "app.example.com"}, {"BASE_URL", "ftp://x"}, {"BASE_URL", "https://app.example.com/sub"}, {"BASE_URL", "http://app.example.com"},
		{"DATA_DIR", "relative"}, {"DATABASE_URL", "mysql://x"}, {"TENANT_DATABASE_URL", "x"}, {"TENANT_DATABASE_URL", ""},
		{"CONTROL_DATABASE_URL", ""}, {"CONTROL_DATABASE_URL", "://"}, {"DB_POOLER", "session"},
		{"SESSION_KEYS", ""}, {"SESSION_KEYS", "short"}, {"SEAL_KEYS", ""}, {"SEAL_KEYS", key + ",x"},
		{"CLERK_SECRET_KEY", "pk_test_x"}, {"CLERK_SECRET_KEY", ""}, {"CLERK_PUBLISHABLE_KEY", ""}, {"CLERK_PUBLISHABLE_KEY", "pk_test_"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"}, {"METRICS_ADDR", "9090"}, {"METRICS_ADDR", "on"}, {"METRICS_ADDR", "127.0.0.1:0"},
		{"CLERK_API_URL", "nowhere"}, {"RATE_LIMIT", "0"}, {"RATE_LIMIT", "many"}, {"TRUSTED_PROXIES", "proxy.example"}, {"TRUSTED_PROXIES", "10.0.0.0/33"}, {"POSTGRES_BIN", "/usr/bin"},
		{"PLATFORM_ADMINS", "olga@example.com"}, {"PLATFORM_ADMINS", "user_a,org_b"}, {"PLATFORM_ADMINS", "user_"},
	}
	for _, c := range cases {
		t.Run(c.variable+"="+c.value, func(t *testing.T) {
			t.Parallel()
			env := own()
			env[c.variable] = c.value
			_, err := load(env)
			var bad *config.Error
			if !errors.As(err, &bad) || bad.Variable != c.variable {
				t.Fatalf("error is %v, want one that names %s", err, c.variable)
			}
		})
	}
}

func TestTheMetricsPageIsThereUnlessItIsOff(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]struct {
		addr string
		set  bool
	}{"": {"127.0.0.1:9090", false}, "off": {"", true}, "0.0.0.0:9100": {"0.0.0.0:9100", true}} {
		c, err := load(map[string]string{"METRICS_ADDR": value})
		if err != nil || c.MetricsAddr != want.addr || c.MetricsSet != want.set {
			t.Errorf("METRICS_ADDR=%s: %q %v, %v", value, c.MetricsAddr, c.MetricsSet, err)
		}
	}
}

func TestRequestsAreLimitedUnlessSomebodySaysOff(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"": 100, "250": 250, "off": 0} {
		if c, err := load(map[string]string{"RATE_LIMIT": value}); err != nil || c.RateLimit != want {
			t.Errorf("RATE_LIMIT=%s: %d, %v", value, c.RateLimit, err)
		}
	}
}

func TestWithoutADataDirectoryEverythingMustBeGiven(t *testing.T) {
	t.Parallel()
	env := own()
	env["DATA_DIR"] = "off"
	if c, err := load(env); err != nil || c.Kept || c.Complete() != nil {
		t.Errorf("a whole configuration: %+v, %v, %v", c, err, c.Complete())
	}
	c, err := load(map[string]string{"DATA_DIR": "off", "ADDR": "0.0.0.0:8080"})
	if err != nil {
		t.Fatal(err)
	}
	var bad *config.Error
	want := "CLERK_PUBLISHABLE_KEY, CLERK_SECRET_KEY, CONTROL_DATABASE_URL, SEAL_KEYS, SESSION_KEYS, TENANT_DATABASE_URL"
	if !errors.As(c.Complete(), &bad) || bad.Variable != want {
		t.Errorf("an empty one: %v", c.Complete())
	}
	if kept, err := load(nil); err != nil || !kept.Kept || kept.Complete() != nil {
		t.Errorf("a first run: %v, %v", err, kept.Complete())
	}
}

func TestEverythingThatIsMissingIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	urls := map[string]string{"TENANT_DATABASE_URL": "postgres://t/app", "CONTROL_DATABASE_URL": "postgres://c/app"}
	with := func(more ...string) map[string]string {
		env := maps.Clone(urls)
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	for want, env := range map[string]map[string]string{
		"SEAL_KEYS, SESSION_KEYS": urls,
		"CONTROL_DATABASE_URL, SEAL_KEYS, SESSION_KEYS, TENANT_DATABASE_URL":                        {"DATABASE_URL": "postgres://o/app"},
		"CLERK_PUBLISHABLE_KEY, SEAL_KEYS, SESSION_KEYS":                                            with("CLERK_SECRET_KEY", "sk_test_x"),
		"CLERK_PUBLISHABLE_KEY, CLERK_SECRET_KEY, SEAL_KEYS, SESSION_KEYS":                          with("DATA_DIR", "off"),
		"CLERK_PUBLISHABLE_KEY, CLERK_SECRET_KEY, SESSION_KEYS":                                     with("BASE_URL", "https://app.example.com", "SEAL_KEYS", key),
		"CLERK_PUBLISHABLE_KEY, CONTROL_DATABASE_URL, SEAL_KEYS, SESSION_KEYS, TENANT_DATABASE_URL": {"DATA_DIR": "off", "DATABASE_URL": "postgres://o/app", "CLERK_SECRET_KEY": "sk_test_x"},
	} {
		_, err := load(env)
		var bad *config.Error
		if !errors.As(err, &bad) || bad.Variable != want || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error is %v, want one that names %s", env, err, want)
		}
	}
}

func TestTheSandboxStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for variable, env := range map[string]map[string]string{
		"CLERK_PUBLISHABLE_KEY, CLERK_SECRET_KEY": {"BASE_URL": "https://localhost:8080"},
		"BASE_URL": {"BASE_URL": "http://app.example.com"},
		"ADDR":     {"ADDR": "0.0.0.0:8080"},
	} {
		_, err := load(env)
		var bad *config.Error
		if !errors.As(err, &bad) || bad.Variable != variable {
			t.Errorf("%v: error is %v, want one that names %s", env, err, variable)
		}
	}
}

func TestAnErrorNeverRepeatsASecret(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"DATABASE_URL", "TENANT_DATABASE_URL", "SESSION_KEYS", "SEAL_KEYS", "CLERK_SECRET_KEY"} {
		env := own()
		env[variable] = "hunter2-is-secret"
		if _, err := load(env); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error is %v", variable, err)
		}
	}
}
