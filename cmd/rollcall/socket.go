package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// The socket carries one command: the client sends its words, and the file that the command reads, as one line of JSON, and the
// server answers with frames, each a kind, the length of its content in four bytes, and the content. The last frame is the exit
// status. Either end gives up by closing.
const (
	frameStdout = 'o'
	frameStderr = 'e'
	frameExit   = 'x' // one byte

	maxRequest  = 2 << 20 // a file of a MiB, in base64
	maxFrame    = 64 << 10
	requestTime = 10 * time.Second // to send a request
)

type request struct {
	Args  []string `json:"args"`
	Place string   `json:"place"` // of app
	Input []byte   `json:"input,omitempty"`
}

// exitStatus is the error of a command that a server ran and complained about itself.
type exitStatus int

func (s exitStatus) Error() string { return "the server refused the command" }

// words are what the server must be told: the command with its flags as they are in force, wherever they come from, but for
// those that say which database is meant.
func words(cmd *cobra.Command, args []string) []string {
	var w []string
	for c := cmd; c.HasParent(); c = c.Parent() {
		w = append([]string{c.Name()}, w...)
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "data" && f.Name != "database" && f.Name != "config" {
			w = append(w, "--"+f.Name+"="+f.Value.String())
		}
	})
	return append(append(w, "--"), args...)
}

// forward lets the server at the other end run a command.
func forward(ctx context.Context, conn net.Conn, r request, stdout, stderr io.Writer) (err error) {
	hangUp := sync.OnceFunc(func() { _ = conn.Close() }) // of a connection that is done with, its error says nothing
	defer hangUp()
	defer context.AfterFunc(ctx, hangUp)()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return lost(ctx, err)
	}
	in := bufio.NewReader(conn)
	for {
		kind, content, err := readFrame(in)
		if err != nil {
			return lost(ctx, err)
		}
		switch kind {
		case frameStdout:
			_, err = stdout.Write(content)
		case frameStderr:
			_, err = stderr.Write(content)
		case frameExit:
			if content[0] == 0 {
				return nil
			}
			return exitStatus(content[0])
		}
		if err != nil {
			return err
		}
	}
}

func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &complaint{failed, "the server went away: " + err.Error(), "see whether it did what you asked, then type it again"}
}

func readFrame(in io.Reader) (kind byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n == 0 || n > maxFrame {
		return 0, nil, errors.New("what answers is not rollcall")
	}
	content = make([]byte, n)
	_, err = io.ReadFull(in, content)
	return head[0], content, err
}

// frames writes what a command writes as frames of one kind.
type frames struct {
	conn net.Conn
	kind byte
}

func (f frames) Write(p []byte) (written int, err error) {
	for written < len(p) {
		piece := p[written:min(written+maxFrame, len(p))]
		frame := binary.BigEndian.AppendUint32([]byte{f.kind}, uint32(len(piece)))
		if _, err := f.conn.Write(append(frame, piece...)); err != nil {
			return written, err
		}
		written += len(piece)
	}
	return written, nil
}

// listenSocket makes the socket, for the owner of the folder alone. A socket that is there was left behind, because the caller
// has the folder.
func listenSocket(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	ln, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EINVAL) {
		return nil, &complaint{failed, "the path " + path + " is too long for a socket", "name a shorter one by --data"}
	}
	return ln, err
}

// socketServer runs the commands of clients.
type socketServer struct {
	db      *store.DB
	service *provision.Service
	log     *slog.Logger
	scimURL string
}

// serve answers until ctx ends; then it ends the commands under way and waits for them.
func (s *socketServer) serve(ctx context.Context, ln net.Listener) {
	var clients sync.WaitGroup
	defer clients.Wait()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Warn("socket", "error", err)
			time.Sleep(pollTime)
			continue
		}
		clients.Go(func() { s.answer(ctx, conn) })
	}
}

func (s *socketServer) answer(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hangUp := sync.OnceFunc(func() { _ = conn.Close() })
	defer hangUp()
	in := bufio.NewReader(io.LimitReader(conn, maxRequest))
	_ = conn.SetReadDeadline(time.Now().Add(requestTime))
	line, err := in.ReadBytes('\n')
	var r request
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err == io.EOF && len(line) == 0 { // somebody looked whether a server is here
		return
	}
	if err != nil {
		s.log.Warn("socket: not a command", "error", err)
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	go func() { // nothing more comes but the end
		_, _ = conn.Read(make([]byte, 1))
		cancel()
	}()
	a := app{
		program: "rollcall", stdout: frames{conn, frameStdout}, stderr: frames{conn, frameStderr},
		serving: true, user: peer(conn), db: s.db, service: s.service, scimURL: s.scimURL, place: r.Place, input: r.Input,
	}
	// A command that is told to end says so; one that is stuck in writing to its client is cut off.
	defer context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Now().Add(time.Second)) })()
	_, _ = frames{conn, frameExit}.Write([]byte{byte(a.execute(ctx, r.Args))})
}
