package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/fabric"
)

// TestConsoleProofs: what the console makes, anybody can check; what cannot be proved
// is refused in words.
func TestConsoleProofs(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	serve(t, data, "up", "--console", noConsole)
	url := serve(t, data, "console", "--listen", "127.0.0.1:0").URL
	f, err := fabric.Open(data)
	must(t, err)
	stdout, stderr, exit := cli(t, "--json", "--data", data, "propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt")
	if exit != exitDone {
		t.Fatal(stderr)
	}
	var done struct{ Intent string }
	must(t, json.Unmarshal([]byte(stdout), &done))

	var body string
	for end := time.Now().Add(killLoopPatience); ; {
		status, text := fetch(t, url+"/api/v1/proofs/"+done.Intent, "")
		if body = text; status == http.StatusOK {
			break
		}
		if status != http.StatusConflict || time.Now().After(end) {
			t.Fatalf("%d %s", status, text)
		}
	}
	file, err := proof.Decode([]byte(body))
	must(t, err)
	if r := proof.Verify(file, f.Ledger); !r.OK() || file.Kind != proof.KindExecuted {
		t.Errorf("a proof of %s fails at %q", file.Kind, r.Failed())
	}
	for path, want := range map[string]int{
		"/api/v1/proofs/zz":                       http.StatusBadRequest,
		"/api/v1/proofs/%2e%2e%2fstatus":          http.StatusBadRequest,
		"/api/v1/proofs/999999":                   http.StatusNotFound,
		"/api/v1/proofs/abababababababababababab": http.StatusNotFound,
	} {
		if status, text := fetch(t, url+path, ""); status != want {
			t.Errorf("%s: %d, want %d: %s", path, status, want, text)
		}
	}
	if _, text := fetch(t, url+"/api/v1/anchor", ""); !json.Valid([]byte(text)) {
		t.Error(text)
	}
}
