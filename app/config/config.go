// Package config reads the environment. Everything is optional for a first run; what is given must be right, and the error
// names the variable.
package config

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Config is the whole configuration, checked.
type Config struct {
	Addr    string   // host:port to listen on
	BaseURL *url.URL // what browsers see: scheme and host
	DataDir string   // absolute; empty: the platform's own
	Kept    bool     // there is a data directory; without one, nothing can be made that a first run makes for itself

	MetricsAddr string // host:port of the metrics page; empty: off
	MetricsSet  bool   // somebody chose it: then it must work

	Traces bool // there is a collector for them; OpenTelemetry's SDK reads its variables itself

	PostgresBin string // directory of Postgres binaries; empty: search
	OwnerURL    string // of app_owner, for migrations; empty: there is nothing to migrate with
	TenantURL   string // of app_tenant; empty: the embedded Postgres
	ControlURL  string // of app_control
	Pooled      bool   // TenantURL is a pooler in transaction mode

	WorkerOff bool // the app runs no tasks: somebody else does

	SessionKeys [][]byte // newest first; empty: kept in DataDir
	SealKeys    [][]byte // newest first; empty: kept in DataDir

	ClerkSecretKey      string // empty: the sandbox
	ClerkPublishableKey string
	ClerkAPIURL         string // empty: Clerk's own

	RateLimit      int            // requests a second that one person may make for long; 0: any number
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed

	PlatformAdmins []string // Clerk user ids; empty: nobody, or the sandbox's operator
}

// external tells whether there is a database of somebody's own.
func (c Config) external() bool { return c.OwnerURL != "" || c.TenantURL != "" || c.ControlURL != "" }

// Embedded tells whether Postgres is ours to run.
func (c Config) Embedded() bool { return c.TenantURL == "" }

// Sandbox tells whether sign-in is the stand-in's.
func (c Config) Sandbox() bool { return c.ClerkSecretKey == "" }

// Error is a variable that cannot be used, with what is wrong in words for the person who set it.
type Error struct{ Variable, Message string }

// Error names the variable first.
func (e *Error) Error() string { return e.Variable + ": " + e.Message }

// Variable is one line of the table of variables.
type Variable struct {
	Name, Default, Meaning string
	set                    func(*Config, string) error
}

// Variables is the table of everything that can be set, in the order in which it is read. The README shows the same.
var Variables = []Variable{
	{"ADDR", "127.0.0.1:8080", "host:port to listen on", setAddr},
	{"BASE_URL", "http://localhost and ADDR's port", "the address that browsers see", setBaseURL},
	{"TRUSTED_PROXIES", "none", "addresses or networks of the proxies in front of the app, like 10.0.0.0/8, separated by commas: their X-Forwarded-For is believed", func(c *Config, v string) (err error) { c.TrustedProxies, err = networks(v); return err }},
	{"RATE_LIMIT", "100", "requests a second that one person, or one address that is not signed in, may make for long; ten times as many at once, and an organization ten times as many; or off", setRateLimit},
	{"METRICS_ADDR", "127.0.0.1:9090", "host:port of the metrics page, or off", setMetricsAddr},
	{"OTEL_EXPORTER_OTLP_ENDPOINT", "no traces", "OpenTelemetry collector that traces go to, by OTLP over HTTP; the SDK's other OTEL_ variables hold too", func(c *Config, v string) error { c.Traces = true; return webURL(v) }},
	{"DATA_DIR", "the user's data directory", "embedded Postgres, generated keys, the sandbox's state; off where there is no place for them", setDataDir},
	{"POSTGRES_BIN", "searched for", "directory with initdb and postgres for the embedded Postgres", func(c *Config, v string) error { c.PostgresBin = v; return absolute(v) }},
	{"DATABASE_URL", "the embedded Postgres", "logs in as app_owner, for migrations only", func(c *Config, v string) error { c.OwnerURL = v; return postgresURL(v) }},
	{"TENANT_DATABASE_URL", "derived when embedded", "logs in as app_tenant; may point at PgBouncer", func(c *Config, v string) error { c.TenantURL = v; return postgresURL(v) }},
	{"CONTROL_DATABASE_URL", "derived when embedded", "logs in as app_control; a direct connection", func(c *Config, v string) error { c.ControlURL = v; return postgresURL(v) }},
	{"DB_POOLER", "none", "`transaction` when TENANT_DATABASE_URL points at a pooler in transaction mode", setPooler},
	{"WORKER", "on", "off when background tasks are run by the command `worker` elsewhere, and not by the app itself", setWorker},
	{"SESSION_KEYS", "generated into DATA_DIR when embedded", "signing keys of the session cookie: 32 bytes in base64 each, newest first, separated by commas", func(c *Config, v string) (err error) { c.SessionKeys, err = keys(v); return err }},
	{"SEAL_KEYS", "generated into DATA_DIR when embedded", "keys that open tenants, likewise", func(c *Config, v string) (err error) { c.SealKeys, err = keys(v); return err }},
	{"CLERK_SECRET_KEY", "the sandbox", "Clerk's secret key, sk_…", func(c *Config, v string) error { c.ClerkSecretKey = v; return begins(v, "sk_test_", "sk_live_") }},
	{"CLERK_PUBLISHABLE_KEY", "the sandbox", "Clerk's publishable key, pk_…", func(c *Config, v string) error { c.ClerkPublishableKey = v; return begins(v, "pk_test_", "pk_live_") }},
	{"CLERK_API_URL", "Clerk's own", "another address of Clerk's Backend API", func(c *Config, v string) error { c.ClerkAPIURL = v; return webURL(v) }},
	{"PLATFORM_ADMINS", "nobody; the sandbox's operator", "Clerk user ids of those who operate the platform and see /admin, separated by commas", func(c *Config, v string) (err error) { c.PlatformAdmins, err = people(v); return err }},
}

