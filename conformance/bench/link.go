package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	promptly = 250 // milliseconds that a request may take while a link is worked off
	patchers = 7   // connections that change a title, beside the one that deactivates
)

// kinds are the requests that run while a link is worked off.
type kinds struct{ gets, patches, deactivations result }

// measureLink links the group of everybody to a team and looks how long requests take until everybody is in the team.
func measureLink(ctx context.Context, b *bench) (err error) {
	ours, err := b.serveFresh(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	if _, err := b.fixed.group(ours, "Everybody", b.fixed.IDs); err != nil {
		return err
	}
	if _, err := b.rollcall(ctx, b.work, "team", "create", "--name", "bench", "--display-name", "Bench"); err != nil {
		return err
	}
	quiet, cancel := context.WithTimeout(ctx, b.length)
	without, err := b.mixed(quiet, ours)
	cancel()
	if err != nil {
		return err
	}
	until, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	var waited error
	var wait sync.WaitGroup
	wait.Go(func() {
		defer cancel()
		waited = b.link(until)
	})
	with, err := b.mixed(until, ours)
	cancel()
	wait.Wait()
	if err := errors.Join(err, waited); err != nil {
		return err
	}
	took := time.Since(began)
	add := func(what string, r, without *result, q float64) {
		b.add(row{
			metric: fmt.Sprintf("%s while a link of %s is worked off", what, thousands(b.users)), unit: milliseconds,
			ours: r.quantile(q).Seconds() * 1000, limit: promptly, p50: r.quantile(0.5), p99: r.quantile(0.99),
			note: fmt.Sprintf("max %s; %d requests in %.1f s; without p50 %s, p99 %s", short(r.quantile(1)), len(r.took), took.Seconds(),
				short(without.quantile(0.5)), short(without.quantile(0.99))),
		})
	}
	add("GET p99", &with.gets, &without.gets, 0.99)
	add("PATCH title p99", &with.patches, &without.patches, 0.99)
	add("deactivation, slowest", &with.deactivations, &without.deactivations, 1)
	return nil
}

// link makes the link and returns when the last user is in the team.
func (b *bench) link(ctx context.Context) error {
	if _, err := b.rollcall(ctx, b.work, "link", "create", "--connection", "bench", "--group", "Everybody", "--team", "bench"); err != nil {
		return err
	}
	for {
		text, err := b.rollcall(ctx, b.work, "user", "show", name(b.users), "--json")
		if err != nil {
			return err
		}
		var last struct{ Teams []any }
		if err := json.Unmarshal([]byte(text), &last); err != nil || len(last.Teams) > 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// mixed sends GETs, changes and deactivations until ctx ends.
func (b *bench) mixed(ctx context.Context, p *process) (all kinds, err error) {
	var (
		count atomic.Int64
		order = order(b.users - 1) // not the last, whom link waits for
		errs  [3]error
		wait  sync.WaitGroup
	)
	patch := func(value func(n int) string) source {
		return func(r []byte) []byte {
			n := int(count.Add(1))
			return b.fixed.appendRequest(r, n, "PATCH", "/Users/"+b.fixed.IDs[order[n%len(order)]],
				`{"Operations":[{"op":"replace","value":{`+value(n)+`}}]}`)
		}
	}
	title := patch(func(n int) string { return fmt.Sprintf(`"title":"t%d"`, n) })
	deactivate := patch(func(int) string { return `"active":false` })
	for i, part := range []struct {
		result *result
		next   source
		n      int
	}{
		{&all.gets, b.fixed.gets(), connections - patchers - 1},
		{&all.patches, title, patchers},
		{&all.deactivations, deactivate, 1},
	} {
		wait.Go(func() {
			*part.result, errs[i] = load{to: p, next: part.next, status: 200}.run(ctx, part.n, time.Hour)
		})
	}
	wait.Wait()
	return all, errors.Join(errs[:]...)
}
