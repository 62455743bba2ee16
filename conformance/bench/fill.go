package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tokens is how many tokens share the load, so that none meets its rate limit.
const tokens = 128

// fillOnce makes the filled store unless the folder has it, of this size and this schema, from an earlier run.
func (b *bench) fillOnce(ctx context.Context, schema string) error {
	kept := filepath.Join(b.filled(), "fixture.json")
	text, err := os.ReadFile(kept)
	if err == nil {
		err = json.Unmarshal(text, &b.fixed)
	}
	if err == nil && b.fixed.Users == b.users && b.fixed.Schema == schema {
		b.add(row{metric: "fill: POST /Users into an empty store (of an earlier run)", unit: perSecond, ours: b.fixed.Rate})
		return nil
	}
	if err := b.fill(ctx, b.filled(), schema); err != nil {
		return err
	}
	if text, err = json.Marshal(b.fixed); err != nil {
		return err
	}
	return os.WriteFile(kept, text, 0o600)
}

// filled is the data folder that measurements begin with.
func (b *bench) filled() string { return filepath.Join(b.folder, fmt.Sprintf("filled-%d", b.users)) }

// fill makes a store with a connection, its tokens and all users in a folder.
func (b *bench) fill(ctx context.Context, data, schema string) (err error) {
	fmt.Fprintf(os.Stderr, "filling a store with %d users\n", b.users)
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	p, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	b.fixed = fixture{Users: b.users, Schema: schema}
	if b.fixed.Tokens, err = b.connect(ctx, data, tokens); err != nil {
		return err
	}
	began := time.Now()
	b.fixed.IDs, err = b.fixed.create(p.addr, b.users)
	b.fixed.Rate = float64(b.users) / time.Since(began).Seconds()
	b.add(row{metric: "fill: POST /Users into an empty store", unit: perSecond, ours: b.fixed.Rate})
	return err
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

var userID = regexp.MustCompile(`"id":"([^"]+)"`)

// create makes the users 1 to n over all connections and returns their ids.
func (f *fixture) create(addr string, n int) ([]string, error) {
	var (
		ids   = make([]string, n)
		count atomic.Int64
		errs  = make([]error, connections)
		all   sync.WaitGroup
	)
	for i := range connections {
		all.Go(func() {
			c, err := dial(addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.close()
			var request []byte
			for {
				user := int(count.Add(1))
				if user > n {
					return
				}
				request = f.appendRequest(request[:0], user, "POST", "/Users", newUser(user))
				if _, err := c.send(request, 201); err != nil {
					errs[i] = err
					count.Store(int64(n))
					return
				}
				ids[user-1] = string(userID.FindSubmatch(c.body)[1])
			}
		})
	}
	all.Wait()
	return ids, errors.Join(errs...)
}

// fresh puts a copy of the filled store where the program is measured. A PostgreSQL database stays as it is.
func (b *bench) fresh() error {
	if b.database != "" {
		return nil
	}
	return copyStore(b.filled(), b.work)
}

// copyStore copies a store that nobody has open.
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
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(strings.Replace(file, from, to, 1), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
