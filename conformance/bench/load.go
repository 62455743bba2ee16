package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// source appends the next request to b. All connections call it at once.
type source func(b []byte) []byte

// load is what connections send to a process and the status that every answer has.
type load struct {
	to     *process
	next   source
	status int
}

// result is what came of a load.
type result struct {
	rate float64         // answers a second
	size float64         // bytes of an answer, on average
	took []time.Duration // of each answer, ascending
	cpu  time.Duration   // that the process used for one answer, on average
}

// quantile is the time in which the part q of the answers came.
func (r *result) quantile(q float64) time.Duration {
	if len(r.took) == 0 {
		return 0
	}
	return r.took[min(int(q*float64(len(r.took))), len(r.took)-1)]
}

// run sends over n connections, the next request as soon as the answer is there, until ctx ends or the time is over. The first
// error ends it.
func (l load) run(ctx context.Context, n int, length time.Duration) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var (
		mu    sync.Mutex
		total result
		bytes int64
		errs  []error
		all   sync.WaitGroup
	)
	began, used := time.Now(), l.to.cpu()
	for range n {
		all.Go(func() {
			took, size, err := l.connection(ctx)
			mu.Lock()
			defer mu.Unlock()
			total.took = append(total.took, took...)
			bytes += size
			if err != nil {
				errs = append(errs, err)
				cancel()
			}
		})
	}
	all.Wait()
	count := max(len(total.took), 1)
	total.rate, total.size = float64(len(total.took))/time.Since(began).Seconds(), float64(bytes)/float64(count)
	total.cpu = (l.to.cpu() - used) / time.Duration(count)
	slices.Sort(total.took)
	return total, errors.Join(errs...)
}

// connection is the share of one connection.
func (l load) connection(ctx context.Context) (took []time.Duration, size int64, err error) {
	c, err := dial(l.to.addr)
	if err != nil {
		return nil, 0, err
	}
	defer c.close()
	took = make([]time.Duration, 0, 1<<14)
	var request []byte
	for ctx.Err() == nil {
		request = l.next(request[:0])
		began := time.Now()
		n, err := c.send(request, l.status)
		if err != nil {
			return took, size, err
		}
		took = append(took, time.Since(began))
		size += int64(n)
	}
	return took, size, nil
}

// client is one keep-alive connection. It knows as little of HTTP as it can, so that it costs little beside what is measured:
// answers have a Content-Length.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	body []byte // of the last answer
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// send sends one request and reads the answer, of which it returns the length.
func (c *client) send(request []byte, want int) (size int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	status, size, err := c.receive()
	if err == nil && status != want {
		err = fmt.Errorf("status %d, want %d: %.300s", status, want, c.body)
	}
	return size, err
}

var contentLength = []byte("Content-Length: ")

func (c *client) receive() (status, size int, err error) {
	length := -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		size += len(line)
		switch {
		case status == 0:
			if len(line) < len("HTTP/1.1 200") {
				return 0, 0, fmt.Errorf("no status in %q", line)
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, 0, err
			}
			continue
		case len(line) > 2:
			if bytes.HasPrefix(line, contentLength) {
				length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):])))
			}
			if err != nil {
				return 0, 0, err
			}
			continue
		case status == 204 || status == 304:
			length = 0
		}
		break
	}
	if length < 0 {
		return status, size, errors.New("an answer without Content-Length")
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	for n := 0; n < length; {
		read, err := c.r.Read(c.body[n:])
		if err != nil {
			return 0, 0, err
		}
		n += read
	}
	return status, size + length, nil
}