// Load reads the variables through getenv. The error is an *Error.
func Load(getenv func(string) string) (Config, error) {
	c := Config{Addr: "127.0.0.1:8080", MetricsAddr: "127.0.0.1:9090", RateLimit: 100, Kept: true}
	for _, v := range Variables {
		value := strings.TrimSpace(getenv(v.Name))
		if value == "" {
			continue
		}
		if err := v.set(&c, value); err != nil {
			return Config{}, &Error{v.Name, err.Error()}
		}
	}
	if c.BaseURL == nil {
		_, port, _ := net.SplitHostPort(c.Addr)
		c.BaseURL = &url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", port)}
	}
	return c, c.check()
}

// rule is a demand that concerns more than one variable.
type rule struct {
	broken            bool
	variable, message string
}

func (c Config) check() error {
	if err := c.missing(c.needs()); err != nil {
		return cmp.Or(c.Complete(), err) // who keeps nothing needs more than that
	}
	external, sandbox := c.external(), c.Sandbox() && c.Kept
	for _, r := range []rule{
		{!external && c.Pooled, "DB_POOLER", "has no meaning for the embedded Postgres"},
		{external && c.PostgresBin != "", "POSTGRES_BIN", "has no meaning with a database of your own"},
		{c.ClerkSecretKey == "" && c.ClerkAPIURL != "", "CLERK_API_URL", "has no meaning without Clerk's keys"},
		{sandbox && !loopback(c.BaseURL.Hostname()), "BASE_URL", "must be localhost as long as sign-in is the sandbox's, which signs anybody in; set Clerk's keys to serve others"},
		{sandbox && !loopbackAddr(c.Addr), "ADDR", "must be a loopback address as long as sign-in is the sandbox's, which signs anybody in"},
		{!c.Sandbox() && c.BaseURL.Scheme == "http" && !loopback(c.BaseURL.Hostname()), "BASE_URL", "must be https: without it the session cookie could be read on the way"},
	} {
		if r.broken {
			return &Error{r.variable, r.message}
		}
	}
	return nil
}

// need is what must be set when something else is, or is not.
type need struct {
	arises    bool
	variables []string
	because   string
}

// needs are those that arise from what is set. That of a program that keeps nothing is apart: it is asked by Complete.
func (c Config) needs() []need {
	return []need{
		{c.external(), ofDatabase,
			"a database of your own is asked as app_tenant and as app_control, and `openssl rand -base64 32` makes a key"},
		{c.ClerkSecretKey != "" || c.ClerkPublishableKey != "", clerkKeys, "Clerk's keys are two"},
		{c.Sandbox() && c.Kept && c.BaseURL.Scheme == "https", clerkKeys, "without them sign-in is the sandbox's, which signs anybody in and is for this machine only, and BASE_URL is https"},
	}
}

var (
	ofDatabase = []string{"TENANT_DATABASE_URL", "CONTROL_DATABASE_URL", "SEAL_KEYS", "SESSION_KEYS"}
	clerkKeys  = []string{"CLERK_SECRET_KEY", "CLERK_PUBLISHABLE_KEY"}
)

// keepless is the need of a program that can make nothing for itself.
var keepless = need{true, slices.Concat(ofDatabase, clerkKeys),
	"with DATA_DIR=off, as in the container image, there is no Postgres, no key and no sandbox of the program's own. README.md, “Running it for others”, says what each is"}

