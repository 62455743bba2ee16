// Package harness runs the real program for the suites beside it: it builds the binary once, makes empty databases, starts
// and ends servers, and runs commands. It knows nothing of SCIM and SAML, which the suites own, and imports nothing of ours,
// so that they can only see what a customer sees.
//
// Every suite runs on SQLite and, where ROLLCALL_TEST_POSTGRES names the administrator's URL of a private server, on
// PostgreSQL too. Only tests call it; each package of them has a TestMain that calls Main.
package harness

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

// build makes the program under test, in a folder of its own, and returns its path.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "rc")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "rollcall")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/rollcall-id/rollcall/cmd/rollcall").CombinedOutput()
	if err != nil {
		return binary, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return binary, nil
})

// Main builds the program, runs the tests of a package and returns the exit code.
func Main(m *testing.M) int {
	binary, err := build()
	defer func() { _ = os.RemoveAll(filepath.Dir(binary)) }()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Binary is the path of the program under test.
func Binary() string {
	binary, _ := build() // Main has told of an error
	return binary
}

// Each runs a suite against a fresh server on every database.
func Each(t *testing.T, suite func(t *testing.T, s *Server)) {
	t.Helper()
	for _, kind := range Databases(t) {
		t.Run(kind, func(t *testing.T) { suite(t, Start(t, kind)) })
	}
}

// Proxied is Each for suites that fail to authenticate more often than one address may: every request comes from another
// address, as a trusted proxy tells.
func Proxied(t *testing.T, suite func(t *testing.T, s *Server)) {
	t.Helper()
	for _, kind := range Databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := Prepare(t, kind)
			s.ServeProxied(t)
			suite(t, s)
		})
	}
}

// Databases are the kinds of database that suites run on, as Prepare takes them.
func Databases(t *testing.T) []string {
	t.Helper()
	if os.Getenv("ROLLCALL_TEST_POSTGRES") != "" {
		return []string{"sqlite", "postgres"}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("ROLLCALL_TEST_POSTGRES is not set: CI must not skip PostgreSQL")
	}
	return []string{"sqlite"}
}

// Server is one data folder and, while it runs, the process that serves it.
type Server struct {
	Dir      string
	Database string       // "" for SQLite, else the URL
	URL      string       // http://127.0.0.1:43211, no slash at the end
	HTTP     *http.Client // follows no redirect

	Log *Buffer // what the process wrote, but for its first line

	addresses *atomic.Uint32 // of ServeProxied: how many were given out

	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended, with status
	status  error
}

// Start makes an empty database and a server on it; both end with the test.
func Start(t *testing.T, kind string) *Server {
	t.Helper()
	s := Prepare(t, kind)
	s.Serve(t)
	return s
}

// Prepare makes an empty database and no server.
func Prepare(t *testing.T, kind string) *Server {
	t.Helper()
	// Not t.TempDir: its long name would not leave room for the path of a Unix socket.
	dir, err := os.MkdirTemp("", "rc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{Dir: dir, Log: new(Buffer), HTTP: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       60 * time.Second,
	}}
	if kind == "postgres" {
		s.Database = freshDatabase(t)
	}
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log)
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

// Serve starts the process and waits until it listens.
func (s *Server) Serve(t *testing.T, flags ...string) {
	t.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, s.Where(flags...)...)
	process := exec.Command(Binary(), args...)
	process.Env = Environment()
	process.Stderr = s.Log
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
		_, _ = io.Copy(s.Log, lines)
		s.status = process.Wait()
		close(exited)
	}()
	select {
	case line := <-ready:
		address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
		if !ok || !strings.HasPrefix(address, "http://") {
			t.Fatalf("serve: the first line is %q, want listening on http://…", line)
		}
		s.URL = address
	case <-time.After(30 * time.Second):
		t.Fatal("serve: not ready after 30 s")
	}
}

// ServeProxied is Serve where every request that asks From comes from another address, as a trusted proxy tells.
func (s *Server) ServeProxied(t *testing.T, flags ...string) {
	t.Helper()
	s.addresses = new(atomic.Uint32)
	s.Serve(t, append([]string{"--trusted-proxies", "127.0.0.1/32"}, flags...)...)
}

// From puts the next address into the header of a request, where the server trusts us as a proxy.
func (s *Server) From(header http.Header) {
	if s.addresses != nil {
		n := s.addresses.Add(1)
		header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", 1+n>>16&127, n>>8&255, n&255))
	}
}

// Running tells whether there is a process, as far as Serve, Stop and Kill know.
func (s *Server) Running() bool { return s.process != nil }

// PID is the process that runs.
func (s *Server) PID() int { return s.process.Process.Pid }

// Stop ends the process as an operator would, and asserts that it ends cleanly.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	s.HTTP.CloseIdleConnections()
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
	if log := s.Log.String(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		t.Error("the server's log tells of a panic or a race")
	}
}

// Kill ends the process as a power cut would.
func (s *Server) Kill(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	s.process = nil
	s.HTTP.CloseIdleConnections()
}

// Where gives the flags that say which data is meant, after the flags given.
func (s *Server) Where(flags ...string) []string {
	flags = flags[:len(flags):len(flags)]
	if s.Database != "" {
		return append(flags, "--database", s.Database)
	}
	return append(flags, "--data", s.Dir)
}

// Environment is ours without any ROLLCALL_* variable.
func Environment(extra ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROLLCALL_") {
			env = append(env, v)
		}
	}
	return append(env, extra...)
}

// Result is what one command left behind.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Command runs the program with exactly these arguments.
func Command(env []string, args ...string) Result { return command(env, "", args) }

func command(env []string, stdin string, args []string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, Binary(), args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, strings.NewReader(stdin), &stdout, &stderr
	r := Result{}
	if err := cmd.Run(); err != nil {
		r.Code = -1
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			r.Code = exit.ExitCode()
		}
	}
	r.Stdout, r.Stderr = stdout.String(), stderr.String()
	return r
}

// Try runs a command on the server's data and tells how it went.
func (s *Server) Try(args ...string) Result { return Command(Environment(), s.Where(args...)...) }

// Input is Try with a text on standard input.
func (s *Server) Input(stdin string, args ...string) Result {
	return command(Environment(), stdin, s.Where(args...))
}

// CLI runs a command that must succeed and gives its output without the last newline.
func (s *Server) CLI(t *testing.T, args ...string) string {
	t.Helper()
	r := s.Try(args...)
	if r.Code != 0 {
		t.Fatalf("rollcall %s: exit %d, %s", strings.Join(args, " "), r.Code, strings.TrimSpace(r.Stderr))
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// Show runs a command with --json and decodes its output into out.
func (s *Server) Show(t *testing.T, out any, args ...string) {
	t.Helper()
	text := s.CLI(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("rollcall %s --json: %v in\n%s", strings.Join(args, " "), err, text)
	}
}

// Buffer is a bytes.Buffer for several goroutines.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Parallel runs n calls of f at once and waits for all of them.
func Parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
