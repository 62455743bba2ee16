package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under load: the program, or the bare side.
type process struct {
	cmd  *exec.Cmd
	addr string // host:port
	log  string // file of what it writes to stderr
}

// serve starts the program on a data folder.
func (b *bench) serve(ctx context.Context, data string, flags ...string) (*process, error) {
	return launch(ctx, data+".log", b.binary, b.where(data, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)...)
}

// where appends the flags that say which data is meant.
func (b *bench) where(data string, args ...string) []string {
	if b.database != "" {
		return append(args, "--database", b.database)
	}
	return append(args, "--data", data)
}

// rollcall runs a command of the program and returns what it prints, without the last newline.
func (b *bench) rollcall(ctx context.Context, data string, args ...string) (string, error) {
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, b.binary, b.where(data, args...)...)
	cmd.Env, cmd.Stderr = environment(), &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("rollcall %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// environment is ours without any ROLLCALL_* variable.
func environment() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROLLCALL_") {
			env = append(env, v)
		}
	}
	return env
}

// launch starts a server that says in its first line where it listens.
func launch(ctx context.Context, log, name string, args ...string) (*process, error) {
	stderr, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stderr.Close() }() // the process has its own
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stderr = environment(), stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on http://")
	if !ok {
		said, _ := os.ReadFile(log)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		return nil, fmt.Errorf("%s does not listen: %s%s", filepath.Base(name), line, said)
	}
	return &process{cmd: cmd, addr: addr, log: log}, nil
}

// stop ends the process as an operator would.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// cpu is how much processor time the process has used, to 10 ms; zero where Linux does not tell.
func (p *process) cpu() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	_, text, _ = bytes.Cut(text, []byte(") ")) // the name before it may hold anything
	fields := strings.Fields(string(text))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

var batches = regexp.MustCompile(`commits=(\d+) updates=(\d+)`)

// batch is how many updates a commit carried on average, from the last words of a program that has ended; zero if it says
// nothing of it.
func (p *process) batch() float64 {
	said, _ := os.ReadFile(p.log)
	all := batches.FindAllSubmatch(said, -1)
	if len(all) == 0 {
		return 0
	}
	commits, _ := strconv.ParseFloat(string(all[len(all)-1][1]), 64)
	updates, _ := strconv.ParseFloat(string(all[len(all)-1][2]), 64)
	return updates / max(commits, 1)
}

// bare starts this program as a handler that answers as the program answers request.
func (p *process) bare(ctx context.Context, file string, request []byte, status int) (*process, error) {
	response, err := p.ask(request, status)
	if err == nil {
		err = os.WriteFile(file, response, 0o600)
	}
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return launch(ctx, file+".log", self, "-bare", file)
}

// ask returns the whole response to one request, to the byte.
func (p *process) ask(request []byte, status int) ([]byte, error) {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // it was read from
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	_, body, err := readResponse(io.TeeReader(conn, &raw), status)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, body)
	}
	return raw.Bytes(), nil
}

func readResponse(from io.Reader, status int) (*http.Response, []byte, error) {
	r, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = r.Body.Close() }() // nothing is behind it
	body, err := io.ReadAll(r.Body)
	if err == nil && status != 0 && r.StatusCode != status {
		err = fmt.Errorf("status %d, want %d", r.StatusCode, status)
	}
	return r, body, err
}

// serveBare reads every request and answers it with the response in file.
func serveBare(ctx context.Context, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was read from
	r, body, err := readResponse(f, 0)
	if err != nil {
		return err
	}
	header := r.Header
	header.Del("Date") // net/http writes it
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", ln.Addr())
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		h := w.Header()
		for name, values := range header {
			h[name] = values
		}
		w.WriteHeader(r.StatusCode)
		_, _ = w.Write(body)
	})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return nil
}
