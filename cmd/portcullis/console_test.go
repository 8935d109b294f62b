package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fetch asks a console on this machine, by a name of one's own if one is given.
func fetch(t *testing.T, url, host string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), killLoopPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	if host != "" {
		r.Host = host
	}
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

// TestConsole: it tells how the zone stands, to this machine alone, and says so when it
// cannot tell any more.
func TestConsole(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	up := serve(t, data, "up", "--console", noConsole)
	url := serve(t, data, "console", "--listen", "127.0.0.1:0").URL

	if out, stderr, exit := cli(t, "health", "--console", url); exit != exitDone {
		t.Errorf("its health: exit %d: %s%s", exit, out, stderr)
	}
	if status, body := fetch(t, url+"/", ""); status != http.StatusOK || !strings.Contains(body, "<title>Portcullis</title>") {
		t.Errorf("the page: %d %s", status, body)
	}
	if status, body := fetch(t, url+"/api/v1/status", "evil.test"); status != http.StatusForbidden {
		t.Errorf("by a foreign name: %d %s", status, body)
	}
	var told struct {
		Armed        bool `json:"armed"`
		Participants []struct{ Role, State string }
	}
	for end := time.Now().Add(killLoopPatience); !told.Armed; {
		status, body := fetch(t, url+"/api/v1/status", "")
		if status == http.StatusOK {
			must(t, json.Unmarshal([]byte(body), &told))
		}
		if time.Now().After(end) {
			t.Fatalf("never armed: %d %s", status, body)
		}
	}
	if len(told.Participants) != 4 {
		t.Errorf("%d participants beat, want enforcer, executor, sentinel and recorder: %v", len(told.Participants), told.Participants)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*killLoopPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events", nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "event: status" {
		t.Fatalf("the first event: %q (%v)", lines.Text(), lines.Err())
	}
	must(t, up.Stop(killLoopPatience))
	unarmed := false
	for lines.Scan() && !unarmed {
		text := lines.Text()
		unarmed = text == "event: unknown" || strings.Contains(text, `"armed":false`)
	}
	if !unarmed {
		t.Errorf("the zone has ended, and nothing tells: %v", lines.Err())
	}
}

func TestConsoleRefuses(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init"); exit != exitDone {
		t.Fatal(stderr)
	}
	for _, arguments := range [][]string{
		{"console", "--listen", "0.0.0.0:0"},
		{"console", "--listen", "192.0.2.1:4290"},
		{"console", "--listen", "nonsense"},
		{"up", "--port", freePort(t), "--console", "0.0.0.0:4290"},
	} {
		if _, stderr, exit := cli(t, append([]string{"--data", data}, arguments...)...); exit != exitUsage {
			t.Errorf("%v: exit %d: %s", arguments, exit, stderr)
		}
	}
}
