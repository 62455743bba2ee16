package web_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rollcall-id/rollcall/web"
)

// scrape returns the lines of the metrics that begin with one of the names.
func scrape(t *testing.T, r *prometheus.Registry, names ...string) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var found strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		for _, name := range names {
			if strings.HasPrefix(line, name) {
				found.WriteString(line)
			}
		}
	}
	return found.String()
}

// counted is a door with metrics whose handler does what the path says.
func counted() (*web.Door, *prometheus.Registry) {
	r := prometheus.NewRegistry()
	return &web.Door{
		Error: writeError, Log: slog.New(slog.DiscardHandler), Metrics: web.NewMetrics(r),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			record := web.RecordOf(r.Context())
			switch path, _, _ := strings.Cut(r.URL.Path[1:], "/"); path {
			case "Users":
				record.Route, record.Connection = "/Users/{id}", "okta"
			case "refused":
				record.Reason = r.Header.Get("Reason")
				w.WriteHeader(http.StatusUnauthorized)
			case "cut":
				panic(http.ErrAbortHandler)
			}
			_, _ = io.WriteString(w, "hello")
		}),
	}, r
}

func TestMetrics_count_by_route_and_never_by_id(t *testing.T) {
	door, r := counted()
	for i := range 100 {
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprintf("/Users/%d?filter=x", i), nil))
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprintf("/else/%d", i), nil))
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(fmt.Sprintf("VERB%d", i), "/else", nil))
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprintf("//%d", i), nil))
	}
	want := `rollcall_http_requests_in_flight 0
rollcall_http_requests_total{connection="",method="GET",route="other",status="200"} 100
rollcall_http_requests_total{connection="",method="GET",route="other",status="404"} 100
rollcall_http_requests_total{connection="",method="other",route="other",status="200"} 100
rollcall_http_requests_total{connection="okta",method="GET",route="/Users/{id}",status="200"} 100
`
	if got := scrape(t, r, "rollcall_http_requests_total", "rollcall_http_requests_in_flight"); got != want {
		t.Errorf("the metrics are\n%swant\n%s", got, want)
	}
	want = `rollcall_http_request_duration_seconds_count{route="/Users/{id}"} 100
rollcall_http_request_duration_seconds_count{route="other"} 300
`
	if got := scrape(t, r, "rollcall_http_request_duration_seconds_count"); got != want {
		t.Errorf("the metrics are\n%swant\n%s", got, want)
	}
}

func TestMetrics_count_an_answer_that_was_cut(t *testing.T) {
	door, r := counted()
	func() {
		defer func() { _ = recover() }()
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/cut", nil))
	}()
	want := `rollcall_http_requests_in_flight 0
rollcall_http_requests_total{connection="",method="PUT",route="other",status="aborted"} 1
`
	if got := scrape(t, r, "rollcall_http_requests_total", "rollcall_http_requests_in_flight"); got != want {
		t.Errorf("the metrics are\n%swant\n%s", got, want)
	}
}

func TestMetrics_count_refused_credentials_by_a_bounded_number_of_reasons(t *testing.T) {
	door, r := counted()
	refuse := func(reason string) {
		req := httptest.NewRequest("GET", "/refused", nil)
		req.Header.Set("Reason", reason)
		door.ServeHTTP(httptest.NewRecorder(), req)
	}
	refuse("unknown token")
	refuse("wrong issuer: https://one.test")
	refuse("wrong issuer: https://two.test")
	refuse(strings.Repeat("long", 20))
	want := `rollcall_credentials_refused_total{reason="other"} 1
rollcall_credentials_refused_total{reason="unknown token"} 1
rollcall_credentials_refused_total{reason="wrong issuer"} 2
`
	if got := scrape(t, r, "rollcall_credentials_refused_total"); got != want {
		t.Errorf("the metrics are\n%swant\n%s", got, want)
	}
	for i := range 1000 {
		refuse(fmt.Sprint("reason ", i))
	}
	if n := strings.Count(scrape(t, r, "rollcall_credentials_refused_total"), "\n"); n > 33 {
		t.Errorf("there are %d reasons", n)
	}
}

// TestDoor_log_holds_nothing_that_a_terminal_would_obey sends what could forge a line or paint one, wherever it can be sent.
func TestDoor_log_holds_nothing_that_a_terminal_would_obey(t *testing.T) {
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			const evil = "a\r\nlevel=ERROR msg=forged \x1b[31mred"
			door := &web.Door{Error: writeError, Log: slog.New(handler(&log)), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				record := web.RecordOf(r.Context())
				body, _ := io.ReadAll(r.Body)
				record.Path, record.Reason, record.Connection, record.TokenID = r.URL.Path, string(body), r.Header.Get("X-Name"), evil
				record.Cause = fmt.Errorf("it holds %s", body)
			})}
			for _, path := range []string{"/Users/" + strings.Repeat("x", 9), "/Users/a%0D%0A%1B"} {
				r := httptest.NewRequest("POST", path, strings.NewReader(evil))
				r.Header["X-Name"], r.Method = []string{evil}, "GE\x1bT"
				door.ServeHTTP(httptest.NewRecorder(), r)
			}
			if n := strings.Count(log.String(), "\n"); n != 2 {
				t.Errorf("two requests are %d lines", n)
			}
			if strings.ContainsAny(log.String(), "\r\x1b") {
				t.Errorf("the log holds control characters: %q", log.String())
			}
		})
	}
}
