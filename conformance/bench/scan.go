package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"
)

// scanners is how many filters without an index run while GETs are measured.
const scanners = 8

// scan appends a filter of one term that no index leads to, and that one user meets.
func (f *fixture) scan(r []byte, turn int) []byte {
	return f.appendRequest(r, turn, "GET", "/Users?filter=name.familyName%20eq%20%22Family-"+name(f.Users-turn%f.Users)+"%22", "")
}

// measureScan looks how long a filter takes that reads every user, and how much longer GETs take while some run.
func measureScan(ctx context.Context, b *bench) (err error) {
	large, err := b.serve(ctx, b.workLarge())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.stop()) }()
	if err := b.scanAlone(large); err != nil {
		return err
	}
	quiet := b.under(large, b.large.gets(), 200)
	var answered, refused int
	loud := func(ctx context.Context) (r result, err error) {
		ctx, cancel := context.WithTimeout(ctx, b.length)
		defer cancel()
		var scans sync.WaitGroup
		var scanned error
		scans.Go(func() {
			var yes, no int
			yes, no, scanned = b.scanUntil(ctx, large)
			answered, refused = answered+yes, refused+no
		})
		r, err = quiet(ctx)
		scans.Wait()
		return r, errors.Join(err, scanned)
	}
	pairs, err := b.byTurns(ctx, loud, quiet)
	if err != nil {
		return err
	}
	with, without := medianQuantile(pairs)
	b.add(row{
		metric: fmt.Sprintf("GET p99 while %d such filters run, limit: without", scanners), unit: milliseconds, bar: atMost(2),
		ours: with.Seconds() * 1000, limit: without.Seconds() * 1000, p99: with,
		note: fmt.Sprintf("of the filters %d answered, %d refused as too many", answered, refused),
	})
	return nil
}

// scanAlone measures filters one by one.
func (b *bench) scanAlone(large *process) error {
	c, err := dial(large.addr)
	if err != nil {
		return err
	}
	defer c.close()
	turn, refused := 0, 0
	took, err := median(b.rounds, func() (time.Duration, error) {
		began := time.Now()
		status, _, err := c.exchange(b.large.scan(nil, turn))
		took := time.Since(began)
		turn++
		switch {
		case err != nil:
			return 0, err
		case status == 400:
			refused++
		case status != 200:
			return 0, fmt.Errorf("status %d: %.300s", status, c.body)
		}
		fmt.Fprintf(os.Stderr, "  filter %d: %s, status %d\n", turn, took, status)
		return took, nil
	})
	if err != nil {
		return err
	}
	line := row{
		metric: fmt.Sprintf("filter of one term without an index at %s users", thousands(b.large.Users)), unit: seconds,
		ours: took.Seconds(), bar: atMost(2), note: "name.familyName eq",
	}
	if refused > 0 {
		line.ours, line.note = math.Inf(1), fmt.Sprintf("%d of %d refused as too many", refused, b.rounds)
	}
	b.add(line)
	return nil
}

// scanUntil runs filters until ctx ends, and counts those that were answered and those that were refused because they took
// too long.
func (b *bench) scanUntil(ctx context.Context, large *process) (answered, refused int, err error) {
	var mu sync.Mutex
	err = share(large.addr, scanners, scanners, func(c *client, i int) error {
		for turn := i; ctx.Err() == nil; turn += scanners {
			status, _, err := c.exchange(b.large.scan(nil, turn))
			mu.Lock()
			if status == 200 {
				answered++
			} else {
				refused++
			}
			mu.Unlock()
			if err == nil && status != 200 && status != 400 {
				err = fmt.Errorf("status %d: %.300s", status, c.body)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return answered, refused, err
}
