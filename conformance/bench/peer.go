package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	peerUsers  = 10_000 // unless the command line says how many: the peer's filter reads them all
	peerSource = "conformance/bench/peers/scimmy"
)

// measurePeers runs the same load on the program and on a released peer, by turns.
func measurePeers(ctx context.Context, b *bench) (err error) {
	if b.database != "" {
		return errors.New("-peers compares the program on SQLite; leave -database out")
	}
	folder, err := b.install(ctx)
	if err != nil {
		return err
	}
	if err := b.need(ctx, usersStore); err != nil {
		return err
	}
	ours, err := b.serveFresh(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	peer, err := launch(ctx, folder+".log", "env", "NODE_ENV=production", "node", filepath.Join(folder, "server.mjs"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.stop()) }()
	theirs := fixture{Users: b.users, Tokens: b.fixed.Tokens}
	fmt.Fprintf(os.Stderr, "filling the peer with %d users\n", b.users)
	if theirs.IDs, err = theirs.create(peer.addr, 1, b.users); err != nil {
		return err
	}
	for _, kind := range []struct {
		metric string
		next   func(f *fixture) source
		status int
	}{
		{"GET /Users/{id}", (*fixture).gets, 200},
		{"GET /Users?filter=userName eq", (*fixture).filters, 200},
		{"POST /Users", func(f *fixture) source { return f.posts(f.Users) }, 201},
		{"PATCH /Users/{id} active", (*fixture).toggles, 200},
	} {
		fmt.Fprintln(os.Stderr, "measuring", kind.metric)
		pairs, err := b.byTurns(ctx, b.under(ours, kind.next(&b.fixed), kind.status), b.under(peer, kind.next(&theirs), kind.status))
		if err != nil {
			return fmt.Errorf("%s: %w", kind.metric, err)
		}
		b.addPeer(kind.metric, &pairs[len(pairs)/2])
	}
	return nil
}

// addPeer adds the row of both rates.
func (b *bench) addPeer(metric string, m *pair) {
	b.add(row{
		metric: metric, unit: perSecond, ours: m.ours.rate, limit: m.other.rate, p50: m.ours.quantile(0.5), p99: m.ours.quantile(0.99),
		note: fmt.Sprintf("peer p50 %s, p99 %s; answers of %.0f and %.0f bytes", short(m.other.quantile(0.5)), short(m.other.quantile(0.99)),
			m.ours.size, m.other.size),
	})
}

// install has npm install the peer, at the versions of its lock file, in the folder of the run.
func (b *bench) install(ctx context.Context) (folder string, err error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%s is missing: the peer runs on Node.js 20 or later, which has it (Debian: apt-get install nodejs npm)", tool)
		}
	}
	folder = filepath.Join(b.folder, "peer-scimmy")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{"package.json", "package-lock.json", "server.mjs"} {
		if err := copyFile(filepath.Join(peerSource, name), filepath.Join(folder, name)); err != nil {
			return "", err
		}
	}
	fmt.Fprintln(os.Stderr, "installing the peer")
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return folder, nil
}
