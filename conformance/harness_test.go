// Package conformance plays the identity providers: black-box suites over HTTP and the command line against the real
// server binary. It owns the sequences that Okta, Entra ID and the others send, and what must be true after each step; it
// leaves the parts' own tests to the parts, and imports nothing of ours, so that it can only see what a customer sees.
//
// Every suite runs on SQLite and, where ROLLCALL_TEST_POSTGRES names the administrator's URL of a private server, on
// PostgreSQL too. `go test ./conformance` is the only caller.
package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// binary is the program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rc")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "rollcall")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/rollcall").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// each runs a suite against a fresh server on every database.
func each(t *testing.T, suite func(t *testing.T, s *server)) {
	t.Helper()
	for _, kind := range databases(t) {
		t.Run(kind, func(t *testing.T) { suite(t, start(t, kind)) })
	}
}

// proxied is each for suites that fail to authenticate more often than one address may: every request comes from another
// address, as a trusted proxy tells.
func proxied(t *testing.T, suite func(t *testing.T, s *server)) {
	t.Helper()
	for _, kind := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := prepare(t, kind)
			s.addresses = new(atomic.Uint32)
			s.serve(t, "--trusted-proxies", "127.0.0.1/32")
			suite(t, s)
		})
	}
}

func databases(t *testing.T) []string {
	t.Helper()
	if os.Getenv("ROLLCALL_TEST_POSTGRES") != "" {
		return []string{"sqlite", "postgres"}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("ROLLCALL_TEST_POSTGRES is not set: CI must not skip PostgreSQL")
	}
	return []string{"sqlite"}
}

// server is one data folder and, while it runs, the process that serves it.
type server struct {
	dir      string
	database string // "" for SQLite, else the URL
	url      string // http://127.0.0.1:43211, no slash at the end
	http     *http.Client

	addresses *atomic.Uint32 // when set, each request says that it comes from the next address

	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended, with status
	status  error
	log     *buffer
}

// start makes an empty database and a server on it; both end with the test.
func start(t *testing.T, kind string) *server {
	t.Helper()
	s := prepare(t, kind)
	s.serve(t)
	return s
}

// prepare makes an empty database and no server.
func prepare(t *testing.T, kind string) *server {
	t.Helper()
	// Not t.TempDir: its long name would not leave room for the path of a Unix socket.
	dir, err := os.MkdirTemp("", "rc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{dir: dir, log: new(buffer), http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       60 * time.Second,
	}}
	if kind == "postgres" {
		s.database = freshDatabase(t)
	}
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	return s
}

func freshDatabase(t *testing.T) string {
	t.Helper()
	admin := os.Getenv("ROLLCALL_TEST_POSTGRES")
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("ROLLCALL_TEST_POSTGRES is no URL: %v", err)
	}
	db, err := sql.Open("pgx", admin)
	if err != nil {
		t.Fatal(err)
	}
	name := "conformance_" + strings.ToLower(rand.Text())
	if _, err := db.Exec("create database " + name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("drop database " + name + " with (force)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
		_ = db.Close()
	})
	u.Path = "/" + name
	return u.String()
}

// serve starts the process and waits until it listens.
func (s *server) serve(t *testing.T, flags ...string) {
	t.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, s.where(flags...)...)
	process := exec.Command(binary, args...)
	process.Env = environment()
	process.Stderr = s.log
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = process
	ready, exited := make(chan string, 1), make(chan struct{})
	s.exited = exited
	go func() {
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadString('\n')
		ready <- line
		_, _ = io.Copy(s.log, lines)
		s.status = process.Wait()
		close(exited)
	}()
	select {
	case line := <-ready:
		address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
		if !ok || !strings.HasPrefix(address, "http://") {
			t.Fatalf("serve: the first line is %q, want listening on http://…", line)
		}
		s.url = address
	case <-time.After(30 * time.Second):
		t.Fatal("serve: not ready after 30 s")
	}
}

// stop ends the process as an operator would, and asserts that it ends cleanly.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	s.http.CloseIdleConnections()
	_ = s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		if s.status != nil {
			t.Errorf("after SIGTERM the server ends with %v, want exit status 0", s.status)
		}
	case <-time.After(15 * time.Second):
		t.Error("the server runs on 15 s after SIGTERM")
		_ = s.process.Process.Kill()
		<-s.exited
	}
	s.process = nil
	if log := s.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		t.Error("the server's log tells of a panic or a race")
	}
}

// kill ends the process as a power cut would.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	s.process = nil
	s.http.CloseIdleConnections()
}

// where gives the flags that say which data is meant, after the flags given.
func (s *server) where(flags ...string) []string {
	flags = flags[:len(flags):len(flags)]
	if s.database != "" {
		return append(flags, "--database", s.database)
	}
	return append(flags, "--data", s.dir)
}

// environment is ours without any ROLLCALL_* variable.
func environment(extra ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROLLCALL_") {
			env = append(env, v)
		}
	}
	return append(env, extra...)
}

// result is what one command left behind.
type result struct {
	stdout, stderr string
	code           int
}

// command runs the program with exactly these arguments.
func command(env []string, args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	r := result{}
	if err := cmd.Run(); err != nil {
		r.code = -1
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			r.code = exit.ExitCode()
		}
	}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return r
}

// try runs a command on the server's data and tells how it went.
func (s *server) try(args ...string) result { return command(environment(), s.where(args...)...) }

// cli runs a command that must succeed and gives its output without the last newline.
func (s *server) cli(t *testing.T, args ...string) string {
	t.Helper()
	r := s.try(args...)
	if r.code != 0 {
		t.Fatalf("rollcall %s: exit %d, %s", strings.Join(args, " "), r.code, strings.TrimSpace(r.stderr))
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// show runs a command with --json and decodes its output into out.
func (s *server) show(t *testing.T, out any, args ...string) {
	t.Helper()
	text := s.cli(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("rollcall %s --json: %v in\n%s", strings.Join(args, " "), err, text)
	}
}

// world makes what most suites need: the teams eng and ops, the channel eng/backend, and a link to each from the groups
// Engineering, Ops and Backend of the connection.
func (s *server) world(t *testing.T, connection string) {
	t.Helper()
	for _, line := range []string{
		"team create --name eng --display-name Engineering",
		"team create --name ops --display-name Ops",
		"channel create --team eng --name backend --display-name Backend",
		"link create --group Engineering --team eng --connection " + connection,
		"link create --group Ops --team ops --connection " + connection,
		"link create --group Backend --team eng --channel backend --connection " + connection,
	} {
		s.cli(t, strings.Fields(line)...)
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// parallel runs n calls of f at once and waits for all of them.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
