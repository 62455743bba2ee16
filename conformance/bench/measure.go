package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// contest is one kind of request, asked of the program and of what the machine allows by turns.
type contest struct {
	metric string
	bar    bar
	status int
	source func() source
	raw    func() (*raw, error) // nil for reads
}

// round is one turn of each side.
type round struct {
	ours, bare result
	raw        float64 // requests a second; zero without a raw side
}

func (r *round) limit() float64 {
	if r.raw == 0 {
		return r.bare.rate
	}
	return 1 / (1/r.bare.rate + 1/r.raw)
}

func (r *round) ratio() float64 { return r.ours.rate / r.limit() }

func measureGet(ctx context.Context, b *bench) error {
	return b.hold(ctx, contest{metric: "GET /Users/{id}", bar: atLeast(0.50), status: 200, source: b.fixed.gets})
}

func measureFilter(ctx context.Context, b *bench) error {
	return b.hold(ctx, contest{metric: "GET /Users?filter=userName eq", bar: atLeast(0.45), status: 200, source: b.fixed.filters})
}

func measurePost(ctx context.Context, b *bench) error {
	return b.hold(ctx, contest{
		metric: "POST /Users", bar: atLeast(0.50), status: 201,
		source: func() source { return b.fixed.posts(b.users) },
		raw:    func() (*raw, error) { return b.openRaw(ctx, b.post, b.newUsers) },
	})
}

func measurePatch(ctx context.Context, b *bench) error {
	return b.hold(ctx, contest{
		metric: "PATCH /Users/{id} active", bar: atLeast(0.50), status: 200, source: b.fixed.patches,
		raw: func() (*raw, error) { return b.openRaw(ctx, b.patch, b.oldUsers) },
	})
}

// hold runs a contest and adds its row: the round whose ratio is the median.
func (b *bench) hold(ctx context.Context, c contest) (err error) {
	if err := b.fresh(); err != nil {
		return err
	}
	var r *raw
	if c.raw != nil && b.database == "" {
		if r, err = c.raw(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.close()) }()
	}
	ours, err := b.serve(ctx, b.work)
	if err != nil {
		return err
	}
	rounds, err := b.turns(ctx, c, ours, r)
	if err := errors.Join(err, ours.stop()); err != nil {
		return err
	}
	slices.SortFunc(rounds, func(a, b round) int { return cmp.Compare(a.ratio(), b.ratio()) })
	m := rounds[len(rounds)/2]
	line := row{
		metric: c.metric, unit: perSecond, ours: m.ours.rate, limit: m.limit(), bar: c.bar,
		p50: m.ours.quantile(0.5), p99: m.ours.quantile(0.99),
	}
	line.note = fmt.Sprintf("ratios %.2f to %.2f; processor %d µs, bare %d µs", rounds[0].ratio(), rounds[len(rounds)-1].ratio(),
		m.ours.cpu.Microseconds(), m.bare.cpu.Microseconds())
	if r != nil {
		line.note += fmt.Sprintf("; bare %.0f/s, raw %.0f/s, %.1f updates a commit", m.bare.rate, m.raw, ours.batch())
	}
	b.add(line)
	return nil
}

// turns warms both sides up and runs the rounds.
func (b *bench) turns(ctx context.Context, c contest, ours *process, r *raw) (rounds []round, err error) {
	next := c.source()
	bare, err := ours.bare(ctx, filepath.Join(b.folder, "response"), next(nil), c.status)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	our := load{to: ours, next: next, status: c.status}
	their := load{to: bare, next: c.source(), status: c.status}
	for i := range b.rounds + 1 {
		length := b.length
		if i == 0 {
			length = time.Second // to warm up
		}
		var one round
		if one.ours, err = our.run(ctx, connections, length); err != nil {
			return nil, fmt.Errorf("the program: %w", err)
		}
		if one.bare, err = their.run(ctx, connections, length); err != nil {
			return nil, fmt.Errorf("the bare side: %w", err)
		}
		if r != nil {
			if one.raw, err = r.run(ctx, length); err != nil {
				return nil, fmt.Errorf("the raw side: %w", err)
			}
		}
		if one.bare.size < 0.98*one.ours.size || one.bare.size > 1.02*one.ours.size {
			return nil, fmt.Errorf("the bare side answers %.0f bytes, the program %.0f", one.bare.size, one.ours.size)
		}
		fmt.Fprintf(os.Stderr, "  round %d: ours %.0f/s (%d µs), bare %.0f/s (%d µs), raw %.0f/s, ratio %.3f\n", i,
			one.ours.rate, one.ours.cpu.Microseconds(), one.bare.rate, one.bare.cpu.Microseconds(), one.raw, one.ratio())
		if i > 0 {
			rounds = append(rounds, one)
		}
	}
	return rounds, nil
}
