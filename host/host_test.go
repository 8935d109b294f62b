package host

import "testing"

func TestOwn(t *testing.T) {
	for hostport, own := range map[string]bool{
		"localhost": true, "LOCALHOST:80": true, "127.0.0.1:4295": true, "127.9.9.9": true, "[::1]:80": true, "[::1]": true,
		"": false, "evil.test:80": false, "localhost.evil.test": false, "10.0.0.1": false, "0.0.0.0:80": false, "127.0.0.1.evil.test": false,
	} {
		if got := Own(Name(hostport)); got != own {
			t.Errorf("%q: %v, want %v", hostport, got, own)
		}
	}
}
