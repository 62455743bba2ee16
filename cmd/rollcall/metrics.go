package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
)

// censusEvery is the time between two counts of what is in the database.
const censusEvery = time.Minute

// metrics is what a server tells at /metrics.
type metrics struct {
	registry *prometheus.Registry
	http     *web.Metrics
	batch    prometheus.Histogram
	commit   prometheus.Histogram
	listener net.Listener
}

// listenMetrics opens the address and makes the metrics; without an address there are none.
func listenMetrics(address string, log *slog.Logger) (*metrics, error) {
	if address == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &complaint{failed, err.Error(), "name another address by --metrics-listen"}
	}
	if addr, ok := ln.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		log.Warn("whoever reaches the metrics can read them: they hold names of connections and ids of tokens", "metrics_listen", addr.String())
	}
	log.Info("metrics", "url", "http://"+ln.Addr().String()+"/metrics")
	m := &metrics{
		registry: prometheus.NewRegistry(),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rollcall_writer_batch_size", Help: "Changes that shared a commit.", Buckets: []float64{1, 2, 4, 8, 16, 32},
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rollcall_writer_commit_duration_seconds", Help: "Time of a commit.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		listener: ln,
	}
	m.http = web.NewMetrics(m.registry)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rollcall_build_info", Help: "Always 1; the program is in the labels.", ConstLabels: buildLabels(),
	})
	build.Set(1)
	m.registry.MustRegister(m.batch, m.commit, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m, nil
}

func buildLabels() prometheus.Labels {
	labels := prometheus.Labels{"version": "unknown", "revision": "", "goversion": ""}
	if info, ok := debug.ReadBuildInfo(); ok {
		labels["version"], labels["goversion"] = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				labels["revision"] = s.Value
			}
		}
	}
	return labels
}

// requests is where doors count; nil where there are no metrics.
func (m *metrics) requests() *web.Metrics {
	if m == nil {
		return nil
	}
	return m.http
}

func (m *metrics) committed() func(int, time.Duration) {
	if m == nil {
		return nil
	}
	return func(updates int, took time.Duration) {
		m.batch.Observe(float64(updates))
		m.commit.Observe(took.Seconds())
	}
}

func (m *metrics) close() error {
	if m == nil {
		return nil
	}
	return m.listener.Close()
}

// serve answers at /metrics, and counts what is in the database, until ctx ends.
func (m *metrics) serve(ctx context.Context, db *store.DB, service *provision.Service, waiting func() int, log *slog.Logger) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	gauge("rollcall_http_requests_waiting", "Requests that wait for their connection's turn.", func() float64 { return float64(waiting()) })
	gauge("rollcall_writer_queue_length", "Changes that wait for the writer; on PostgreSQL, transactions that wait for a connection to it.",
		func() float64 { return float64(db.Waiting()) })
	counter("rollcall_writer_commits_total", "Commits.", func() uint64 { commits, _ := db.Batches(); return commits })
	counter("rollcall_writer_updates_total", "Changes that commits carried.", func() uint64 { _, updates := db.Batches(); return updates })
	c := &census{db: db, service: service, rows: map[string]int64{}}
	m.registry.MustRegister(c)

	var counting sync.WaitGroup
	defer counting.Wait()
	counting.Go(func() { c.work(ctx, log) })
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}))
	if err := web.Serve(ctx, m.listener, mux, log); err != nil {
		log.Error("metrics", "error", err)
	}
}

// census is what was in the database when it was last counted, which is at the start and then every minute. A scrape reads it and
// never waits for the database: before the first count it tells nothing.
type census struct {
	db      *store.DB
	service *provision.Service

	mu       sync.Mutex
	counted  bool // once
	rows     map[string]int64
	tasks    int64
	conns    []directory.Connection
	contacts map[directory.Row]directory.Contact
	tokens   []directory.Token
	idps     map[directory.Row]directory.IdP
}

// work counts now and every minute until ctx ends.
func (c *census) work(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(censusEvery)
	defer tick.Stop()
	for {
		if err := c.count(ctx); err != nil && ctx.Err() == nil {
			log.Warn("the metrics of the database are old", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *census) count(ctx context.Context) error {
	var (
		tasks    int64
		conns    []directory.Connection
		contacts map[directory.Row]directory.Contact
		tokens   []directory.Token
		idps     map[directory.Row]directory.IdP
	)
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		if conns, err = tx.Connections(); err != nil {
			return err
		}
		if contacts, err = tx.Contacts(); err != nil {
			return err
		}
		if tokens, err = tx.Tokens(0); err != nil {
			return err
		}
		if idps, err = tx.IdPs(); err != nil {
			return err
		}
		tasks, _, err = tx.Tasks()
		return err
	})
	if err == nil {
		c.mu.Lock()
		c.counted, c.tasks, c.conns, c.contacts, c.tokens, c.idps = true, tasks, conns, contacts, tokens, idps
		c.mu.Unlock()
	}
	for _, noun := range store.Nouns() { // each for itself: a Search that takes too long ends
		var n int64
		failed := c.db.Search(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.Count(noun)
			return err
		})
		if failed == nil {
			c.mu.Lock()
			c.rows[noun] = n
			c.mu.Unlock()
		}
		err = errors.Join(err, failed)
	}
	return err
}

// forgetToken is how long after its end a token that nobody revoked is still told of.
const forgetToken = 30 * 24 * time.Hour

// Describe tells nothing, because what there is to collect depends on what is in the database.
func (c *census) Describe(chan<- *prometheus.Desc) {}

// Collect gives what was counted.
func (c *census) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	send := func(value float64, name, help string, labels prometheus.Labels) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, value)
	}
	for noun, n := range c.rows {
		send(float64(n), "rollcall_rows", "What is in the database, counted once a minute.", prometheus.Labels{"of": noun})
	}
	if c.counted {
		send(float64(c.tasks), "rollcall_tasks_waiting", "Tasks that are not done, counted once a minute.", nil)
	}
	now := c.db.Now()
	for _, conn := range c.conns {
		if !conn.Enabled {
			continue
		}
		contact, label := c.contacts[conn.Row], prometheus.Labels{"connection": conn.Name}
		last := c.service.LastHeard(conn.Row, contact.Last)
		send(conn.Silence(last, now).Seconds(), "rollcall_connection_silence_seconds",
			"Time since the last request of the connection that succeeded, or since the connection was made.", label)
		silent := 0.0
		if conn.Alarms(last, now) {
			silent = 1
		}
		send(silent, "rollcall_connection_silent", "1 while the connection is silent for longer than its silent_after.", label)
		idp := c.idps[conn.Row]
		certs, _ := metadata.ParseCertificates(&idp) // the watch complains of those that cannot be read
		for _, cert := range certs {
			send(float64(cert.NotAfter.Unix()), "rollcall_certificate_expiry_timestamp_seconds",
				"When a certificate ends with which an identity provider signs.",
				prometheus.Labels{"connection": conn.Name, "use": "signing", "sha256": metadata.Fingerprint(cert)})
		}
	}
	for _, t := range c.tokens {
		if t.Revoked.IsZero() && !t.Expires.IsZero() && now.Sub(t.Expires) < forgetToken {
			send(float64(t.Expires.Unix()), "rollcall_token_expiry_timestamp_seconds", "When a token that was not revoked ends.",
				prometheus.Labels{"connection": t.ConnName, "token": string(t.ID)})
		}
	}
}
