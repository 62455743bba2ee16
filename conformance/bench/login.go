package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// measureLogin signs people in: the browser asks for a login, the identity provider answers, the browser brings the answer and has a
// session. At the first login a person is bound to the identity that SCIM made; at a later one there is nothing to bind.
func measureLogin(ctx context.Context, b *bench) (err error) {
	if err := b.fresh(); err != nil {
		return err
	}
	ours, people, err := b.serveLogins(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	rounds := func(metric string, who func() int) error {
		pairs, err := b.byTurns(ctx, b.loaded(load{to: ours, each: func(c *client) error { return people.login(c, who()) }}),
			b.loaded(load{to: ours, each: people.alone}))
		b.addLogins(metric, pairs)
		return err
	}
	if err := rounds("a person's first login", people.next); err != nil {
		return err
	}
	bound := int(people.count.Load())
	return rounds("a person's later login", func() int { return people.next()%bound + 1 })
}

// loaded is the turn of a load.
func (b *bench) loaded(l load) turn {
	return func(ctx context.Context) (result, error) { return l.run(ctx, connections, b.length) }
}

// serveLogins starts the program with single sign-on, by which one person has signed in.
func (b *bench) serveLogins(ctx context.Context) (p *process, people *logins, err error) {
	people = &logins{}
	if people.idp, err = newIdP(); err != nil {
		return nil, nil, err
	}
	file := filepath.Join(b.folder, "idp.xml")
	if err := os.WriteFile(file, []byte(people.idp.metadata()), 0o600); err != nil {
		return nil, nil, err
	}
	if p, err = b.serve(ctx, b.work, "--base-url", baseURL, "--trusted-proxies", "127.0.0.1"); err != nil {
		return nil, nil, err
	}
	for _, command := range [][]string{
		{"connection", "set", "bench", "saml_subject=id", "saml_email=email", "saml_first_name=firstName", "saml_last_name=lastName"},
		{"saml", "import", "--connection", "bench", "--file", file, "--force"},
	} {
		if _, err := b.rollcall(ctx, b.work, command...); err != nil {
			return nil, nil, errors.Join(err, p.stop())
		}
	}
	// The first login has the program make its keys.
	if err := share(p.addr, 1, 1, func(c *client, _ int) error { return people.login(c, people.next()) }); err != nil {
		return nil, nil, errors.Join(err, p.stop())
	}
	return p, people, nil
}

// addLogins adds the row of the round with the median rate. The other side is the load without the program.
func (b *bench) addLogins(metric string, pairs []pair) {
	if len(pairs) == 0 {
		return
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.ours.rate, b.ours.rate) })
	m := pairs[len(pairs)/2]
	b.add(row{
		metric: metric, unit: perSecond, ours: m.ours.rate, bar: atLeast(500), p50: m.ours.quantile(0.5), p99: m.ours.quantile(0.99),
		note: fmt.Sprintf("rates %.0f to %.0f; processor %d µs; what the load does for it, alone, %.0f/s", pairs[0].ours.rate,
			pairs[len(pairs)-1].ours.rate, m.ours.cpu.Microseconds(), m.other.rate),
	})
}

// logins are people who sign in, each in a new browser at an address of its own.
type logins struct {
	idp       *idp
	count     atomic.Int64 // people
	addresses atomic.Uint32
	asked     atomic.Pointer[string] // some Location that the program sent a browser to
}

// next is the number of the next person.
func (l *logins) next() int { return int(l.count.Add(1)) }

// login signs in the n-th user.
func (l *logins) login(c *client, n int) error {
	c.withHead = true
	a := l.addresses.Add(1)
	browser := fmt.Sprintf(" HTTP/1.1\r\nHost: chat.example.com\r\nX-Forwarded-For: 10.%d.%d.%d\r\nUser-Agent: bench\r\n", a>>16&255, a>>8&255, a&255)
	if _, err := c.send([]byte("GET /saml/bench/login"+browser+"\r\n"), 303); err != nil {
		return err
	}
	location, err := header(c.head, "Location: ")
	if err != nil {
		return err
	}
	cookie, err := header(c.head, "Set-Cookie: __Host-rollcall-login=")
	if err != nil {
		return err
	}
	l.asked.Store(&location)
	body, err := l.answer(location, n)
	if err != nil {
		return err
	}
	cookie, _, _ = strings.Cut(cookie, ";")
	if _, err := c.send(fmt.Appendf(nil, "POST /saml/bench/acs%sOrigin: https://idp.example.com\r\nCookie: __Host-rollcall-login=%s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", browser, cookie, len(body), body), 303); err != nil {
		return err
	}
	_, err = header(c.head, "Set-Cookie: __Host-rollcall=")
	return err
}

// answer is what the identity provider has the browser post.
func (l *logins) answer(location string, n int) (string, error) {
	q, err := readQuestion(location)
	if err != nil {
		return "", err
	}
	response, err := l.idp.response(q, n)
	return form(response, q.relay), err
}

// alone is what the load itself does for a login, but for sending it.
func (l *logins) alone(*client) error {
	_, err := l.answer(*l.asked.Load(), 1)
	return err
}
