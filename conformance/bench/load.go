package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// source appends the next request to b, or nothing when there are no more. All connections call it at once.
type source func(b []byte) []byte

// load is what connections send to a process and the status that every answer has; zero for any 2xx.
type load struct {
	to     *process
	next   source
	status int
	each   func(*client) error // in place of next: several requests that count as one
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

// run sends over n connections, the next request as soon as the answer is there, until ctx ends, the time is over or the source
// is empty. The first error ends it.
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
		if l.each == nil {
			if request = l.next(request[:0]); len(request) == 0 {
				break
			}
		}
		began := time.Now()
		n, err := l.one(c, request)
		if err != nil {
			return took, size, err
		}
		took = append(took, time.Since(began))
		size += int64(n)
	}
	return took, size, nil
}

func (l *load) one(c *client, request []byte) (size int, err error) {
	if l.each != nil {
		return 0, l.each(c)
	}
	return c.send(request, l.status)
}

// client is one keep-alive connection. It knows as little of HTTP as it can, so that it costs little beside what is measured.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	body []byte // of the last answer
	head []byte // of the last answer, if withHead

	withHead bool
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// send sends one request and reads the answer, of which it returns the length. A status other than that wanted is an
// error; zero wants any 2xx.
func (c *client) send(request []byte, want int) (size int, err error) {
	status, size, err := c.exchange(request)
	if err == nil && status != want && (want != 0 || status/100 != 2) {
		err = fmt.Errorf("status %d, want %d: %.300s", status, want, c.body)
	}
	return size, err
}

// exchange sends one request and reads the answer, whatever it is.
func (c *client) exchange(request []byte) (status, size int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, 0, err
	}
	return c.receive()
}

// share has clients work off the numbers 0 to n-1, each over a connection of its own. The first error ends it.
func share(addr string, clients, n int, work func(c *client, i int) error) error {
	var (
		count atomic.Int64
		errs  = make([]error, clients)
		all   sync.WaitGroup
	)
	for worker := range min(clients, n) {
		all.Go(func() {
			c, err := dial(addr)
			if err != nil {
				errs[worker] = err
				return
			}
			defer c.close()
			for {
				i := int(count.Add(1)) - 1
				if i >= n {
					return
				}
				if err := work(c, i); err != nil {
					errs[worker] = err
					count.Store(int64(n))
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

var (
	contentLength = []byte("Content-Length: ")
	chunked       = []byte("Transfer-Encoding: chunked")
)

// inChunks is the length of a body that does not say its length.
const inChunks = -2

func (c *client) receive() (status, size int, err error) {
	length := -1
	c.head = c.head[:0]
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		size += len(line)
		if c.withHead {
			c.head = append(c.head, line...)
		}
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
			if bytes.HasPrefix(line, chunked) {
				length = inChunks
			}
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
	c.body = c.body[:0]
	switch {
	case length == inChunks:
		err = c.readChunks()
	case length < 0:
		err = errors.New("an answer without Content-Length")
	default:
		err = c.read(length)
	}
	return status, size + len(c.body), err
}

// read appends so many bytes to the body.
func (c *client) read(length int) error {
	n := len(c.body)
	c.body = slices.Grow(c.body, length)[:n+length]
	_, err := io.ReadFull(c.r, c.body[n:])
	return err
}

func (c *client) readChunks() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		length, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err == nil {
			err = c.read(int(length))
		}
		if err == nil {
			_, err = c.r.Discard(len("\r\n"))
		}
		if err != nil || length == 0 {
			return err
		}
	}
}