// missing names at once everything that needs ask for and that is not there; nil is nothing.
func (c Config) missing(needs []need) error {
	there := map[string]bool{
		"TENANT_DATABASE_URL": c.TenantURL != "", "CONTROL_DATABASE_URL": c.ControlURL != "", "SEAL_KEYS": len(c.SealKeys) > 0,
		"SESSION_KEYS": len(c.SessionKeys) > 0, "CLERK_SECRET_KEY": c.ClerkSecretKey != "", "CLERK_PUBLISHABLE_KEY": c.ClerkPublishableKey != "",
	}
	var names, because []string
	for _, n := range needs {
		lacking := slices.DeleteFunc(slices.Clone(n.variables), func(name string) bool { return !n.arises || there[name] })
		if len(lacking) > 0 {
			names, because = append(names, lacking...), append(because, n.because)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return &Error{strings.Join(slices.Compact(names), ", "), "must be set: " + strings.Join(because, "; ")}
}

// Complete is nil when everything is there that cannot be made up. The program asks before it makes something up, so that
// commands that need nothing run without.
func (c Config) Complete() error {
	if c.Kept {
		return nil
	}
	return c.missing([]need{keepless})
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

func loopbackAddr(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	return loopback(host)
}

func setAddr(c *Config, v string) error {
	c.Addr = v
	return hostPort(v)
}

func setMetricsAddr(c *Config, v string) error {
	c.MetricsAddr, c.MetricsSet = v, true
	if v == off {
		c.MetricsAddr = ""
		return nil
	}
	return hostPort(v)
}

// off is the value that switches a thing off.
const off = "off"

func hostPort(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil || port == "" {
		return fmt.Errorf("%q is not host:port, like 127.0.0.1:8080", v)
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
		return fmt.Errorf("%q is not a port", port)
	}
	return nil
}

func setBaseURL(c *Config, v string) error {
	if err := webURL(v); err != nil {
		return err
	}
	u, _ := url.Parse(strings.TrimSuffix(v, "/"))
	if u.Path != "" || u.RawQuery != "" {
		return fmt.Errorf("%q must end after the host", v)
	}
	c.BaseURL = u
	return nil
}

func setDataDir(c *Config, v string) error {
	if v == off {
		c.Kept = false
		return nil
	}
	c.DataDir = filepath.Clean(v)
	return absolute(v)
}

func setWorker(c *Config, v string) error {
	if v != "on" && v != "off" {
		return fmt.Errorf("%q is neither on nor off", v)
	}
	c.WorkerOff = v == "off"
	return nil
}

func setPooler(c *Config, v string) error {
	if v != "transaction" {
		return fmt.Errorf("%q is not known; the only value is transaction", v)
	}
	c.Pooled = true
	return nil
}

func absolute(v string) error {
	if !filepath.IsAbs(v) {
		return fmt.Errorf("%q must be an absolute path", v)
	}
	return nil
}

func webURL(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is not an address like https://app.example.com", v)
	}
	return nil
}

// postgresURL does not repeat the value: it may hold a password.
func postgresURL(v string) error {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return fmt.Errorf("is not an address like postgres://role:password@host:5432/database")
	}
	return nil
}

func begins(v string, prefixes ...string) error {
	for _, p := range prefixes {
		if strings.HasPrefix(v, p) && len(v) > len(p) {
			return nil
		}
	}
	return fmt.Errorf("does not begin with %s", strings.Join(prefixes, " or "))
}

// keys reads base64 texts of 32 bytes each. It does not repeat them.
func keys(v string) ([][]byte, error) {
	var all [][]byte
	for i, text := range list(v) {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("key %d is not 32 bytes in base64; `openssl rand -base64 32` makes one", i+1)
		}
		all = append(all, key)
	}
	return all, nil
}

func setRateLimit(c *Config, v string) (err error) {
	if v == off {
		c.RateLimit = 0
		return nil
	}
	if c.RateLimit, err = strconv.Atoi(v); err != nil || c.RateLimit < 1 || c.RateLimit > 1_000_000 {
		return fmt.Errorf("%q is not a number of requests a second from 1 to 1000000, or off", v)
	}
	return nil
}

// networks reads addresses and networks.
func networks(v string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range list(v) {
		net, err := netip.ParsePrefix(text)
		if a, addrErr := netip.ParseAddr(text); addrErr == nil {
			net, err = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network like 10.0.0.0/8", text)
		}
		all = append(all, net.Masked())
	}
	return all, nil
}

// list splits at commas, spaces and line ends.
func list(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

var personID = regexp.MustCompile(`^user_[A-Za-z0-9]+$`)

// people reads Clerk user ids.
func people(v string) ([]string, error) {
	all := list(v)
	for _, id := range all {
		if !personID.MatchString(id) {
			return nil, fmt.Errorf("%q is not a user id of Clerk, user_…", id)
		}
	}
	return all, nil
}
