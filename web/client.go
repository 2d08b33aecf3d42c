package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the machines whose word on a client's address is taken.
type proxies []netip.Prefix

func (p proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(known netip.Prefix) bool { return known.Contains(a) })
}

// client is the address of who sent r: the last one on its way that none of our proxies has. What stands before it in
// X-Forwarded-For anybody can have written. It serves limits and the log, and never decides what somebody may see.
func (p proxies) client(r *http.Request) netip.Addr {
	at := parseAddr(r.RemoteAddr)
	way := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for len(way) > 0 && p.trust(at) {
		before := parseAddr(strings.TrimSpace(way[len(way)-1]))
		if !before.IsValid() {
			break
		}
		at, way = before, way[:len(way)-1]
	}
	return at
}

// parseAddr reads an address with or without a port; the zero address when it is none.
func parseAddr(s string) netip.Addr {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap()
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// household is what is counted as one client: an IPv4 address, or the /64 that one line gets of IPv6.
func household(a netip.Addr) string {
	if !a.Is6() {
		return a.String()
	}
	net, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a.String()
	}
	return net.String()
}
