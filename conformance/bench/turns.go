package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// turn is one side's turn in a round.
type turn func(context.Context) (result, error)

// pair is what came of one round: of ours, and of what it is held against.
type pair struct{ ours, other result }

// rate is how many times the rate of the other side ours has.
func (p *pair) rate() float64 { return p.ours.rate / p.other.rate }

// byTurns runs the rounds behind one to warm up, and returns them, the lowest rate first.
func (b *bench) byTurns(ctx context.Context, ours, other turn) (pairs []pair, err error) {
	for i := range b.rounds + 1 {
		var p pair
		if p.ours, err = ours(ctx); err != nil {
			return nil, err
		}
		if p.other, err = other(ctx); err != nil {
			return nil, fmt.Errorf("the other side: %w", err)
		}
		fmt.Fprintf(os.Stderr, "  round %d: %.0f/s (%d µs) against %.0f/s (%d µs)\n", i,
			p.ours.rate, p.ours.cpu.Microseconds(), p.other.rate, p.other.cpu.Microseconds())
		if i > 0 {
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.rate(), b.rate()) })
	return pairs, nil
}

// addCost adds the row of what a request costs, in the time that it keeps the machine busy: the round with the median.
func (b *bench) addCost(metric string, most float64, pairs []pair) {
	m := pairs[len(pairs)/2]
	b.add(row{
		metric: metric, unit: microseconds, ours: 1e6 / m.ours.rate, limit: 1e6 / m.other.rate, bar: atMost(most),
		p50: m.ours.quantile(0.5), p99: m.ours.quantile(0.99),
		note: fmt.Sprintf("ratios %.2f to %.2f; processor %d µs against %d µs", 1/pairs[len(pairs)-1].rate(), 1/pairs[0].rate(),
			m.ours.cpu.Microseconds(), m.other.cpu.Microseconds()),
	})
}

// under is the turn of a process under a source of requests.
func (b *bench) under(p *process, next source, status int) turn {
	return func(ctx context.Context) (result, error) {
		return load{to: p, next: next, status: status}.run(ctx, connections, b.length)
	}
}

// median runs f some times and returns the median of what it took.
func median(times int, f func() (time.Duration, error)) (time.Duration, error) {
	var all []time.Duration
	for range times {
		took, err := f()
		if err != nil {
			return 0, err
		}
		all = append(all, took)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// medianQuantile is the p99 of either side: of the round in which their ratio is the median.
func medianQuantile(pairs []pair) (ours, other time.Duration) {
	ratio := func(p *pair) float64 { return p.ours.quantile(0.99).Seconds() / p.other.quantile(0.99).Seconds() }
	sorted := slices.SortedFunc(slices.Values(pairs), func(a, b pair) int { return cmp.Compare(ratio(&a), ratio(&b)) })
	m := sorted[len(sorted)/2]
	return m.ours.quantile(0.99), m.other.quantile(0.99)
}
