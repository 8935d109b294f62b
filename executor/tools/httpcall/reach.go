package httpcall

import (
	"fmt"
	"net/netip"
	"syscall"
)

// zone is where an address lies. The zero value is reached by nobody.
type zone int

const (
	special   zone = iota // unspecified, multicast, reserved, documentation, tunnels
	public                // the internet
	loopback              // this machine
	private               // this site
	linkLocal             // this wire, and the clouds' metadata services
)

// allows reports whether the entry may connect to a zone, and which field of
// Reach would allow it.
func (r Reach) allows(z zone) (ok bool, field string) {
	switch z {
	case public:
		return true, ""
	case loopback:
		return r.AllowLoopback, "AllowLoopback"
	case private:
		return r.AllowPrivate, "AllowPrivate"
	case linkLocal:
		return r.AllowLinkLocal, "AllowLinkLocal"
	case special:
		return false, ""
	}
	return false, ""
}

// control is called by the dialer for each address that it is about to connect
// to, after any look-up ([net.Dialer.Control]).
func (r Reach) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusef("the address %q cannot be judged: %w", address, err)
	}
	ok, field := r.allows(zoneOf(at.Addr()))
	switch {
	case ok:
		return nil
	case field != "":
		return refusef("the host resolves to %s, outside the public internet; if that is meant, set %s on its entry of the allow-list", at.Addr(), field)
	default:
		return refusef("the host resolves to %s, which is no host's address; correct the name or its DNS record", at.Addr())
	}
}

// zones lists the address blocks that are not public, from the IANA registries of
// special-purpose addresses (RFC 6890 and its updates). The first match counts.
var zones = []struct {
	block netip.Prefix
	zone  zone
}{
	{netip.MustParsePrefix("127.0.0.0/8"), loopback},
	{netip.MustParsePrefix("10.0.0.0/8"), private},
	{netip.MustParsePrefix("172.16.0.0/12"), private},
	{netip.MustParsePrefix("192.168.0.0/16"), private},
	{netip.MustParsePrefix("100.64.0.0/10"), private},
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal},
	{netip.MustParsePrefix("168.63.129.16/32"), linkLocal}, // a cloud's metadata service on a public-looking address
	{netip.MustParsePrefix("0.0.0.0/8"), special},
	{netip.MustParsePrefix("192.0.0.0/24"), special},
	{netip.MustParsePrefix("192.0.2.0/24"), special},
	{netip.MustParsePrefix("192.88.99.0/24"), special},
	{netip.MustParsePrefix("198.18.0.0/15"), special},
	{netip.MustParsePrefix("198.51.100.0/24"), special},
	{netip.MustParsePrefix("203.0.113.0/24"), special},
	{netip.MustParsePrefix("224.0.0.0/3"), special}, // multicast, reserved, broadcast
	{netip.MustParsePrefix("0.0.0.0/0"), public},

	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("fc00::/7"), private},
	{netip.MustParsePrefix("fe80::/10"), linkLocal},
	{netip.MustParsePrefix("2001::/23"), special}, // protocol assignments, Teredo among them
	{netip.MustParsePrefix("2001:db8::/32"), special},
	{netip.MustParsePrefix("2002::/16"), special}, // 6to4: any IPv4 address in disguise
	{netip.MustParsePrefix("3fff::/20"), special},
	{netip.MustParsePrefix("2000::/3"), public},
}

// nat64 is the well-known prefix (RFC 6052): the last four bytes are the IPv4
// address that the translator connects to.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// zoneOf classifies an address. What no block covers is special.
func zoneOf(addr netip.Addr) zone {
	addr = addr.WithZone("").Unmap()
	if nat64.Contains(addr) {
		raw := addr.As16()
		addr = netip.AddrFrom4([4]byte(raw[12:]))
	}
	for _, z := range zones {
		if z.block.Contains(addr) {
			return z.zone
		}
	}
	return special
}

// refusef makes an ErrRefused that says what, where and how to mend.
func refusef(format string, args ...any) error {
	return fmt.Errorf("httpcall: %w: %w", ErrRefused, fmt.Errorf(format, args...))
}
