package httpcall

import (
	"errors"
	"net/netip"
	"testing"
)

func TestZones(t *testing.T) {
	for z, addresses := range map[zone][]string{
		public: {
			"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0",
			"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2001:4860:4860::8888",
		},
		loopback:  {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1"},
		private:   {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "fc00::1", "fd00:ec2::254", "::ffff:10.1.2.3", "64:ff9b::10.0.0.1"},
		linkLocal: {"169.254.169.254", "169.254.0.1", "168.63.129.16", "fe80::1", "fe80::1%eth0", "febf::1", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254"},
		special: {
			"0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
			"::127.0.0.1", "::2", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "4000::1", "5f00::1", "fec0::1", "ff02::1", "::ffff:0.0.0.0", "::ffff:0:127.0.0.1",
		},
	} {
		for _, address := range addresses {
			if got := zoneOf(netip.MustParseAddr(address)); got != z {
				t.Errorf("%s is in zone %d, want %d", address, got, z)
			}
		}
	}
	if got := zoneOf(netip.Addr{}); got != special {
		t.Errorf("no address is in zone %d", got)
	}
}

// TestReachIsExact: each field opens its own zone and no other.
func TestReachIsExact(t *testing.T) {
	of := map[string]string{
		"public": "1.1.1.1:443", "loopback": "[::ffff:127.0.0.1]:80", "private": "10.0.0.1:80", "link-local": "[fe80::1%eth0]:80",
		"special": "0.0.0.0:80", "none": "", "name": "localhost:80",
	}
	for name, tt := range map[string]struct {
		reach Reach
		opens string
	}{
		"zero":       {Reach{}, ""},
		"loopback":   {Reach{AllowLoopback: true}, "loopback"},
		"private":    {Reach{AllowPrivate: true}, "private"},
		"link-local": {Reach{AllowLinkLocal: true}, "link-local"},
	} {
		for zone, address := range of {
			err := tt.reach.control("tcp", address, nil)
			if want := zone == "public" || zone == tt.opens; (err == nil) != want {
				t.Errorf("%s, %s: %v", name, zone, err)
			}
			if err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("%s, %s: %v is no refusal", name, zone, err)
			}
		}
	}
}
