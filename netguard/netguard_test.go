package netguard_test

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/netguard"
)

func networks(t *testing.T, list ...string) []netip.Prefix {
	t.Helper()
	p, err := netguard.ParseNetworks(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fails asserts that Get of url fails and says so.
func fails(t *testing.T, c *netguard.Client, url, says string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if body, err := c.Get(ctx, url); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %q, %v, want an error that says %q", url, body, err, says)
	}
}

func TestGet_fetches_from_networks_that_are_allowed_and_refuses_them_otherwise(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	allowed, closed := netguard.New(networks(t, "127.0.0.0/8"), roots), netguard.New(networks(t, "10.0.0.0/8"), roots)
	for _, url := range []string{plain.URL, secure.URL} {
		if body, err := allowed.Get(t.Context(), url); err != nil || string(body) != "here" {
			t.Errorf("%s: %q, %v", url, body, err)
		}
	}
	fails(t, closed, plain.URL, "use https")
	fails(t, closed, secure.URL, "is inside")
	fails(t, netguard.New(networks(t, "127.0.0.1"), nil), secure.URL, "certificate")
}

// A name is judged by what it resolves to at the moment of dialling.
func TestGet_refuses_a_name_that_resolves_to_the_inside(t *testing.T) {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c := netguard.New(nil, nil)
	fails(t, c, "https://localhost:"+port, "is inside")
	fails(t, c, "http://localhost:"+port, "use https")
}

func server(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestGet_refuses_every_address_of_the_inside_before_it_dials(t *testing.T) {
	c := netguard.New(nil, nil)
	for _, host := range []string{
		"127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "240.0.0.1", "255.255.255.255",
		"[::1]", "[::]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[64:ff9b::808:808]", "[64:ff9b:1::1]",
		"[2002:7f00:1::1]", "[2001::1]", "[2001:db8::1]", "[3fff::1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "[5f00::1]",
	} {
		fails(t, c, "https://"+host+":9/", "is inside")
		fails(t, c, "http://"+host+":9/", "use https")
	}
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} { // other spellings of 127.0.0.1
		fails(t, c, "https://"+host+":9/", "")
	}
}

func TestPublic_knows_the_addresses_of_the_Internet(t *testing.T) {
	for _, a := range []string{"8.8.8.8", "172.32.0.1", "172.15.255.255", "100.63.255.255", "100.128.0.1", "192.0.1.1", "223.255.255.255", "2600::1", "2a00::1", "2003::1"} {
		if !netguard.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s counts as inside", a)
		}
	}
}

func TestGet_refuses_answers(t *testing.T) {
	c := netguard.New(networks(t, "127.0.0.1"), nil)
	reached := false
	goal := server(t, func(http.ResponseWriter, *http.Request) { reached = true })
	for says, h := range map[string]http.HandlerFunc{
		"302 Found":       func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, goal, http.StatusFound) },
		"404 Not Found":   func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"larger than":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, netguard.MaxBody+1)) },
		"headers":         func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 70<<10)) },
		"unexpected EOF":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9") },
		"204 No Content":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"206 Partial":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) },
		"deadline exceed": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"context deadline exceeded": func(w http.ResponseWriter, r *http.Request) { // a body without an end, too slow to be large
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		},
	} {
		if strings.Contains(says, "deadline") {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if body, err := c.Get(ctx, server(t, h)); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q, %v", says, body, err)
			}
			cancel()
			continue
		}
		fails(t, c, server(t, h), says)
	}
	if reached {
		t.Error("a redirect was followed")
	}
	whole := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, netguard.MaxBody)) })
	if body, err := c.Get(t.Context(), whole); err != nil || len(body) != netguard.MaxBody {
		t.Errorf("the largest answer: %d bytes, %v", len(body), err)
	}
}

func TestGet_refuses_URLs(t *testing.T) {
	c := netguard.New(networks(t, "127.0.0.1"), nil)
	for url, says := range map[string]string{
		"file:///etc/passwd":       "a host and no user",
		"gopher://127.0.0.1/":      `"gopher" is not https`,
		"https://u:p@127.0.0.1/":   "a host and no user",
		"127.0.0.1":                "a host",
		"https:///x":               "a host",
		"https://127.0.0.1:99999/": "port",
		"https://\x00/":            "control character",
	} {
		fails(t, c, url, says)
	}
}

func TestGet_asks_no_proxy(t *testing.T) {
	proxy := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	for _, name := range []string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy)
	}
	fails(t, netguard.New(networks(t, "127.0.0.1"), nil), "http://rollcall.invalid/", "")
}

func TestParseNetworks(t *testing.T) {
	got := networks(t, "10.1.2.3/8", "192.168.1.1", "fd00::/8", "::ffff:10.0.0.1")
	want := []string{"10.0.0.0/8", "192.168.1.1/32", "fd00::/8", "10.0.0.1/32"}
	for i, p := range got {
		if p.String() != want[i] {
			t.Errorf("%s, want %s", p, want[i])
		}
	}
	for _, wrong := range []string{"", "10.0.0.0/33", "example.com", "::ffff:10.0.0.0/104"} {
		if p, err := netguard.ParseNetworks([]string{wrong}); err == nil {
			t.Errorf("%q is %v", wrong, p)
		}
	}
}
