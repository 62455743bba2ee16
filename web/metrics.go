package web

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxReasons bounds how many reasons of refusals are told apart.
const maxReasons = 32

// Metrics counts what doors answer. Doors may share one; a nil one counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	inFlight prometheus.Gauge

	mu      sync.RWMutex
	series  map[series]counters
	reasons map[string]bool
}

// series is what requests are told apart by. Each field has few values, whatever clients send.
type series struct {
	route, method, connection string
	status                    int
}

// counters are what a request of one series is counted in. To find them by their labels takes longer than to count.
type counters struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// NewMetrics returns a Metrics that r shows.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_http_requests_total", Help: "Requests that were answered. The status is aborted where the answer was cut off.",
		}, []string{"route", "method", "status", "connection"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_http_request_duration_seconds", Help: "Time from the headers of a request to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_credentials_refused_total", Help: "Requests whose credential opened nothing, by why.",
		}, []string{"reason"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_http_requests_in_flight", Help: "Requests that are not answered yet, those that wait included.",
		}),
		series: map[series]counters{}, reasons: map[string]bool{},
	}
	r.MustRegister(m.requests, m.seconds, m.refused, m.inFlight)
	return m
}

func (m *Metrics) begin() {
	if m != nil {
		m.inFlight.Inc()
	}
}

// end counts a request that was answered.
func (m *Metrics) end(method string, status int, record *Record, took time.Duration) {
	if m == nil {
		return
	}
	m.inFlight.Dec()
	key := series{record.Route, known(method), record.Connection, status}
	m.mu.RLock()
	c, ok := m.series[key]
	m.mu.RUnlock()
	if !ok {
		c = m.add(key)
	}
	c.requests.Inc()
	c.seconds.Observe(took.Seconds())
	if record.Reason != "" && (status == http.StatusUnauthorized || status == http.StatusTooManyRequests) {
		m.refuse(class(record.Reason))
	}
}

func (m *Metrics) add(key series) counters {
	route, status := key.route, strconv.Itoa(key.status)
	if route == "" {
		route = "other"
	}
	if key.status == 0 {
		status = "aborted"
	}
	c := counters{m.requests.WithLabelValues(route, key.method, status, key.connection), m.seconds.WithLabelValues(route)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[key] = c
	return c
}

func (m *Metrics) refuse(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.reasons[reason] {
		if len(m.reasons) < maxReasons {
			m.reasons[reason] = true
		} else {
			reason = "other"
		}
	}
	m.refused.WithLabelValues(reason).Inc()
}

// known is a method as a label: there are as many methods as clients invent.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// class is a reason without its particulars, which stand after a comma or a colon.
func class(reason string) string {
	if i := strings.IndexAny(reason, ",:"); i >= 0 {
		reason = reason[:i]
	}
	if len(reason) > 64 {
		return "other"
	}
	return reason
}
