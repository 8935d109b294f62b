package httpcall_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
)

// resolver answers each look-up of an IPv4 address with the next of addresses,
// over and over, and knows no IPv6 address.
func resolver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	var next atomic.Uint32
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			answerDNS(server, func() net.IP {
				return net.ParseIP(addresses[int(next.Add(1)-1)%len(addresses)]).To4()
			})
		}()
		return client, nil
	}}
}

// answerDNS serves RFC 1035 over a stream (section 4.2.2): what is needed for A
// records, with a time to live of zero.
func answerDNS(conn io.ReadWriter, next func() net.IP) {
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		query := make([]byte, length)
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		end := 12
		for query[end] != 0 {
			end += int(query[end]) + 1
		}
		end += 5 // the root label, type and class
		reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
		if binary.BigEndian.Uint16(query[end-4:]) == 1 { // an A record is asked for
			reply[7] = 1
			reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			reply = append(reply, next()...)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// TestRebinding: names that resolve to places outside the public internet lead
// nowhere, whatever they resolved to before.
func TestRebinding(t *testing.T) {
	port := strings.TrimPrefix(unreachable(t), "127.0.0.1")
	for _, address := range []string{"127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"} {
		client := mustNew(t, httpcall.Config{
			Rules:    []httpcall.Rule{{Tool: "fetch", Method: "GET", Scheme: "http", Host: "service.example" + port, Path: "/"}},
			Resolver: resolver(t, address),
		})
		_, err := call(t.Context(), t, client, "http://service.example"+port+"/")
		wantRefused(t, err, address)
	}
}

// TestRebindingInTurns: an entry may reach loopback; its name resolves there for
// the first call, elsewhere for the second, and back for the third.
func TestRebindingInTurns(t *testing.T) {
	hits := 0
	port := strings.TrimPrefix(serve(t, func(http.ResponseWriter, *http.Request) { hits++ }), "127.0.0.1")
	client := mustNew(t, httpcall.Config{
		Rules:    []httpcall.Rule{{Tool: "fetch", Method: "GET", Scheme: "http", Host: "service.example" + port, Path: "/", Reach: local}},
		Resolver: resolver(t, "127.0.0.1", "10.0.0.1", "127.0.0.1"),
	})
	for i, allowed := range []bool{true, false, true} {
		_, err := call(t.Context(), t, client, "http://service.example"+port+"/")
		if allowed && err != nil {
			t.Errorf("call %d: %v", i, err)
		}
		if !allowed {
			wantRefused(t, err, "AllowPrivate")
		}
	}
	if hits != 2 {
		t.Errorf("%d requests, want 2", hits)
	}
}

// TestEntriesShareNoConnection: what one entry may reach helps no other, even for
// the same host.
func TestEntriesShareNoConnection(t *testing.T) {
	hits := 0
	host := serve(t, func(http.ResponseWriter, *http.Request) { hits++ })
	rule := httpcall.Rule{Tool: "inside", Method: "GET", Scheme: "http", Host: host, Path: "/", Reach: local}
	strict := rule
	strict.Tool, strict.Reach = "fetch", httpcall.Reach{AllowPrivate: true, AllowLinkLocal: true}
	client := mustNew(t, httpcall.Config{Rules: []httpcall.Rule{rule, strict}})
	url := "http://" + host + "/"
	if _, err := client.Call(t.Context(), "inside", url, []byte(`{"url":"`+url+`"}`), token, digest); err != nil {
		t.Error(err)
	}
	_, err := call(t.Context(), t, client, url)
	wantRefused(t, err, "AllowLoopback")
	if hits != 1 {
		t.Errorf("%d requests, want 1", hits)
	}
}

// TestLiteralAddresses are judged like names.
func TestLiteralAddresses(t *testing.T) {
	host := unreachable(t)
	port := strings.TrimPrefix(host, "127.0.0.1")
	for _, host := range []string{host, "localhost" + port, "[::1]" + port} {
		client := mustNew(t, httpcall.Config{
			Rules: []httpcall.Rule{{Tool: "fetch", Method: http.MethodGet, Scheme: "http", Host: host, Path: "/"}},
			Endpoints: map[string]httpcall.Endpoint{
				"post": {URL: "http://" + host + "/"},
			},
		})
		_, err := call(t.Context(), t, client, "http://"+host+"/")
		wantRefused(t, err, "AllowLoopback")
		_, err = client.Call(t.Context(), "post", "http://"+host+"/", []byte(`{}`), token, digest)
		wantRefused(t, err, "AllowLoopback")
	}
}
