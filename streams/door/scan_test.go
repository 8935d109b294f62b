package door

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

func TestWhatAClientSays(t *testing.T) {
	tests := []struct {
		name, said string
		messages   int
	}{
		{"ping", "PING\r\n", 1},
		{"any case", "ping\r\nPiNg\r\n", 2},
		{"publish", "PUB a 5\r\nhello\r\n", 1},
		{"publish with reply", "PUB a b 5\r\nhello\r\nPING\r\n", 2},
		{"an empty message", "PUB a 0\r\n\r\nPING\r\n", 2},
		{"tabs, many spaces, one at the end", "PUB\ta  \t 5 \r\nhello\r\nPING\r\n", 2},
		{"lines in a payload", "PUB a 14\r\nPING\r\nPING\r\n\n\n\r\nPING\r\n", 2},
		{"headers", "HPUB a 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPING\r\n", 2},
		{"headers and reply", "HPUB a b 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPING\r\n", 2},
		{"subscribe", "SUB a 1\r\nSUB a queue 2\r\nUNSUB 1 5\r\n", 3},
		{"pong", "PONG\r\n", 1},
		{"leading zeros", "PUB a 000000005\r\nhello\r\nPING\r\n", 2},
		{"unfinished", "PING\r\nPIN", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s scanner
			c, err := s.scan([]byte(tt.said))
			if err != nil || c.messages != tt.messages || c.bytes != len(tt.said) {
				t.Errorf("%d messages in %d bytes, want %d: %v", c.messages, c.bytes, tt.messages, err)
			}
		})
	}
}

func TestWhatNoClientSays(t *testing.T) {
	for name, said := range map[string]string{
		"a bare line end":              "PING\n",
		"a bare line end in a publish": "PUB a 5\nhello\r\n",
		"a carriage return inside":     "PUB a\r 5\r\n",
		"an empty line":                "\r\n",
		"a second CONNECT":             "CONNECT {}\r\n",
		"a server's word":              "MSG a 1 5\r\nhello\r\n",
		"a router's word":              "RMSG a b 5\r\n",
		"a publish without a size":     "PUB a\r\n",
		"a publish of many words":      "PUB a b c 5\r\n",
		"headers of one size":          "HPUB a 5\r\n",
		"headers of many words":        "HPUB a b c 5 5\r\n",
		"a size that is none":          "PUB a 5x\r\n",
		"a negative size":              "PUB a -5\r\n",
		"a size with a sign":           "PUB a +5\r\n",
		"a size of ten digits":         "PUB a 0000000005\r\n",
		"a long line":                  "PUB " + strings.Repeat("a", maxLine) + " 5\r\n",
		"a long line without an end":   "SUB " + strings.Repeat("a", maxLine),
		"HTTP":                         "GET / HTTP/1.1\r\n",
		"TLS":                          "\x16\x03\x01\x00\n",
	} {
		t.Run(name, func(t *testing.T) {
			var s scanner
			if c, err := s.scan([]byte(said)); err == nil {
				t.Errorf("accepted, as %d messages", c.messages)
			}
		})
	}
}

// said is a conversation that is drawn, and what it costs.
func said(t *rapid.T) (all []byte, want cost) {
	for range rapid.IntRange(0, 20).Draw(t, "lines") {
		switch rapid.IntRange(0, 3).Draw(t, "verb") {
		case 0:
			all = append(all, "PING\r\n"...)
		case 1:
			all = append(all, "SUB a.b 1\r\n"...)
		case 2:
			payload := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "payload")
			all = fmt.Appendf(all, "PUB a.b %d\r\n%s\r\n", len(payload), payload)
			want.items += new(items).count(payload)
		case 3:
			n := rapid.IntRange(1, 20).Draw(t, "items")
			list := sealed(t, n, rapid.IntRange(1, 300).Draw(t, "size"))
			all = fmt.Appendf(all, "PUB a.b %d\r\n%s\r\n", len(list), list)
			want.items += n
		}
		want.messages++
	}
	want.bytes = len(all)
	return all, want
}

var key = func() *trust.SigningKey {
	k, err := trust.GenerateKey()
	if err != nil {
		panic(err)
	}
	return k
}()

// sealed is a signed list of n items.
func sealed(t interface{ Fatal(...any) }, n, size int) []byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = bytes.Repeat([]byte{byte(i)}, size)
	}
	list, err := trust.SealList(schemas.KindIntent, trust.DigestOf(nil), all, key)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPiecesChangeNothing: however a conversation is cut, it costs the same.
func TestPiecesChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, want := said(t)
		var s scanner
		var got cost
		for rest := all; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			c, err := s.scan(rest[:n])
			if err != nil {
				t.Fatalf("%v in %q", err, rest[:n])
			}
			got.bytes, got.messages, got.items = got.bytes+c.bytes, got.messages+c.messages, got.items+c.items
			rest = rest[n:]
		}
		if got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

// FuzzItems: what our readers accept as a list has at least as many items for the
// door, in whatever pieces it comes.
func FuzzItems(f *testing.F) {
	f.Add(sealed(f, 3, 10), 7)
	f.Add([]byte{0x12, 0x00, 0x12, 0x02, 0x12, 0x00}, 1)
	f.Add([]byte{0x12, 0x82, 0x80, 0x00, 0x12, 0x00}, 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var whole, pieces items
		n := whole.count(data)
		if cut = max(cut, 0) % (len(data) + 1); pieces.count(data[:cut])+pieces.count(data[cut:]) != n {
			t.Fatalf("another number of items when it is cut at %d", cut)
		}
		env, err := trust.ParseEnvelope(data)
		if err != nil {
			return
		}
		if _, list, err := trust.ParseList(env.Payload); err == nil && n < len(list) {
			t.Fatalf("%d items were counted of %d", n, len(list))
		}
	})
}
