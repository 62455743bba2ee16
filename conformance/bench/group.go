package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	smallGroup = 10 // members of a small group, before any is added
	newMembers = 10 // of a large group, by one PUT
)

// measureMembers holds a member more in a large group against a member more in a small one.
func measureMembers(ctx context.Context, b *bench) (err error) {
	ours, err := b.serveFresh(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	adds := b.users / 50 // in a turn, each of somebody else
	spare, err := b.fixed.create(ours.addr, b.users+1, adds*(b.rounds+1))
	if err != nil {
		return err
	}
	large, err := b.fixed.group(ours, "Everybody", b.fixed.IDs)
	if err != nil {
		return err
	}
	var largeTurns, smallTurns int
	toLarge := func(ctx context.Context) (result, error) {
		ids := spare[largeTurns*adds:][:adds]
		largeTurns++
		return b.fixed.addMembers(ctx, ours, []string{large}, ids, b.length)
	}
	toSmall := func(ctx context.Context) (r result, err error) {
		ids := spare[smallTurns*adds:][:adds]
		smallTurns++
		groups, err := b.fixed.smallGroups(ours, smallTurns, adds/smallGroup)
		if err != nil {
			return r, err
		}
		return b.fixed.addMembers(ctx, ours, groups, ids, b.length)
	}
	pairs, err := b.byTurns(ctx, toLarge, toSmall)
	if err != nil {
		return err
	}
	b.addCost(fmt.Sprintf("PATCH: a member more in a group of %s, limit: of %d", thousands(b.users), smallGroup), 1.2, pairs)
	return nil
}

// smallGroups makes groups of the first users, for a turn in which each gets as many members more.
func (f *fixture) smallGroups(p *process, turn, n int) (ids []string, err error) {
	ids = make([]string, n)
	for i := range ids {
		if ids[i], err = f.group(p, fmt.Sprintf("Group %d of turn %d", i, turn), f.IDs[i*smallGroup:][:smallGroup]); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// addMembers adds each of ids to one of the groups, until the time is over.
func (f *fixture) addMembers(ctx context.Context, p *process, groups, ids []string, length time.Duration) (result, error) {
	var count atomic.Int64
	next := func(r []byte) []byte {
		n := int(count.Add(1)) - 1
		if n >= len(ids) {
			return r
		}
		return f.appendRequest(r, n, "PATCH", "/Groups/"+groups[n%len(groups)]+"?excludedAttributes=members", addition(ids[n]))
	}
	return load{to: p, next: next, status: 200}.run(ctx, connections, length)
}

// measureReplace holds a PUT of a large group, in which some members are new and as many are gone, against parsing its body.
func measureReplace(ctx context.Context, b *bench) (err error) {
	ours, err := b.serveFresh(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	spare, err := b.fixed.create(ours.addr, b.users+1, newMembers*(b.rounds+1))
	if err != nil {
		return err
	}
	id, err := b.fixed.group(ours, "Everybody", b.fixed.IDs)
	if err != nil {
		return err
	}
	turn, body := 0, ""
	put := func() (time.Duration, error) {
		fresh := spare[turn*newMembers:][:newMembers]
		body = groupBody("Everybody", append(b.fixed.IDs[:b.users-newMembers:b.users-newMembers], fresh...))
		request := b.fixed.appendRequest(nil, turn, "PUT", "/Groups/"+id+"?excludedAttributes=members", body)
		turn++
		began := time.Now()
		_, err := ours.ask(request, 200)
		return time.Since(began), err
	}
	if _, err := put(); err != nil { // to warm up
		return err
	}
	var parsing time.Duration
	took, err := median(b.rounds, func() (time.Duration, error) {
		once, err := parse(body)
		if err != nil {
			return 0, err
		}
		parsing += once
		return put()
	})
	if err != nil {
		return err
	}
	b.add(row{
		metric: fmt.Sprintf("PUT of a group of %s, %d new, limit: parsing its body", thousands(b.users), newMembers), unit: milliseconds,
		ours: took.Seconds() * 1000, limit: parsing.Seconds() * 1000 / float64(b.rounds), bar: atMost(3),
		note: fmt.Sprintf("%.1f MB; %d others gone", float64(len(body))/1e6, newMembers),
	})
	return nil
}

// parse is how long it takes to read a body into maps.
func parse(body string) (time.Duration, error) {
	runtime.GC() // what was garbage before is not the parser's
	began := time.Now()
	var into map[string]any
	err := json.Unmarshal([]byte(body), &into)
	return time.Since(began), err
}

// measureWhole reads a large group whole, and looks by how much the program grows.
func measureWhole(ctx context.Context, b *bench) (err error) {
	maker, err := b.serveFresh(ctx)
	if err != nil {
		return err
	}
	id, err := b.fixed.group(maker, "Everybody", b.fixed.IDs)
	if err := errors.Join(err, maker.stop()); err != nil {
		return err
	}
	// Another process: what the first one needed to make the group would hide what it takes to read it.
	ours, err := b.serve(ctx, b.work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	warm := load{to: ours, next: b.fixed.gets(), status: 200}
	if _, err := warm.run(ctx, connections, time.Second); err != nil {
		return err
	}
	ours.forgetPeak()
	before := ours.memory(resident)
	began := time.Now()
	answer, err := ours.ask(b.fixed.appendRequest(nil, 0, "GET", "/Groups/"+id, ""), 200)
	if err != nil {
		return err
	}
	line := row{
		metric: fmt.Sprintf("GET of a group of %s: growth of the program", thousands(b.users)), unit: mebibytes, bar: atMost(32),
		ours: max(ours.memory(peak)-before, 0.1), p50: time.Since(began),
		note: fmt.Sprintf("from %.1f MiB; %.1f MB read", before, float64(len(answer))/1e6),
	}
	if before == 0 {
		line.missing, line.note = true, "this system does not tell how much memory a process has"
	}
	b.add(line)
	return nil
}
