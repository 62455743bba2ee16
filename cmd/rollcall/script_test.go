package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rollcall-id/rollcall/store/storetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rollcall": func() { os.Exit(start()) }})
}

// TestScripts runs the scripts of testdata/script with commands that open the database themselves, with a server that runs them,
// and with a server that shares a PostgreSQL database with them.
func TestScripts(t *testing.T) {
	for _, mode := range []string{"alone", "server", "postgres"} {
		t.Run(mode, func(t *testing.T) {
			if mode == "postgres" {
				storetest.EmptyPostgres(t) // or it is skipped
			}
			testscript.Run(t, testscript.Params{
				Dir: "testdata/script",
				Setup: func(e *testscript.Env) error {
					if mode == "postgres" {
						e.Vars = append(e.Vars, "ROLLCALL_DATABASE="+storetest.EmptyPostgres(t))
					}
					return setup(e, mode)
				},
				Condition: func(cond string) (bool, error) { return cond == mode, nil },
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"begin": begin, "serve": serveScript, "stop": stopScript, "push": push, "token": keepToken, "refused": refused, "paste": paste,
					"publish": publish, "say": say,
				},
			})
		})
	}
}

// noSleep is for programs built with -race, which otherwise sleep for a second before they exit.
const noSleep = "GORACE=atexit_sleep_ms=0"

func setup(e *testscript.Env, mode string) error {
	e.Vars = append(e.Vars, "MODE="+mode, noSleep)
	e.Values["server"] = &scriptServer{}
	e.Defer(func() {
		if err := e.Values["server"].(*scriptServer).stop(); err != nil {
			e.T().Log("server: ", err)
		}
	})
	return nil
}

// scriptServer is the server of one script.
type scriptServer struct {
	process *exec.Cmd
	url     string
	stdout  []string // after the first line
	ended   chan error
}

// start starts `rollcall serve` in the script's folder and waits until it listens.
func (s *scriptServer) start(ts *testscript.TestScript, args ...string) error {
	s.process = exec.Command("rollcall", append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	s.process.Dir = ts.MkAbs(".")
	s.process.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.process.Dir, noSleep}
	for _, name := range []string{"ROLLCALL_DATA", "ROLLCALL_DATABASE", "ROLLCALL_CONFIG", "ROLLCALL_COLOUR"} {
		s.process.Env = append(s.process.Env, name+"="+ts.Getenv(name))
	}
	log, err := os.OpenFile(ts.MkAbs("server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.process.Stderr = log
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "listening on http://") {
		return fmt.Errorf("the first line is %q: %w", lines.Text(), errors.Join(s.process.Wait(), log.Close()))
	}
	s.url, s.ended, s.stdout = strings.TrimPrefix(lines.Text(), "listening on "), make(chan error, 1), nil
	if slices.Contains(args, "--dev") {
		for len(s.stdout) < 3 && lines.Scan() {
			if strings.HasPrefix(lines.Text(), "curl ") {
				s.stdout = append(s.stdout, lines.Text())
			}
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		s.ended <- errors.Join(s.process.Wait(), log.Close())
	}()
	return nil
}

func (s *scriptServer) stop() error {
	if s.process == nil {
		return nil
	}
	err := s.process.Process.Signal(syscall.SIGTERM)
	select {
	case ended := <-s.ended:
		err = errors.Join(err, ended)
	case <-time.After(20 * time.Second):
		err = errors.Join(errors.New("the server does not end"), s.process.Process.Kill())
	}
	s.process = nil
	return err
}

func serverOf(ts *testscript.TestScript) *scriptServer { return ts.Value("server").(*scriptServer) }

// begin starts a server if this run is with one, else makes a database.
func begin(ts *testscript.TestScript, _ bool, args []string) {
	if ts.Getenv("MODE") != "alone" {
		ts.Check(serverOf(ts).start(ts, args...))
	} else {
		ts.Check(ts.Exec("rollcall", "db", "migrate"))
	}
}

// serve starts a server and sets $URL.
func serveScript(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(serverOf(ts).start(ts, args...))
	ts.Setenv("URL", serverOf(ts).url)
}

// stop ends the server, which must end cleanly.
func stopScript(ts *testscript.TestScript, _ bool, _ []string) { ts.Check(serverOf(ts).stop()) }

// token NAME sets $TOKEN to a new token of a connection.
func keepToken(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("rollcall", "token", "create", "--connection", args[0]))
	ts.Setenv("TOKEN", strings.TrimSpace(ts.ReadFile("stdout")))
}

// push METHOD PATH [BODY] [NAME] sends a SCIM request, which must succeed, and sets $NAME to the id of the answer. Where no server
// runs, one does for the time of the request.
func push(ts *testscript.TestScript, _ bool, args []string) {
	s := serverOf(ts)
	if s.process == nil {
		ts.Check(s.start(ts))
		defer func() { ts.Check(s.stop()) }()
	}
	args = append(args, "", "")
	req, err := http.NewRequest(args[0], s.url+"/scim/v2"+args[1], strings.NewReader(args[2]))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	body, err := io.ReadAll(res.Body)
	ts.Check(errors.Join(err, res.Body.Close()))
	http.DefaultClient.CloseIdleConnections()
	if want := args[3]; res.StatusCode >= 300 && want != strconv.Itoa(res.StatusCode) {
		ts.Fatalf("%s: %s", res.Status, body)
	}
	if id := regexp.MustCompile(`"id":"([^"]+)"`).FindSubmatch(body); args[3] != "" && id != nil {
		ts.Setenv(args[3], string(id[1]))
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// refused STATUS PATTERN WORD... runs a command that must end with the status and complain in one line that matches.
func refused(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("rollcall", args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("rollcall %s: %v, want exit status %s", strings.Join(args[2:], " "), err, args[0])
	}
	line := ts.ReadFile("stderr")
	if !regexp.MustCompile(`^rollcall: [^\n]+; [^\n]+\n$`).MatchString(line) {
		ts.Fatalf("the complaint is %q, want one line that says what is wrong; what to type", line)
	}
	if !regexp.MustCompile(args[1]).MatchString(line) {
		ts.Fatalf("the complaint is %q, want %s", line, args[1])
	}
}

// publish starts a web server, whose URL is $PUBLISHED.
func publish(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, err := os.ReadFile(ts.MkAbs("published"))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(text)
	}))
	ts.Defer(server.Close)
	ts.Setenv("PUBLISHED", server.URL+"/")
}

// say FILE lets that web server answer with a file.
func say(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs("published"), []byte(ts.ReadFile(args[0])), 0o600))
}

// paste N runs the line N that serve --dev printed, as one pastes it into a shell.
func paste(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(ts.Exec("bash", "-c", serverOf(ts).stdout[n-1]))
}
