package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// Lines of /proc/PID/status.
const (
	resident = "VmRSS:"
	peak     = "VmHWM:" // the most that was resident since the process began, or since forgetPeak
)

// memory is how much memory the process has, in MiB; zero where Linux does not tell.
func (p *process) memory(of string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, of); ok {
			kilobytes, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kilobytes / 1024
		}
	}
	return 0
}

// forgetPeak makes the peak what is resident now. Where that is not allowed, the peak stays, which is on the safe side.
func (p *process) forgetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// measureMemory looks how much memory the program takes with many users, from its start to the end of a mixed load.
func measureMemory(ctx context.Context, b *bench) (err error) {
	ours, err := b.serve(ctx, b.workLarge())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	all, err := load{to: ours, next: b.mix(), status: 0}.run(ctx, connections, 7*b.length)
	if err != nil {
		return err
	}
	line := row{
		metric: fmt.Sprintf("memory with %s users, under load", thousands(b.large.Users)), unit: mebibytes, bar: atMost(256),
		ours: ours.memory(peak), p50: all.quantile(0.5), p99: all.quantile(0.99),
		note: fmt.Sprintf("the most since the start; %.0f/s of 4 GET, 2 filter, 1 POST, 1 PATCH", all.rate),
	}
	if line.ours == 0 {
		line.missing, line.note = true, "this system does not tell how much memory a process has"
	}
	b.add(line)
	return nil
}

// mix asks for everything by turns of chance.
func (b *bench) mix() source {
	gets, filters, patches := b.large.gets(), b.large.filters(), b.large.toggles()
	all := []source{gets, gets, gets, gets, filters, filters, b.newcomers, patches}
	return func(r []byte) []byte { return all[rand.IntN(len(all))](r) }
}

// measureStart looks how long the program takes to say that it is ready, with many users.
func measureStart(ctx context.Context, b *bench) error {
	took, err := median(b.rounds, func() (time.Duration, error) {
		began := time.Now()
		ours, err := b.serve(ctx, b.workLarge())
		if err != nil {
			return 0, err
		}
		err = ours.ready(ctx)
		took := time.Since(began)
		return took, errors.Join(err, ours.stop())
	})
	if err != nil {
		return err
	}
	b.add(row{metric: fmt.Sprintf("start to ready with %s users", thousands(b.large.Users)), unit: seconds, ours: took.Seconds(), bar: atMost(0.5)})
	return nil
}

// ready returns when the process says that it is.
func (p *process) ready(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := p.ask([]byte("GET /readyz HTTP/1.1\r\nHost: scim.example.com\r\n\r\n"), 200); err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}
