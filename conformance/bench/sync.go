package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	syncClients = 16
	syncMembers = 500 // of a group
	syncChunk   = 100 // members in one PATCH
)

// measureSync pushes everything into an empty program as identity providers do at first: look for each user, make it; look for
// each group, make it, add its members in chunks.
func measureSync(ctx context.Context, b *bench) (err error) {
	data := b.workSync()
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	ours, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	f := fixture{Users: b.users, IDs: make([]string, b.users)}
	if f.Tokens, err = b.connect(ctx, data, tokens); err != nil {
		return err
	}
	began := time.Now()
	if err := share(ours.addr, syncClients, f.Users, f.syncUser); err != nil {
		return err
	}
	users := time.Since(began)
	fmt.Fprintf(os.Stderr, "  users: %.1f s\n", users.Seconds())
	groups := f.Users / 100
	order := order(f.Users)
	if err := share(ours.addr, syncClients, groups, func(c *client, i int) error { return f.syncGroup(c, i, order) }); err != nil {
		return err
	}
	all := time.Since(began)
	b.add(row{
		metric: fmt.Sprintf("first sync of %s users, %s groups, %s memberships; %d clients",
			thousands(f.Users), thousands(groups), thousands(groups*syncMembers), syncClients),
		unit: perSecond, ours: float64(f.Users) / users.Seconds(),
		note: fmt.Sprintf("users in %.1f s; %.1f s in all; %.0f memberships/s", users.Seconds(), all.Seconds(),
			float64(groups*syncMembers)/(all-users).Seconds()),
	})
	return nil
}

// syncUser pushes one user.
func (f *fixture) syncUser(c *client, i int) error {
	lookUp := f.appendRequest(nil, i, "GET", "/Users?filter=userName%20eq%20%22"+name(i+1)+"%40example.com%22", "")
	if _, err := c.send(lookUp, 200); err != nil {
		return err
	}
	if _, err := c.send(f.appendRequest(nil, i, "POST", "/Users", newUser(i+1)), 201); err != nil {
		return err
	}
	id, err := idIn(c.body)
	f.IDs[i] = id
	return err
}

// syncGroup pushes one group and its members: the next of the users in order, of whom each comes into as many groups.
func (f *fixture) syncGroup(c *client, i int, order []int) error {
	lookUp := f.appendRequest(nil, i, "GET", fmt.Sprintf("/Groups?excludedAttributes=members&filter=displayName%%20eq%%20%%22group-%d%%22", i), "")
	if _, err := c.send(lookUp, 200); err != nil {
		return err
	}
	if _, err := c.send(f.appendRequest(nil, i, "POST", "/Groups", groupBody(fmt.Sprintf("group-%d", i), nil)), 201); err != nil {
		return err
	}
	id, err := idIn(c.body)
	for from := 0; from < syncMembers && err == nil; from += syncChunk {
		var members []string
		for n := range syncChunk {
			members = append(members, f.IDs[order[(i*syncMembers+from+n)%len(order)]])
		}
		_, err = c.send(f.appendRequest(nil, i+from, "PATCH", "/Groups/"+id, addition(members...)), 200)
	}
	return err
}
