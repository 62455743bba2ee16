package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	hugeForm = 11_000_000 // bytes
	refusals = 100
	promptNo = 10 // milliseconds until the answer to a huge form
)

// measureRefusal posts huge responses, and looks how long it takes until the answer begins.
func measureRefusal(ctx context.Context, b *bench) (err error) {
	if err := b.fresh(); err != nil {
		return err
	}
	ours, people, err := b.serveLogins(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	form := people.hugeForm()
	for _, way := range []struct {
		name, header string
		body         []byte
	}{
		{"that says so", fmt.Sprintf("Content-Length: %d\r\n", len(form)), []byte(form)},
		{"in chunks", "Transfer-Encoding: chunked\r\n", []byte(inPieces(form))},
	} {
		var r result
		used := ours.cpu()
		for n := range refusals {
			request := fmt.Sprintf("POST /saml/bench/acs HTTP/1.1\r\nHost: chat.example.com\r\nX-Forwarded-For: 10.1.%d.%d\r\n"+
				"Content-Type: application/x-www-form-urlencoded\r\n%s\r\n", n>>8, n&255, way.header)
			took, err := untilRefused(ctx, ours.addr, request, way.body)
			if err != nil {
				return err
			}
			r.took = append(r.took, took)
		}
		slices.Sort(r.took)
		r.cpu = (ours.cpu() - used) / refusals
		b.add(row{
			metric: "a response of 11 MB " + way.name + ", p99", unit: milliseconds, ours: r.quantile(0.99).Seconds() * 1000, bar: atMost(promptNo),
			p50: r.quantile(0.5), p99: r.quantile(0.99), note: fmt.Sprintf("max %s; processor %d µs", short(r.quantile(1)), r.cpu.Microseconds()),
		})
	}
	return nil
}

// hugeForm is a form with a response in which assertion stands behind assertion.
func (l *logins) hugeForm() string {
	one, _ := l.idp.response(question{id: "_none"}, 1)
	from, to := strings.Index(one, "<saml2:Assertion"), strings.Index(one, "</saml2p:Response>")
	var b bytes.Buffer
	b.WriteString(one[:from])
	for b.Len() < hugeForm {
		b.WriteString(one[from:to])
	}
	whole := "SAMLResponse=" + escaper.Replace(base64.StdEncoding.EncodeToString(b.Bytes()))
	return whole[:hugeForm]
}

// inPieces is a body in chunks of a size that a client may well choose.
func inPieces(body string) string {
	var b strings.Builder
	for piece := range slices.Chunk([]byte(body), 64<<10) {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// untilRefused sends a request over a connection of its own, and returns when the answer begins that it is too large.
func untilRefused(ctx context.Context, addr, request string, body []byte) (took time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		buffers := net.Buffers{[]byte(request), body}
		_, _ = buffers.WriteTo(conn) // the program need not read it all
	}()
	line, err := bufio.NewReader(conn).ReadString('\n')
	took = time.Since(began)
	_ = conn.Close() // what comes next is not of interest
	<-sent
	if err == nil && !strings.HasPrefix(line, "HTTP/1.1 413 ") {
		err = fmt.Errorf("the answer begins with %q, want status 413", line)
	}
	return took, err
}
