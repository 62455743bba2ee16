// Package netguard is the HTTP client for everything that an administrator or a peer named: an address that comes from a setting
// or from a message must not lead into the network that the server stands in. It owns which addresses may be reached, how long
// an answer may take and how large it may be. What is fetched, when, and what it means is the caller's; login calls it.
package netguard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

const (
	// MaxBody is the most bytes of an answer.
	MaxBody = 1 << 20
	// timeout is for the whole of a request, from the name's resolution to the last byte.
	timeout = 10 * time.Second

	maxHeader = 64 << 10
)

// reserved are the networks that are not private, loopback, link-local, multicast or unspecified, and yet lead to no stranger: to
// the neighbourhood, to another address inside them, or nowhere.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"168.63.129.16/32",                                     // Azure's own, from inside
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", // Teredo and others, documentation, 6to4, documentation
)

// global is where the addresses of the Internet are in IPv6; NAT64, IPv4-compatible and all later inventions are outside.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(list))
	for i, s := range list {
		all[i] = netip.MustParsePrefix(s)
	}
	return all
}

// ParseNetworks reads networks such as 10.0.0.0/8 and single addresses.
func ParseNetworks(list []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); addrErr == nil {
			addr = addr.Unmap().WithZone("")
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is not a network: use a form such as 10.0.0.0/8", s)
		}
		networks = append(networks, p.Masked())
	}
	return networks, nil
}

// Client fetches documents. It reaches addresses of the Internet by https, and those of the networks that it was made with by
// https and http. It asks no proxy, follows no redirect and keeps no connection. Safe for concurrent use.
type Client struct {
	allowed []netip.Prefix
	https   http.RoundTripper
	http    http.RoundTripper
}

// New returns a Client that may also reach the networks allowed. roots are the certificates that it trusts, nil for the system's.
func New(allowed []netip.Prefix, roots *x509.CertPool) *Client {
	c := &Client{allowed: allowed}
	c.https, c.http = c.transport(c.checkSecure, roots), c.transport(c.checkPlain, roots)
	return c
}

// transport makes a transport that asks check for each address before it is dialled. The name is resolved by then: what it
// resolves to later, or for somebody else, does not matter.
func (c *Client) transport(check func(netip.Addr) error, roots *x509.CertPool) http.RoundTripper {
	dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return check(a.Addr().Unmap().WithZone(""))
	}}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
}

func (c *Client) allows(a netip.Addr) bool {
	return slices.ContainsFunc(c.allowed, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (c *Client) checkSecure(a netip.Addr) error {
	if c.allows(a) || public(a) {
		return nil
	}
	return fmt.Errorf("the address %s is inside: allow its network by --outbound-allow, if that is meant", a)
}

func (c *Client) checkPlain(a netip.Addr) error {
	if c.allows(a) {
		return nil
	}
	return fmt.Errorf("http to the address %s: use https, or allow its network by --outbound-allow", a)
}

// public reports whether a is an address of the Internet. It is given without a zone and not as IPv4 in IPv6.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Get fetches the document at an http or https URL: the body of a 200 of at most MaxBody bytes. The error says what was wrong,
// for the administrator; it may hold addresses of the inside.
func (c *Client) Get(ctx context.Context, rawURL string) ([]byte, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	if u.Host == "" || u.User != nil {
		return nil, errors.New("the URL must have a host and no user")
	}
	transport := c.https
	switch u.Scheme {
	case "https":
	case "http":
		transport = c.http
	default:
		return nil, fmt.Errorf("the scheme %q is not https", u.Scheme)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	res, err := transport.RoundTrip(req) // one request: a redirect is an answer like others
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // nothing is written
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s; only 200 counts, and redirects are not followed", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	if err == nil && len(body) > MaxBody {
		err = fmt.Errorf("the answer is larger than %d bytes", MaxBody)
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}
