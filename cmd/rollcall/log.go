package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logDelay is how long a line may be in memory. What is worse than information is written at once.
	logDelay = 100 * time.Millisecond
	// maxLog is how many bytes wait for who reads the log. Beyond that lines are lost, and counted: a log that nobody takes must
	// not hold up a deactivation.
	maxLog = 4 << 20
)

// newLog returns a log that writes to out, of format json or text, from level on, and the function that ends it.
func newLog(out io.Writer, format, level string) (log *slog.Logger, end func()) {
	w := &logWriter{out: out}
	options := &slog.HandlerOptions{}
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err == nil { // the flag has checked it
		options.Level = least
	}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if format == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	w.tell = func(lost int) {
		slog.New(h).Warn("lines of the log were not taken in time and are lost", "lines", lost)
	}
	return slog.New(logHandler{h, w}), w.flush
}

// logHandler writes at once what somebody should see at once.
type logHandler struct {
	slog.Handler
	w *logWriter
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level > slog.LevelInfo && h.w.writing.TryLock() { // else lines are being written, and this one soon
		h.w.write()
		h.w.writing.Unlock()
	}
	return err
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs), h.w}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name), h.w}
}

// logWriter gathers lines and writes them together.
type logWriter struct {
	out  io.Writer
	tell func(lost int) // writes a line of it

	mu    sync.Mutex
	lines []byte
	timed bool // a flush will come
	lost  int

	writing sync.Mutex // held while out has lines that were taken; before mu
	spare   []byte
}

func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines)+len(line) > maxLog {
		w.lost++
		return len(line), nil
	}
	w.lines = append(w.lines, line...)
	if !w.timed {
		w.timed = true
		time.AfterFunc(logDelay, w.flush)
	}
	return len(line), nil
}

// flush writes what was gathered.
func (w *logWriter) flush() {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.write()
}

// write is flush for who has locked writing.
func (w *logWriter) write() {
	w.mu.Lock()
	lines, lost := w.lines, w.lost
	w.lines, w.lost, w.timed = w.spare[:0], 0, false
	w.mu.Unlock()
	_, _ = w.out.Write(lines) // there is nowhere to complain
	w.spare = lines
	if lost > 0 {
		w.tell(lost)
	}
}
