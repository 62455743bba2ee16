package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/netguard"
)

// Proxies are the networks whose X-Forwarded-For and X-Request-Id are believed. Nil believes nobody.
type Proxies []netip.Prefix

// ParseProxies reads networks such as 10.0.0.0/8 and single addresses. Errors: Invalid.
func ParseProxies(list []string) (Proxies, error) {
	networks, err := netguard.ParseNetworks(list)
	if err != nil {
		return nil, directory.Errorf(directory.Invalid, "trusted-proxies", "%v", err)
	}
	return networks, nil
}

func (p Proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// client returns who sent r, and whether the peer is a trusted proxy. Each trusted hop vouches for the address that it
// appended, so the walk goes from the right and ends at the first address that is not trusted or not an address.
func (p Proxies) client(r *http.Request) (client netip.Addr, trusted bool) {
	peer, _ := parseAddr(r.RemoteAddr)
	if !p.trust(peer) {
		return peer, false
	}
	client = peer
	for _, line := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for line != "" {
			i := strings.LastIndexByte(line, ',')
			a, ok := parseAddr(strings.TrimSpace(line[i+1:]))
			if !ok {
				return client, true
			}
			if client = a; !p.trust(a) {
				return client, true
			}
			line = line[:max(i, 0)]
		}
	}
	return client, true
}

// parseAddr reads an address with or without a port, as RemoteAddr and the proxies write them.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// AddressKey is what a client's address counts as in a Limiter: itself, or its /64 network in IPv6, since whoever has one
// address there has all of them.
func AddressKey(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	p, _ := a.Prefix(64) // it fails only for a length that the family does not have
	return p.Addr()
}
