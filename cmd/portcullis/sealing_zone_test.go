package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/schemas"
)

const sealedMemo = "a-memo-that-nobody-else-reads"

// sealedTransfer asks for a transfer whose arguments are sealed to a key, and
// returns the intent's digest.
func sealedTransfer(t *testing.T, data, key, amount string, want int) string {
	t.Helper()
	out, stderr, exit := cli(t, "--json", "--data", data, "propose", "--as", "scout", "--tool", "transfer", "--resource", "acme", "--seal", key,
		"--arg", "to=acme", "--arg", "amount="+amount, "--arg", "currency=EUR", "--arg", "memo="+sealedMemo)
	if exit != want {
		t.Fatalf("exit %d, want %d: %s%s", exit, want, out, stderr)
	}
	var done proposal
	must(t, json.Unmarshal([]byte(out), &done))
	return done.Intent
}

func done(t *testing.T, arguments ...string) string {
	t.Helper()
	out, stderr, exit := cli(t, arguments...)
	if exit != exitDone {
		t.Fatalf("%v: exit %d: %s%s", arguments, exit, out, stderr)
	}
	return out
}

// TestSealedArguments is the life of a sealing key in a zone whose sentinel derives
// every verdict again, without the key: made, listed, used, dropped, erased.
// Nothing that was sealed to it is on the disk, and the ledger folds on without it.
func TestSealedArguments(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	of := func(arguments ...string) []string { return append([]string{"--data", data}, arguments...) }
	done(t, of("init", "--port", freePort(t), "--bank", freeAddress(t))...)
	source := filepath.Join(data, "release", "release.yaml")
	replaceIn(t, source, "# drift:\n#   - {rule: replay.mismatch}", "drift:\n  - {rule: replay.mismatch}")
	done(t, of("keys", "sealing", "new", "k1")...)
	up := serve(t, data, "up")
	done(t, of("release", "publish")...)

	plain := []string{"propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt"}
	done(t, of(plain...)...) // the sentinel derives it
	allowed := sealedTransfer(t, data, "k1", "250", exitDone)
	denied := sealedTransfer(t, data, "k1", "5000", exitRefused) // policy sees the amount
	done(t, of(plain...)...)
	if _, _, exit := cli(t, of("propose", "--as", "scout", "--tool", "transfer", "--resource", "acme", "--seal", "k2")...); exit != exitUsage {
		t.Errorf("sealing to a key of no release: exit %d", exit)
	}

	told := func(intent string) {
		t.Helper()
		for _, text := range []string{done(t, of("show", intent)...), done(t, of("--json", "show", intent)...)} {
			if strings.Contains(text, sealedMemo) || strings.Contains(text, "DIFFERS") || !strings.Contains(text, "k1") {
				t.Errorf("show:\n%s", text)
			}
		}
		if text := done(t, of("show", intent)...); !strings.Contains(text, "sealed to  k1") || !strings.Contains(text, "not re-derived: sealed") {
			t.Errorf("show does not say that it is sealed:\n%s", text)
		}
	}
	told(allowed)
	told(denied)

	dropKeys(t, source)
	done(t, of("release", "publish")...)
	if _, _, exit := cli(t, of("keys", "sealing", "erase", "k1")...); exit == exitDone {
		t.Error("a key was erased that verdicts rest on")
	}
	must(t, up.Stop(killLoopPatience))
	done(t, of("keys", "sealing", "erase", "k1", "--yes-really")...)
	serve(t, data, "up")
	done(t, of(plain...)...)
	told(allowed)
	for _, f := range statusOf(t, data).Findings {
		if f.Rule == schemas.DriftReplayMismatch && (f.Level != "warn" || !strings.Contains(f.Detail, "derives no verdicts")) {
			t.Errorf("a sentinel without the key says more than that it has none: %+v", f)
		}
	}
	must(t, filepath.WalkDir(filepath.Join(data, "server"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(sealedMemo)) {
			t.Errorf("%s has what was sealed", path)
		}
		return err
	}))
}

// dropKeys takes the sealing keys, which stand at the end, out of the source.
func dropKeys(t *testing.T, source string) {
	t.Helper()
	text, err := os.ReadFile(source)
	must(t, err)
	before, _, found := strings.Cut(string(text), "sealing_keys:")
	if !found {
		t.Fatal("no sealing keys in the source")
	}
	must(t, os.WriteFile(source, []byte(before), 0o600))
}
