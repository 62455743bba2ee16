package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// folder is a folder whose path leaves room for that of a socket.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// command runs a command on the folder and returns what it wrote and its exit status.
func command(ctx context.Context, dir string, args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	a := app{program: "rollcall", stdout: &out, stderr: &errs}
	status = a.execute(ctx, append([]string{"--data", dir}, args...))
	return out.String(), errs.String(), status
}

func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	stdout, stderr, status := command(t.Context(), dir, args...)
	if status != 0 {
		t.Fatalf("rollcall %s: %d, %s", strings.Join(args, " "), status, stderr)
	}
	return stdout
}

// socketOn opens the folder as a server does and answers on its socket until the function that it returns is called. Unless
// idle, it does tasks.
func socketOn(t *testing.T, dir string, idle bool) (db *store.DB, stop func()) {
	t.Helper()
	a := app{data: dir}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	if err := a.openForServer(t.Context(), log, nil); err != nil {
		t.Fatal(err)
	}
	ln, err := a.listenSocket()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { (&socketServer{db: a.db, service: a.service, log: log}).serve(ctx, ln) })
	if !idle {
		running.Go(func() { a.service.Work(ctx) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := a.db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return a.db, stop
}

func TestSocket_runs_commands_at_once(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := folder(t)
	_, stop := socketOn(t, dir, false)
	var clients sync.WaitGroup
	for i := range 16 {
		clients.Go(func() {
			if _, stderr, status := command(t.Context(), dir, "team", "create", "--name", fmt.Sprintf("team%d", i)); status != 0 {
				t.Errorf("exit status %d: %s", status, stderr)
			}
		})
	}
	clients.Wait()
	if n := strings.Count(must(t, dir, "team", "list", "--json"), `"name"`); n != 16 {
		t.Errorf("there are %d teams, want 16", n)
	}
	stop()
}

func TestSocket_refuses_what_belongs_to_the_server(t *testing.T) {
	dir := folder(t)
	socketOn(t, dir, false)
	if kind, content := exchange(t, dir, `{"args":["serve"]}`+"\n"); kind != frameExit || content[0] != misuse {
		t.Errorf("serve: frame %q %v, want exit status %d", kind, content, misuse)
	}
	for _, line := range []string{"nonsense\n", `{"args":` + "\n", `{"args":["` + strings.Repeat("x", maxRequest) + `"]}` + "\n"} {
		if kind, _ := exchange(t, dir, line); kind != 0 {
			t.Errorf("%.20s: frame %q, want none", line, kind)
		}
	}
	must(t, dir, "team", "list")
}

// exchange sends bytes and returns the last frame, of kind 0 when there is none.
func exchange(t *testing.T, dir, line string) (kind byte, content []byte) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, "rollcall.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte(line))
	in := bufio.NewReader(conn)
	for {
		k, c, err := readFrame(in)
		if err != nil {
			return kind, content
		}
		kind, content = k, c
	}
}

func TestSocket_ends_the_command_of_a_client_that_goes(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := folder(t)
	db, stop := socketOn(t, dir, true)
	populate(t, db, 1100)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	_, stderr, status := command(ctx, dir, "link", "create", "--connection", "okta", "--group", "Everyone", "--team", "eng")
	if status != failed || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	stop() // waits for every command under way
}

func TestSocket_leaves_the_work_to_the_server_if_told_so(t *testing.T) {
	dir := folder(t)
	db, _ := socketOn(t, dir, true)
	populate(t, db, 1100)
	must(t, dir, "link", "create", "--connection", "okta", "--group", "Everyone", "--team", "eng", "--no-wait")
	if n := tasks(t, db); n != 1 {
		t.Errorf("%d tasks wait, want 1", n)
	}
}

func TestSocket_waits_for_the_work(t *testing.T) {
	dir := folder(t)
	db, _ := socketOn(t, dir, false)
	populate(t, db, 1100)
	must(t, dir, "link", "create", "--connection", "okta", "--group", "Everyone", "--team", "eng")
	inTeam(t, dir, "u1099")
}

func TestLink_alone_does_the_work_itself(t *testing.T) {
	dir := folder(t)
	db, stop := socketOn(t, dir, true)
	populate(t, db, 1100)
	stop()
	must(t, dir, "link", "create", "--connection", "okta", "--group", "Everyone", "--team", "eng")
	inTeam(t, dir, "u1099")
}

func TestOpen_waits_for_another_command(t *testing.T) {
	dir := folder(t)
	must(t, dir, "db", "migrate")
	db, err := store.Open(t.Context(), store.Config{Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { _ = db.Close() })
	must(t, dir, "team", "list")
}

func tasks(t *testing.T, db *store.DB) (waiting int64) {
	t.Helper()
	if err := db.View(t.Context(), func(tx *store.Tx) (err error) {
		waiting, _, err = tx.Tasks()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return waiting
}

func inTeam(t *testing.T, dir, user string) {
	t.Helper()
	var shown struct{ Teams []struct{ Name string } }
	if err := json.Unmarshal([]byte(must(t, dir, "user", "show", user, "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Teams) != 1 || shown.Teams[0].Name != "eng" {
		t.Errorf("%s is in %v, want the team eng", user, shown.Teams)
	}
}

// populate makes a connection okta with n identities, all in the group Everyone, and a team eng.
func populate(t *testing.T, db *store.DB, n int) {
	t.Helper()
	s, ctx := provision.New(db, slog.New(slog.DiscardHandler)), t.Context()
	conn, err := s.CreateConnection(ctx, directory.Actor{Name: "cli"}, "okta", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateTeam(ctx, directory.Actor{Name: "cli"}, directory.Team{Name: "eng", DisplayName: "Eng", Type: directory.Open}); err != nil {
		t.Fatal(err)
	}
	actor := directory.Actor{Name: "scim", Connection: conn.Row, ConnName: conn.Name}
	ids := make([]string, n)
	var makers sync.WaitGroup
	for worker := range 8 {
		makers.Go(func() {
			for i := worker; i < n; i += 8 {
				made, err := s.CreateIdentity(ctx, actor, func(i2 *directory.Identity) error {
					i2.UserName, i2.Document, i2.Search = fmt.Sprintf("u%d@x.test", i), []byte("{}"), []byte("{}")
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				ids[i] = string(made.ID)
			}
		})
	}
	makers.Wait()
	name := "Everyone"
	edit := directory.GroupEdit{DisplayName: &name, Members: []directory.MemberEdit{{Op: directory.AddMembers, Values: ids}}}
	if _, err := s.CreateGroup(ctx, actor, edit); err != nil {
		t.Fatal(err)
	}
}
