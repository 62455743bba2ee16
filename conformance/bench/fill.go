package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	// tokens is how many tokens share the load, so that none meets its rate limit.
	tokens = 128
	// fillers is how many connections fill a store: more than measure it, since more of them share a commit.
	fillers = 128
)

// need makes the filled stores that a measure begins with, unless this run has them.
func (b *bench) need(ctx context.Context, s store) (err error) {
	if s != noStore && b.fixed.Users == 0 {
		if b.database != "" {
			b.fixed, err = b.fill(ctx, b.work, b.users)
		} else {
			b.fixed, err = b.fillOnce(ctx, b.users)
		}
		if err != nil {
			return err
		}
	}
	if s != largeStore || b.large.Users != 0 {
		return nil
	}
	if b.small, err = b.fillOnce(ctx, b.users/100); err != nil {
		return err
	}
	large, err := b.fillOnce(ctx, b.users*10)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "copying the store with %d users\n", large.Users)
	if err := copyStore(b.filled(large.Users), b.workLarge()); err != nil {
		return err
	}
	b.large, b.newcomers = large, large.posts(large.Users)
	return nil
}

// fillOnce makes a filled store unless the folder has it, of this size and this schema, from an earlier run.
func (b *bench) fillOnce(ctx context.Context, users int) (f fixture, err error) {
	kept := filepath.Join(b.filled(users), "fixture.json")
	text, err := os.ReadFile(kept)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err == nil && f.Users == users && f.Schema == b.schema {
		b.addFill(f, " (of an earlier run)")
		return f, nil
	}
	if f, err = b.fill(ctx, b.filled(users), users); err != nil {
		return f, err
	}
	if text, err = json.Marshal(f); err != nil {
		return f, err
	}
	return f, os.WriteFile(kept, text, 0o600)
}

// filled is the data folder that measurements with so many users begin with.
func (b *bench) filled(users int) string {
	return filepath.Join(b.folder, fmt.Sprintf("filled-%d", users))
}

// Data folders of the program while it is measured: with many users, where all measures of a run use the one copy, with few, and
// with none at first; and that of the raw side.
func (b *bench) workLarge() string { return filepath.Join(b.folder, "work-large") }
func (b *bench) workSmall() string { return filepath.Join(b.folder, "work-small") }
func (b *bench) workSync() string  { return filepath.Join(b.folder, "work-sync") }
func (b *bench) workRaw() string   { return filepath.Join(b.folder, "raw") }

// fill makes a store with a connection, its tokens and users in a folder.
func (b *bench) fill(ctx context.Context, data string, users int) (f fixture, err error) {
	fmt.Fprintf(os.Stderr, "filling a store with %d users\n", users)
	if err := os.RemoveAll(data); err != nil {
		return f, err
	}
	p, err := b.serve(ctx, data)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	f = fixture{Users: users, Schema: b.schema}
	if f.Tokens, err = b.connect(ctx, data, tokens); err != nil {
		return f, err
	}
	began := time.Now()
	f.IDs, err = f.create(p.addr, 1, users)
	f.Rate = float64(users) / time.Since(began).Seconds()
	b.addFill(f, "")
	return f, err
}

// addFill adds the row of a filled store, but of the small one: it is too quickly filled to tell.
func (b *bench) addFill(f fixture, when string) {
	if f.Users >= b.users {
		b.add(row{metric: "fill: POST /Users until " + thousands(f.Users) + when, unit: perSecond, ours: f.Rate})
	}
}

// connect makes a connection with tokens.
func (b *bench) connect(ctx context.Context, data string, count int) (all []string, err error) {
	if _, err := b.rollcall(ctx, data, "connection", "create", "bench"); err != nil {
		return nil, err
	}
	for range count {
		token, err := b.rollcall(ctx, data, "token", "create", "--connection", "bench")
		if err != nil {
			return nil, err
		}
		all = append(all, token)
	}
	return all, nil
}

var resourceID = regexp.MustCompile(`"id":"([^"]+)"`)

// idIn is the id of the resource in an answer.
func idIn(answer []byte) (string, error) {
	m := resourceID.FindSubmatch(answer)
	if m == nil {
		return "", fmt.Errorf("an answer without an id: %.300s", answer)
	}
	return string(m[1]), nil
}

// create makes n users, the first of which has the number first, and returns their ids.
func (f *fixture) create(addr string, first, n int) ([]string, error) {
	ids := make([]string, n)
	err := share(addr, fillers, n, func(c *client, i int) (err error) {
		if i > 0 && i%100_000 == 0 {
			fmt.Fprintf(os.Stderr, "  %d users\n", i)
		}
		if _, err := c.send(f.appendRequest(nil, i, "POST", "/Users", newUser(first+i)), 201); err != nil {
			return err
		}
		ids[i], err = idIn(c.body)
		return err
	})
	return ids, err
}

// group makes a group of members and returns its id.
func (f *fixture) group(p *process, name string, members []string) (string, error) {
	answer, err := p.ask(f.appendRequest(nil, 0, "POST", "/Groups?excludedAttributes=members", groupBody(name, members)), 201)
	if err != nil {
		return "", err
	}
	return idIn(answer)
}

// fresh puts a copy of the filled store where the program is measured. A PostgreSQL database stays as it is.
func (b *bench) fresh() error {
	if b.database != "" {
		return nil
	}
	return copyStore(b.filled(b.users), b.work)
}

// serveFresh runs the program on a fresh copy of the filled store.
func (b *bench) serveFresh(ctx context.Context) (*process, error) {
	if err := b.fresh(); err != nil {
		return nil, err
	}
	return b.serve(ctx, b.work)
}

// copyStore copies a store that nobody has open, and waits until the disk has it: what is left to write would slow down the
// commits that are measured next.
func copyStore(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(from, "rollcall.db*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := copyFile(file, strings.Replace(file, from, to, 1)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was read from
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Sync()
}
