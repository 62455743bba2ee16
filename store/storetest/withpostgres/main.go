// Command withpostgres runs a command while a PostgreSQL server of its own is up:
//
//	go run ./store/storetest/withpostgres go test ./...
//
// The server comes from Debian's packages, listens on a free port of 127.0.0.1, keeps its files in a temporary folder, and
// is gone when the command ends. The command finds it in ROLLCALL_TEST_POSTGRES; its exit code is passed on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

func main() {
	fsync := flag.Bool("fsync", true, "whether the server waits for the disk")
	flag.Parse()
	code, err := run(*fsync, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(fsync bool, command []string) (code int, err error) {
	if len(command) == 0 {
		return 0, errors.New("which command? usage: withpostgres [-fsync=false] COMMAND [ARGUMENT…]")
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	s, err := start(fsync)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return child(command, append(os.Environ(), "ROLLCALL_TEST_POSTGRES="+s.url()), signals)
}

// child runs the command to its end and passes it the signals that come meanwhile.
func child(command, env []string, signals <-chan os.Signal) (code int, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may have ended just now
		case err := <-ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return max(exit.ExitCode(), 1), nil // -1 after a signal
			}
			return 0, err
		}
	}
}

// server is a running PostgreSQL with its folder.
type server struct {
	bin    string
	folder string
	port   int
	owner  *syscall.Credential // nil: whoever we are
	cmd    *exec.Cmd
	ended  chan struct{}
	exit   error // set before ended is closed
}

func start(fsync bool) (_ *server, err error) {
	s := &server{ended: make(chan struct{})}
	if s.bin, err = binaries(); err != nil {
		return nil, err
	}
	if s.folder, err = os.MkdirTemp("", "rollcall-postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.giveAway(); err != nil {
		return nil, err
	}
	data := filepath.Join(s.folder, "data")
	initdb := s.command("initdb", "--pgdata="+data, "--username=postgres", "--auth=trust", "--no-sync",
		// An order of texts unlike that of SQLite, as real servers have it.
		"--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	s.cmd = s.command("postgres", "-D", data, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=300",
		"-c", "fsync="+strconv.FormatBool(fsync))
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		s.exit = s.cmd.Wait()
	}()
	return s, s.await()
}

// binaries finds the newest PostgreSQL; Debian keeps its server programs out of the path.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	best, newest := "", -1
	for _, path := range found {
		bin := filepath.Dir(path)
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(bin))); err == nil && n > newest {
			best, newest = bin, n
		}
	}
	if best == "" {
		return "", errors.New("there is no /usr/lib/postgresql/*/bin/postgres; type `make deps`")
	}
	return best, nil
}

// giveAway hands the folder to the user postgres if we are root, whom the server refuses to run as.
func (s *server) giveAway() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.folder, uid, gid)
}

// command is a program of PostgreSQL in a process group of its own, where Ctrl-C does not reach it.
func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setpgid: true}
	return cmd
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (s *server) url() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// await returns when the server answers.
func (s *server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.ended:
			log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			return fmt.Errorf("the server ended: %v\n%s", s.exit, log)
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the server, rudely if it does not hear, and removes its folder.
func (s *server) stop() error {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(os.Interrupt) // PostgreSQL's fast shutdown
		select {
		case <-s.ended:
		case <-time.After(20 * time.Second):
			_ = s.cmd.Process.Signal(syscall.SIGQUIT)
			<-s.ended
		}
	}
	return os.RemoveAll(s.folder)
}
