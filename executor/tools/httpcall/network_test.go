package httpcall_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
)

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := unreachable(t)
	var location string
	var status, hits int
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		hits++
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	})
	client := allow(t, http.MethodGet, host, "/api", false)
	calls := 0
	for _, location = range []string{"http://" + other + "/", "http://" + host + "/api/next", "/api/next", "//" + other, "http://169.254.169.254/latest", "file:///etc/passwd", "", "http://[bad", "%zz", "http://a b/"} {
		for _, status = range []int{300, 301, 302, 303, 307, 308} {
			calls++
			_, err := call(t.Context(), t, client, "http://"+host+"/api")
			refused := new(httpcall.StatusError)
			if !errors.As(err, &refused) || refused.Status != status || !strings.Contains(err.Error(), "not followed") {
				t.Errorf("%d to %q: %v", status, location, err)
			}
			if err != nil && !strings.Contains(err.Error(), strconv.Quote(location)) {
				t.Errorf("%d to %q is not named: %v", status, location, err)
			}
		}
	}
	if hits != calls {
		t.Errorf("%d requests for %d calls", hits, calls)
	}
}

func TestStatus(t *testing.T) {
	var status int
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			_, _ = w.Write([]byte("why\x1b[2J" + strings.Repeat("x", 100_000)))
		}
	})
	client := allow(t, http.MethodGet, host, "/", false)
	for _, status = range []int{304, 400, 401, 404, 409, 429, 500, 503, 599} {
		_, err := call(t.Context(), t, client, "http://"+host+"/")
		refused := new(httpcall.StatusError)
		if !errors.As(err, &refused) || refused.Status != status || errors.Is(err, httpcall.ErrUncertain) || errors.Is(err, httpcall.ErrRefused) {
			t.Fatalf("%d: %v", status, err)
		}
		if len(err.Error()) > 1200 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d: the error is %d bytes long or not quoted", status, len(err.Error()))
		}
	}
	for _, status = range []int{200, 202} {
		if got, err := call(t.Context(), t, client, "http://"+host+"/"); err != nil || got.Status != status {
			t.Errorf("%d: %+v, %v", status, got, err)
		}
	}
	status = 204
	if got, err := call(t.Context(), t, client, "http://"+host+"/"); err != nil || got.Body != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOversizeBody(t *testing.T) {
	size := 0
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for range size {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
		}
	})
	for _, limit := range []int{0, 10} {
		client := mustNew(t, httpcall.Config{
			Rules:       []httpcall.Rule{{Tool: "fetch", Method: "GET", Scheme: "http", Host: host, Path: "/", Reach: local}},
			MaxResponse: limit,
		})
		if limit == 0 {
			limit = httpcall.MaxResponse
		}
		size = limit
		if got, err := call(t.Context(), t, client, "http://"+host+"/"); err != nil || len(got.Body) != limit {
			t.Errorf("at the limit: %d bytes, %v", len(got.Body), err)
		}
		size = limit + 1
		if _, err := call(t.Context(), t, client, "http://"+host+"/"); !errors.Is(err, httpcall.ErrUncertain) {
			t.Errorf("over the limit: %v", err)
		}
	}
}

// TestSlowServers: a server that never answers, or never ends, is left when the
// context ends, and the error says that the call may have taken effect, and why
// it was left.
func TestSlowServers(t *testing.T) {
	reached := make(chan struct{}, 1)
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/trickle" {
			_, _ = w.Write([]byte("x"))
			_ = http.NewResponseController(w).Flush()
		}
		reached <- struct{}{}
		<-r.Context().Done()
	})
	client := allow(t, http.MethodGet, host, "/", false)
	halted := errors.New("halted by governor")
	for _, path := range []string{"/silent", "/trickle"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-reached
			cancel(halted)
		}()
		_, err := call(ctx, t, client, "http://"+host+path)
		if !errors.Is(err, httpcall.ErrUncertain) || !errors.Is(err, halted) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNothingSent(t *testing.T) {
	host := unreachable(t)
	client := allow(t, http.MethodGet, host, "/", false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := call(ctx, t, client, "http://"+host+"/"); !errors.Is(err, context.Canceled) || errors.Is(err, httpcall.ErrUncertain) {
		t.Errorf("cancelled before: %v", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = call(t.Context(), t, allow(t, http.MethodGet, closed, "/", false), "http://"+closed+"/")
	if err == nil || errors.Is(err, httpcall.ErrUncertain) || !strings.Contains(err.Error(), "nothing was sent") {
		t.Errorf("nobody listens: %v", err)
	}
}

// rawServer answers every connection with the same bytes; it returns its host:port
// and how many connections there were.
func rawServer(t *testing.T, answer string, hold bool) (string, *atomic.Int32) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	connections := new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed by the cleanup
			}
			connections.Add(1)
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, _ = io.WriteString(conn, answer)
				if hold {
					_, _ = io.Copy(io.Discard, conn)
				}
			}()
		}
	}()
	return listener.Addr().String(), connections
}

// TestBrokenServers: whatever comes back, the call ends, is made once, and is
// uncertain.
func TestBrokenServers(t *testing.T) {
	for name, answer := range map[string]string{
		"hangs up":       "",
		"not HTTP":       "hello\r\n\r\n",
		"broken body":    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"broken chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"endless header": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<17) + "\r\n\r\n",
		"two lengths":    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	} {
		t.Run(name, func(t *testing.T) {
			host, connections := rawServer(t, answer, false)
			_, err := call(t.Context(), t, allow(t, http.MethodGet, host, "/", false), "http://"+host+"/")
			if !errors.Is(err, httpcall.ErrUncertain) {
				t.Errorf("got %v", err)
			}
			if n := connections.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestSwitchOfProtocols: a server that answers 101 and keeps the connection does
// not keep the call.
func TestSwitchOfProtocols(t *testing.T) {
	host, _ := rawServer(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", true)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := call(ctx, t, allow(t, http.MethodGet, host, "/", false), "http://"+host+"/")
	status := new(httpcall.StatusError)
	if !errors.As(err, &status) || status.Status != 101 || ctx.Err() != nil {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentProxyIsIgnored(t *testing.T) {
	proxy := unreachable(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://"+proxy)
	}
	client := mustNew(t, httpcall.Config{
		Rules:    []httpcall.Rule{{Tool: "fetch", Method: "GET", Scheme: "http", Host: "service.example:80", Path: "/"}},
		Resolver: resolver(t, "127.0.0.1"),
	})
	_, err := call(t.Context(), t, client, "http://service.example/")
	wantRefused(t, err, "AllowLoopback")
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the handshakes that must fail
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	for _, tt := range []struct {
		host  string
		roots *x509.CertPool
		ok    bool
	}{
		{"example.com", trusted, true}, // the test certificate's name
		{"other.example", trusted, false},
		{"example.com", x509.NewCertPool(), false},
		{"example.com", nil, false},
	} {
		client := mustNew(t, httpcall.Config{
			Rules:    []httpcall.Rule{{Tool: "fetch", Method: "GET", Scheme: "https", Host: tt.host + ":" + port, Path: "/", Reach: local}},
			RootCAs:  tt.roots,
			Resolver: resolver(t, "127.0.0.1"),
		})
		got, err := call(t.Context(), t, client, "https://"+tt.host+":"+port+"/")
		if (err == nil) != tt.ok || tt.ok && got.Body != "HTTP/1.1" || errors.Is(err, httpcall.ErrUncertain) {
			t.Errorf("%s: %+v, %v", tt.host, got, err)
		}
	}
}
