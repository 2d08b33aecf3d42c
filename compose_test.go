package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"upwork-ai-agent/app/config"
)

// service is what the tests look at of a service in compose.yaml.
type service struct {
	Image       string
	User        string
	Entrypoint  []string
	Command     []string
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Networks    []string
	Tmpfs       []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Restart     string
	Privileged  bool
	Healthcheck struct{ Test []string }
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
}

type composition struct {
	Services map[string]service
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
}

func compose(t *testing.T) composition {
	t.Helper()
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c composition
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 4 {
		t.Fatalf("services: %q", slices.Sorted(maps.Keys(c.Services)))
	}
	return c
}

// reference is a variable of compose: ${NAME}, ${NAME:-default}, ${NAME:?message}.
var reference = regexp.MustCompile(`\$\{([A-Z_]+)(:-|:\?)?([^}]*)\}`)

// filled is value with the variables of env, as compose fills them in. Everything that must be set must be in env.
func filled(t *testing.T, value string, env map[string]string) string {
	t.Helper()
	value = reference.ReplaceAllStringFunc(value, func(text string) string {
		m := reference.FindStringSubmatch(text)
		if set := env[m[1]]; set != "" || m[2] == ":-" {
			return map[bool]string{true: set, false: m[3]}[set != ""]
		}
		t.Errorf("%s is not set", m[1])
		return ""
	})
	return strings.ReplaceAll(value, "$$", "$")
}

func TestEveryContainerIsHardenedAndPinned(t *testing.T) {
	t.Parallel()
	c := compose(t)
	for name, s := range c.Services {
		if !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.Restart == "" {
			t.Errorf("%s is not hardened: %+v", name, s)
		}
		if !regexp.MustCompile(`^[a-z/-]+:(v?[0-9]+\.[0-9]+[.0-9a-z-]*|\$\{VERSION:-unreleased\})$`).MatchString(s.Image) {
			t.Errorf("%s runs %q, which is no version", name, s.Image)
		}
		for _, p := range s.Ports {
			if name != "app" || p != "127.0.0.1:8080:8080" && p != "127.0.0.1:9091:9090" {
				t.Errorf("%s is reachable at %s", name, p)
			}
		}
		if name != "app" && (!slices.Equal(s.Networks, []string{"inside"}) || !c.Networks["inside"].Internal) {
			t.Errorf("%s is on %q", name, s.Networks)
		}
	}
	for _, name := range []string{"postgres", "pgbouncer"} {
		if c.Services[name].User == "" || c.Services["app"].DependsOn[name].Condition != "service_healthy" || len(c.Services[name].Healthcheck.Test) == 0 {
			t.Errorf("%s runs as %q, and the app waits for it until %q", name, c.Services[name].User, c.Services["app"].DependsOn[name].Condition)
		}
	}
	if c.Services["app"].DependsOn["migrate"].Condition != "service_completed_successfully" {
		t.Error("the app does not wait for the migrations")
	}
	var floor int
	if _, err := fmt.Sscanf(c.Services["postgres"].Image, "postgres:17.%d", &floor); err != nil || floor < 6 {
		t.Errorf("%s is older than the app takes", c.Services["postgres"].Image)
	}
	if _, ok := c.Volumes["postgres"]; !ok || c.Services["postgres"].Volumes[0] != "postgres:/var/lib/postgresql/data" {
		t.Error("the data is not on a named volume")
	}
}

func TestTheComposeFileHoldsNoSecretAndOnlyVariablesThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(".env.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
		required := regexp.MustCompile(`(?m)^` + m[1] + `=$`).Match(example)
		if m[2] == ":?" && !required || m[2] == "" {
			t.Errorf("%s must be set, and .env.example does not have it empty", m[1])
		}
		if built := m[1] == "VERSION" || m[1] == "REVISION"; !required && !built && !regexp.MustCompile(`(?m)^`+m[1]+`=`).Match(example) {
			t.Errorf("%s can be set, and .env.example does not say so", m[1])
		}
		if secret := regexp.MustCompile(`PASSWORD|KEY`).MatchString(m[1]); secret && m[2] != ":?" {
			t.Errorf("%s has a default: %s", m[1], m[0])
		}
	}
	known := map[string]bool{}
	for _, v := range config.Variables {
		known[v.Name] = true
	}
	c := compose(t)
	for _, name := range []string{"app", "migrate"} {
		for variable := range c.Services[name].Environment {
			if !known[variable] && !strings.HasPrefix(variable, "OTEL_") { // the SDK reads its own
				t.Errorf("%s sets %s, which the program does not know", name, variable)
			}
		}
	}
	if metrics := c.Services["app"]; metrics.Environment["METRICS_ADDR"] != "0.0.0.0:9090" || !slices.Contains(metrics.Ports, "127.0.0.1:9091:9090") {
		t.Errorf("nobody outside reaches the metrics: %q at %q", metrics.Ports, metrics.Environment["METRICS_ADDR"])
	}
	if c.Services["app"].Environment["DATABASE_URL"] != "" {
		t.Error("the app has the password of the tables' owner")
	}
}

func TestTheImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)[1]
	from := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllSubmatch(file, -1)
	if len(from) != 2 || string(from[0][1]) != "golang:"+string(want) || string(from[1][1]) != "scratch" {
		t.Errorf("the image is made from %q, the module wants go %s", from, want)
	}
}

func TestWithoutADataDirectoryTheProgramSaysAtOnceWhatMustBeSet(t *testing.T) {
	t.Parallel()
	image := map[string]string{"ADDR": "0.0.0.0:8080", "DATA_DIR": "off"} // as in the Dockerfile
	for _, args := range [][]string{nil, {"migrate"}, {"doctor"}} {
		var out, errOut bytes.Buffer
		code := run(context.Background(), args, func(name string) string { return image[name] }, &out, &errOut)
		said := errOut.String()
		for _, want := range []string{"TENANT_DATABASE_URL", "CONTROL_DATABASE_URL", "SEAL_KEYS", "SESSION_KEYS", "CLERK_SECRET_KEY", "CLERK_PUBLISHABLE_KEY"} {
			if code != exitUsage || strings.Count(said, "\n") != 1 || !strings.Contains(said, want) {
				t.Errorf("%q: exit %d, said %q", args, code, said)
			}
		}
	}
	for _, args := range [][]string{{"help"}, {"db", "bootstrap"}} {
		var out, errOut bytes.Buffer
		if code := run(context.Background(), args, func(name string) string { return image[name] }, &out, &errOut); code != 0 {
			t.Errorf("%q: exit %d, said %q", args, code, errOut.String())
		}
	}
}
