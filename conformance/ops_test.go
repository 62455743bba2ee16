package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// measured starts the server with metrics on an address of their own, which it returns.
func (s *server) measured(t *testing.T) (url string) {
	t.Helper()
	s.Serve(t, "--metrics-listen", "127.0.0.1:0")
	pattern := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/metrics`)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if url := pattern.FindString(s.Log.String()); url != "" {
			return url
		}
	}
	t.Fatal("the log does not say where the metrics are")
	return ""
}

// fetch gets a URL without a token.
func (s *server) fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := s.HTTP.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// told is what the requests of the test come to.
var told = []string{
	`rollcall_http_requests_total{connection="any",method="GET",route="/scim/v2/Users/{id}",status="200"} 3`,
	`rollcall_http_requests_total{connection="any",method="GET",route="/scim/v2/Users/{id}",status="404"} 1`,
	`rollcall_http_requests_total{connection="any",method="GET",route="other",status="404"} 1`,
	`rollcall_http_requests_total{connection="any",method="POST",route="/scim/v2/Users",status="201"} 2`,
	`rollcall_http_requests_total{connection="",method="GET",route="other",status="401"} 1`,
	`rollcall_http_request_duration_seconds_count{route="/scim/v2/Users/{id}"} 4`,
	`rollcall_credentials_refused_total{reason="unknown token"} 1`,
	`rollcall_http_requests_in_flight 0`,
	`rollcall_http_requests_waiting 0`,
	`rollcall_writer_queue_length 0`,
	`rollcall_rows{of="users"} `,
	`rollcall_tasks_waiting 0`,
	`rollcall_build_info{`,
	`go_goroutines `,
	`process_resident_memory_bytes `,
}

// metrics fetches the metrics until each of the lines is in them: an answer comes before it is counted.
func (s *server) metrics(t *testing.T, url string, lines []string) (text string) {
	t.Helper()
	for _, want := range lines {
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			var status int
			if status, text = s.fetch(t, url); status != 200 {
				t.Fatalf("status %d", status)
			}
			if strings.Contains(text, "\n"+want) {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("the metrics lack %s", want)
				break
			}
		}
	}
	return text
}

func TestMetrics_tell_of_requests_and_hold_no_id_and_no_name(t *testing.T) {
	for _, kind := range harness.Databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := prepare(t, kind)
			url := s.measured(t)
			c := s.idp(t, "any", "")
			c.users("pat", "sam")
			for range 3 {
				c.send("GET /Users/{pat}", "").code(200)
			}
			c.send("GET /Users/canary@x.test", "").code(404)
			c.send("GET /canary", "").code(404)
			c.with("Authorization", "Bearer rct_canary").send("GET /Users", "").code(401)
			text := s.metrics(t, url, told)
			if found := regexp.MustCompile(`rollcall_writer_batch_size_count ([0-9]+)`).FindStringSubmatch(text); found == nil || found[1] == "0" {
				t.Errorf("commits: %v", found)
			}
			for _, canary := range []string{"canary", "pat", c.expand("{pat}")} {
				if strings.Contains(text, canary) {
					t.Errorf("the metrics hold %s", canary)
				}
			}
			if status, _ := s.fetch(t, s.URL+"/metrics"); status != 404 {
				t.Errorf("the main address answers /metrics with %d", status)
			}
			if status, _ := s.fetch(t, strings.TrimSuffix(url, "/metrics")+"/scim/v2/Users"); status != 404 {
				t.Errorf("the address of the metrics answers SCIM with %d", status)
			}
		})
	}
}

func TestMetrics_tell_of_connections_and_tokens(t *testing.T) {
	for _, kind := range harness.Databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := prepare(t, kind)
			s.CLI(t, "db", "migrate")
			s.CLI(t, "connection", "create", "calm")
			s.CLI(t, "connection", "create", "off")
			s.CLI(t, "connection", "disable", "off")
			s.CLI(t, "token", "create", "--connection", "calm", "--expires", "10d")
			url := s.measured(t)
			var tokens []struct {
				ID       string
				Expiring bool
			}
			if s.Show(t, &tokens, "token", "list"); len(tokens) != 1 || !tokens[0].Expiring {
				t.Fatalf("tokens: %+v", tokens)
			}
			text := s.metrics(t, url, []string{
				`rollcall_connection_silent{connection="calm"} 0`, `rollcall_connection_silence_seconds{connection="calm"} `,
				`rollcall_token_expiry_timestamp_seconds{connection="calm",token="` + tokens[0].ID + `"} 1.`,
			})
			if strings.Contains(text, `connection="off"`) {
				t.Error("a connection that is disabled is told of")
			}
		})
	}
}

func TestServe_answers_its_guards_while_many_clients_stall(t *testing.T) {
	s := prepare(t, "sqlite")
	s.Serve(t)
	c := s.idp(t, "any", "")
	address := strings.TrimPrefix(s.URL, "http://")
	for i := range 2000 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		part := "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bea"
		if i%2 == 0 { // these have come as far as the body
			part = fmt.Sprintf("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", c.token)
		}
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		for _, path := range []string{"/healthz", "/readyz"} {
			begin := time.Now()
			if status, body := s.fetch(t, s.URL+path); status != http.StatusOK || time.Since(begin) > time.Second {
				t.Errorf("%s: status %d after %s: %s", path, status, time.Since(begin), body)
			}
		}
	}
	other := s.idp(t, "other", "")
	begin := time.Now()
	if other.send("GET /Users", "").code(200); time.Since(begin) > time.Second {
		t.Errorf("another connection waited %s", time.Since(begin))
	}
}

func TestServe_limits_and_log_are_settings(t *testing.T) {
	for _, kind := range harness.Databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := prepare(t, kind)
			s.Serve(t, "--rate-limit", "1", "--rate-burst", "3", "--log-format", "json")
			c := s.idp(t, "any", "")
			id := c.send("POST /Users", `{"userName":"pat@x.test"}`).code(201).id()
			limited := 0
			for range 6 {
				if a := c.send("GET /Users?filter=userName+eq+%22pat@x.test%22", ""); a.status == 429 {
					a.lawful()
					limited++
				}
			}
			if limited < 2 {
				t.Errorf("%d of 6 requests were refused", limited)
			}
			for range 6 { // a deactivation is never refused
				c.send("PATCH /Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`).code(200)
			}
			c.send("DELETE /Users/"+id, "").code(204)
			s.Stop(t)
			if requests := s.requests(t); requests != 14 {
				t.Errorf("the log has %d requests, want 14", requests)
			}
			if strings.Contains(s.Log.String(), "pat@x.test") {
				t.Error("the log holds a name")
			}
			for flag, bad := range map[string]string{"--rate-limit": "0", "--rate-burst": "-1", "--log-format": "xml", "--log-level": "loud", "--metrics-listen": "9090"} {
				if r := s.Try("serve", flag, bad); r.Code != 2 || !strings.Contains(r.Stderr, flag) {
					t.Errorf("%s %s: exit %d, %s", flag, bad, r.Code, r.Stderr)
				}
			}
		})
	}
}

// requests counts the requests in a log in JSON, and checks their lines.
func (s *server) requests(t *testing.T) (n int) {
	t.Helper()
	for line := range strings.Lines(s.Log.String()) {
		var v struct {
			Msg, Route, Connection string
			Status                 int
			RequestID              string `json:"request_id"`
			TokenID                string `json:"token_id"`
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if v.Msg != "request" {
			continue
		}
		n++
		if v.Connection != "any" || len(v.TokenID) != 26 || len(v.RequestID) != 26 || v.Status != 429 && !strings.HasPrefix(v.Route, "/scim/v2/Users") {
			t.Errorf("the line %s", line)
		}
	}
	return n
}
