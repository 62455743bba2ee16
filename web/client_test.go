package web_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/web"
)

func TestDoor_client_address(t *testing.T) {
	proxies, err := web.ParseProxies([]string{"10.0.0.0/8", "192.0.2.7", "2001:db8:ffff::/48"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		peer string
		sent []string
		want string
	}{
		"no proxy": {"203.0.113.5:4711", nil, "203.0.113.5"},
		"a peer that is not trusted is believed nothing": {"203.0.113.5:4711", []string{"198.51.100.1"}, "203.0.113.5"},
		"a trusted peer":                     {"10.1.2.3:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		"a trusted single address":           {"192.0.2.7:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		"a trusted peer that says nothing":   {"10.1.2.3:4711", nil, "10.1.2.3"},
		"the client forges what stands left": {"10.1.2.3:4711", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"several proxies":                    {"10.1.2.3:4711", []string{"1.1.1.1,198.51.100.1 , 10.9.9.9"}, "198.51.100.1"},
		"several lines are one list":         {"10.1.2.3:4711", []string{"1.1.1.1", "198.51.100.1", "10.9.9.9"}, "198.51.100.1"},
		"all are trusted":                    {"10.1.2.3:4711", []string{"10.7.7.7, 10.8.8.8"}, "10.7.7.7"},
		"no address ends the walk":           {"10.1.2.3:4711", []string{"198.51.100.1, unknown, 10.9.9.9"}, "10.9.9.9"},
		"with a port":                        {"10.1.2.3:4711", []string{"198.51.100.1:99"}, "198.51.100.1"},
		"IPv6":                               {"[2001:db8:ffff::1]:4711", []string{"2001:db8::9"}, "2001:db8::9"},
		"IPv6 with a port":                   {"10.1.2.3:4711", []string{"[2001:db8::9]:99"}, "2001:db8::9"},
		"IPv6 in brackets":                   {"10.1.2.3:4711", []string{"[2001:db8::9]"}, "2001:db8::9"},
		"IPv4 written as IPv6":               {"[::ffff:10.1.2.3]:4711", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a zone is left out":                 {"[fe80::1%eth0]:4711", nil, "fe80::1"},
		"a Unix socket":                      {"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = tt.peer, tt.sent
			var got string
			door := &web.Door{Proxies: proxies, Error: writeError, Log: slog.New(slog.DiscardHandler), Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = web.RecordOf(r.Context()).Client.String()
			})}
			door.ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("client %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseProxies_refuses_what_is_no_network(t *testing.T) {
	for _, s := range []string{"", "proxy.example", "10.0.0.0/33", "::ffff:10.0.0.0/104", "10.0.0.0/8,10.0.0.1"} {
		_, err := web.ParseProxies([]string{"127.0.0.1", s})
		var refused *directory.Error
		if !errors.As(err, &refused) || refused.Kind != directory.Invalid {
			t.Errorf("%q gives %v, want an error of kind invalid", s, err)
		}
	}
}

func TestAddressKey(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b string
		same bool
	}{
		"one IPv4 address":         {"192.0.2.1", "192.0.2.1", true},
		"two IPv4 addresses":       {"192.0.2.1", "192.0.2.2", false},
		"two in one IPv6 network":  {"2001:db8::1", "2001:db8::ffff:1", true},
		"two IPv6 networks of /64": {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := web.AddressKey(netip.MustParseAddr(tt.a)), web.AddressKey(netip.MustParseAddr(tt.b))
			if (a == b) != tt.same {
				t.Errorf("keys %v and %v", a, b)
			}
		})
	}
	if web.AddressKey(netip.Addr{}).IsValid() {
		t.Error("the key of no address is one")
	}
}
