package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"sync/atomic"
	"time"
)

// measureScale holds requests with many users against the same with few.
func measureScale(ctx context.Context, b *bench) (err error) {
	large, err := b.serve(ctx, b.workLarge())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.stop()) }()
	if err := b.besideSmall(ctx, large); err != nil {
		return err
	}
	pairs, err := b.byTurns(ctx, b.under(large, b.newcomers, 201), b.postToSmall)
	if err != nil {
		return fmt.Errorf("POST: %w", err)
	}
	b.addCost(b.scaled("POST /Users"), 1.3, pairs)
	return nil
}

// besideSmall measures what leaves the number of users as it is.
func (b *bench) besideSmall(ctx context.Context, large *process) (err error) {
	small, err := b.serveSmall(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, small.stop()) }()
	for _, kind := range []struct {
		metric string
		next   func(f *fixture) source
	}{
		{"GET /Users/{id}", (*fixture).gets},
		{"GET /Users?filter=userName eq", (*fixture).filters},
		{"PATCH /Users/{id} active", (*fixture).toggles},
	} {
		pairs, err := b.byTurns(ctx, b.under(large, kind.next(&b.large), 200), b.under(small, kind.next(&b.small), 200))
		if err != nil {
			return fmt.Errorf("%s: %w", kind.metric, err)
		}
		b.addCost(b.scaled(kind.metric), 1.3, pairs)
	}
	pairs, err := b.byTurns(ctx, b.members(large, &b.large), b.members(small, &b.small))
	if err != nil {
		return fmt.Errorf("members: %w", err)
	}
	b.addCost(b.scaled("PATCH: a member more in a group"), 1.3, pairs)
	return nil
}

func (b *bench) scaled(metric string) string {
	return fmt.Sprintf("%s at %s users, limit: at %s", metric, thousands(b.large.Users), thousands(b.small.Users))
}

// serveSmall starts the program with few users.
func (b *bench) serveSmall(ctx context.Context) (*process, error) {
	if err := copyStore(b.filled(b.small.Users), b.workSmall()); err != nil {
		return nil, err
	}
	return b.serve(ctx, b.workSmall())
}

// members is a turn of additions to small groups: half as many as the small store has users, to have it done with few, too.
func (b *bench) members(p *process, f *fixture) turn {
	n, adds := 0, b.small.Users/2
	return func(ctx context.Context) (result, error) {
		n++
		groups, err := f.smallGroups(p, n, adds/smallGroup)
		if err != nil {
			return result{}, err
		}
		return f.addMembers(ctx, p, groups, f.IDs[f.Users-adds:], b.length)
	}
}

// postToSmall is a turn of POSTs, each time from few users on: a turn makes more than there were.
func (b *bench) postToSmall(ctx context.Context) (r result, err error) {
	small, err := b.serveSmall(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, small.stop()) }()
	warm := load{to: small, next: b.small.gets(), status: 200}
	if _, err := warm.run(ctx, connections, 300*time.Millisecond); err != nil {
		return r, err
	}
	return b.under(small, b.small.posts(b.small.Users), 201)(ctx)
}

var nextCursor = regexp.MustCompile(`"nextCursor":"([^"]+)"`)

// measureCursor walks to the last tenth of the users, and holds the page there against the first.
//
// RFC 9865, section 2.
func measureCursor(ctx context.Context, b *bench) (err error) {
	large, err := b.serve(ctx, b.workLarge())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.stop()) }()
	depth := b.large.Users / 10 * 9
	metric := fmt.Sprintf("a cursor page at depth %s, limit: the first", thousands(depth))
	cursor, err := b.walk(large, depth/pageSize)
	if err != nil {
		return err
	}
	if cursor == "" {
		b.add(row{metric: metric, bar: atMost(1.2), missing: true, note: "the program answers without nextCursor"})
		return nil
	}
	pairs, err := b.byTurns(ctx, b.under(large, b.pages(cursor), 200), b.under(large, b.pages(""), 200))
	if err != nil {
		return err
	}
	b.addCost(metric, 1.2, pairs)
	return nil
}

const pageSize = 100

// walk reads so many pages and returns the cursor behind them; none if there is none.
func (b *bench) walk(p *process, pages int) (cursor string, err error) {
	c, err := dial(p.addr)
	if err != nil {
		return "", err
	}
	defer c.close()
	for i := range pages {
		if i > 0 && i%1000 == 0 {
			fmt.Fprintf(os.Stderr, "  %d pages\n", i)
		}
		if _, err := c.send(b.large.appendRequest(nil, i, "GET", page(cursor), ""), 200); err != nil {
			return "", err
		}
		m := nextCursor.FindSubmatch(c.body)
		if m == nil {
			return "", nil
		}
		cursor = string(m[1])
	}
	return cursor, nil
}

// page is the target of one page, the first for an empty cursor.
func page(cursor string) string {
	if cursor != "" {
		cursor = "=" + url.QueryEscape(cursor)
	}
	return fmt.Sprintf("/Users?cursor%s&count=%d", cursor, pageSize)
}

// pages asks for one page again and again.
func (b *bench) pages(cursor string) source {
	var count atomic.Int64
	target := page(cursor)
	return func(r []byte) []byte { return b.large.appendRequest(r, int(count.Add(1)), "GET", target, "") }
}
