package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is the program itself when a test starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is the program, running.
type process struct {
	*exec.Cmd
	lines chan string
	said  string // everything until it was ready
	err   *bytes.Buffer
}

func program(t *testing.T, dir, port string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RUN_AS_PROGRAM=1", "DATA_DIR="+dir, "ADDR=127.0.0.1:"+port, "METRICS_ADDR=off")
	return cmd
}

// serveIn starts the app, with variables of its own, and waits until it says that it is ready.
func serveIn(t *testing.T, dir, port string, env ...string) *process {
	t.Helper()
	cmd := program(t, dir, port)
	cmd.Env = append(cmd.Env, env...)
	return running(t, cmd)
}

// running starts the app and waits until it says that it is ready.
func running(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := started(t, cmd)
	p.await(t, "Ready")
	return p
}

// started starts the program.
func started(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, lines: make(chan string, 100), err: &bytes.Buffer{}}
	p.Stderr = p.err
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // gone already where all went well
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

func (p *process) await(t *testing.T, word string) string {
	t.Helper()
	late := time.After(2 * time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the program ended before it said %q: %s", word, p.err)
			}
			p.said += line + "\n"
			if strings.Contains(line, word) {
				return line
			}
		case <-late:
			t.Fatalf("the program never said %q", word)
		}
	}
}

// place is a data directory that the Postgres account can enter when the tests run as root, and a free port.
func place(t *testing.T) (dir, port string) {
	t.Helper()
	above, err := os.MkdirTemp("", "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(above) })
	if err := os.Chmod(above, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(above, "data"), port
}

// signedIn is a browser in which the demo's first owner is signed in, on the jobs list.
func signedIn(t *testing.T, port string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: asDocument{}}
	hosted, at := fetch(t, c, "http://localhost:"+port+"/sign-in")
	id := regexp.MustCompile(`value="(user_demoMara[A-Za-z]*)"`).FindStringSubmatch(hosted)
	redirect := regexp.MustCompile(`name="redirect_url" value="([^"]*)"`).FindStringSubmatch(hosted)
	if id == nil || redirect == nil {
		t.Fatalf("no sign-in page at %s", at)
	}
	r, err := c.PostForm(at.Scheme+"://"+at.Host+"/sign-in", url.Values{"user_id": {id[1]}, "redirect_url": {strings.ReplaceAll(redirect[1], "&amp;", "&")}})
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return c
}

// asDocument makes requests look like those of a browser that opens a page or sends its form.
type asDocument struct{}

func (asDocument) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return http.DefaultTransport.RoundTrip(r)
}

func fetch(t *testing.T, c *http.Client, address string) (string, *url.URL) {
	t.Helper()
	r, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), r.Request.URL
}

func TestOneCommandStartsTheDemoAndOutlivesEveryEnd(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	p := serveIn(t, dir, port)
	browser := signedIn(t, port)
	body, _ := fetch(t, browser, "http://localhost:"+port+"/jobs")
	if n := strings.Count(body, `<li class="row">`); n != 50 {
		t.Fatalf("%d jobs on the first page", n)
	}

	second, err := program(t, dir, port).CombinedOutput()
	if code(err) != 1 || !strings.Contains(string(second), "already runs: http://localhost:"+port) {
		t.Errorf("the second copy ended with %v: %s", err, second)
	}
	role, err := program(t, dir, port, "db", "url", "--role", "app_tenant").Output()
	if err != nil || !strings.HasPrefix(string(role), "postgres://app_tenant@") {
		t.Errorf("db url said %q, %v", role, err)
	}

	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // killed: that is its error
	p = serveIn(t, dir, port)
	if again, _ := fetch(t, browser, "http://localhost:"+port+"/jobs"); strings.Count(again, `<li class="row">`) != 50 {
		t.Error("after SIGKILL and a new start the session or its jobs are gone")
	}

	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.await(t, "Stopping")
	if err := p.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v: %s", err, p.err)
	}
	if _, err := program(t, dir, port, "db", "url", "--role", "app_tenant").Output(); code(err) != 1 {
		t.Errorf("Postgres still runs after Ctrl-C: %v", err)
	}
}

func TestCtrlCLetsARequestFinish(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	p := serveIn(t, dir, port)
	browser := signedIn(t, port)
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A form whose end is still to come when the signal arrives: 100 Continue says that it is being read.
	site := &url.URL{Scheme: "http", Host: "localhost:" + port, Path: "/"}
	cookies := ""
	for _, c := range browser.Jar.Cookies(site) {
		cookies += c.Name + "=" + c.Value + "; "
	}
	page, _ := fetch(t, browser, site.String())
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(page)
	if token == nil {
		t.Fatal("no form token on the page")
	}
	form := "token=" + token[1]
	head := "POST /sign-out HTTP/1.1\r\nHost: " + site.Host + "\r\nCookie: " + cookies + "\r\nSec-Fetch-Site: same-origin" +
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	answer := bufio.NewReader(conn)
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the form is not being read: %q, %v", line, err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.await(t, "Stopping")
	if _, err := io.WriteString(conn, form); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(answer)
	if err != nil || !strings.Contains(string(rest), "303 See Other") || !strings.Contains(string(rest), "/signed-out") {
		t.Errorf("the request got %q, %v", rest, err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v: %s", err, p.err)
	}
}

func code(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}

func TestABadVariableIsNamedAndEndsWith2(t *testing.T) {
	t.Parallel()
	for variable, value := range map[string]string{"ADDR": "nowhere", "BASE_URL": "x", "SEAL_KEYS": "short", "DATABASE_URL": "postgres://x/y"} {
		var out, errOut bytes.Buffer
		got := run(context.Background(), nil, func(name string) string {
			if name == variable {
				return value
			}
			return ""
		}, &out, &errOut)
		first, rest, _ := strings.Cut(strings.TrimSpace(errOut.String()), "\n")
		if got != exitUsage || rest != "" || out.Len() != 0 {
			t.Errorf("%s=%s: exit %d, said %q", variable, value, got, errOut.String())
		}
		if want := map[string]string{"DATABASE_URL": "CONTROL_DATABASE_URL, SEAL_KEYS, SESSION_KEYS, TENANT_DATABASE_URL"}[variable]; !strings.HasPrefix(first, variable+": ") && !strings.HasPrefix(first, want+": ") {
			t.Errorf("%s=%s: said %q", variable, value, first)
		}
	}
}

func TestACommandThatIsNoneEndsWith2(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"fly"}, {"serve", "now"}, {"db"}, {"db", "url"}, {"db", "url", "--role", "app_search"}, {"db", "start", "now"}, {"migrate", "-v"}} {
		var out, errOut bytes.Buffer
		if got := run(context.Background(), args, func(string) string { return "" }, &out, &errOut); got != exitUsage || errOut.Len() == 0 {
			t.Errorf("%v: exit %d, said %q", args, got, errOut.String())
		}
	}
}

func TestBootstrapPrintsNoPassword(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	if got := run(context.Background(), []string{"db", "bootstrap"}, func(string) string { return "" }, &out, &errOut); got != 0 {
		t.Fatalf("exit %d: %s", got, errOut.String())
	}
	for _, want := range []string{"CREATE ROLE", "NOBYPASSRLS", `CREATE DATABASE "app"`, `\getenv app_tenant_password APP_TENANT_PASSWORD`, `\connect "app"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not contain %s", want)
		}
	}
}
