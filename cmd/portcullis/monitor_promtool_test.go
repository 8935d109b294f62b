//go:build prometheus

package main

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// TestPromtool lets Prometheus' own tool read and lint the page. What the library says
// of the process has no help, so that part is only read.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not there; install it, in Debian with: apt-get install prometheus")
	}
	data, address := newZone(t), freeAddress(t)
	serve(t, data, "up", "--metrics", address)
	text := page(t, address, "/metrics", http.StatusOK, "portcullis_armed")
	check := func(text string) string {
		c := exec.CommandContext(t.Context(), tool, "check", "metrics")
		c.Stdin = strings.NewReader(text)
		out, err := c.CombinedOutput()
		if err != nil {
			return err.Error() + "\n" + string(out)
		}
		return ""
	}
	ours, rest, found := strings.Cut(text, "\ngo_")
	if !found || rest == "" {
		t.Fatal("the page has nothing of the process")
	}
	if found := check(ours + "\n"); found != "" {
		t.Errorf("our families: %s", found)
	}
	if found := check(text); found != "" && !strings.HasPrefix(found, "exit status 3") { // 3: read, and something is bad style
		t.Errorf("the page: %s", found)
	}
	if found := check(ours + "\nportcullis_armed 1 2 3\n"); found == "" {
		t.Error("it finds nothing wrong with a page that is")
	}
}
