//go:build npm

package mcp_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp/mcptest"
	"github.com/portcullis-dev/portcullis/gateway/mcp/web"
)

// tools is where make mcp-tools put the programs of others.
func tools(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MCP_TOOLS")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); dir == "" || err != nil {
		t.Fatalf("the programs of others are not in $MCP_TOOLS (%q): %v; run make gateway-test, which installs them", dir, err)
	}
	return dir
}

// node is the pinned Node.js: what the machine has may be too old for the suite.
func node(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(tools(t), "node_modules", "node-*", "bin", "node"))
	if err != nil || len(found) != 1 {
		t.Fatalf("node: %q, %v", found, err)
	}
	return found[0]
}

// everything starts the SDK's server that the conformance suite is made for.
func everything(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address := listener.Addr().String()
	must(t, listener.Close())
	server := exec.CommandContext(t.Context(), filepath.Join(tools(t), "bin", "everything-server"), "-http", address, "-stateless=false")
	server.Stderr = os.Stderr
	must(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for until := time.Now().Add(mcptest.Patience); ; time.Sleep(50 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return "http://" + address + "/"
		}
		if time.Now().After(until) {
			t.Fatalf("the server does not listen: %v", err)
		}
	}
}

var score = regexp.MustCompile(`(?m)^[✓✗] .*$|^Total: .*$`)

// conformance runs the suite against a server and returns what passed and what did
// not, scenario by scenario.
func conformance(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, node(t), filepath.Join(tools(t), "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js"),
		"server", "--url", url, "--spec-version", "2025-11-25", "-o", t.TempDir())
	out, err := c.CombinedOutput()
	lines := score.FindAllString(string(out), -1)
	if len(lines) < 30 {
		t.Fatalf("the suite said nothing that is a score (%v):\n%s", err, out)
	}
	return strings.Join(lines, "\n")
}

// TestConformance: a server scores through the gateway as it does alone.
func TestConformance(t *testing.T) {
	upstream := everything(t)
	alone := conformance(t, upstream)
	defs, err := web.Tools(t.Context(), upstream)
	must(t, err)
	w := mcptest.New(t, defs, `@id("all") permit (principal in Group::"staff", action, resource is Server);`)
	endpoint, err := web.New(web.Config{Gateway: w.Gateway(nil), Upstream: upstream, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	defer endpoint.Close()
	var posts int
	gateway := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		posts++
		endpoint.ServeHTTP(rw, r)
	}))
	defer gateway.Close()
	through := conformance(t, gateway.URL+"/")
	if alone != through || posts == 0 {
		t.Errorf("alone:\n%s\nthrough the gateway:\n%s", alone, through)
	}
	t.Log(fmt.Sprint(alone[strings.LastIndex(alone, "\n")+1:]))
}
