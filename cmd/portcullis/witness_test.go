package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/story/process"
)

const witnessedOrigin = "example.com/eu1/ledger"

// witnessedLog is a log that grows, and a witness's process that follows it.
type witnessedLog struct {
	t      *testing.T
	dir    string
	log    string // as --log takes it
	signer *trust.LogSigner
	edge   lineage.Edge
	stored []lineage.Hash
}

func newWitnessedLog(t *testing.T) *witnessedLog {
	t.Helper()
	text, public, err := trust.GenerateLogKeys()
	must(t, err)
	keys, err := trust.ParseLogKeys(text)
	must(t, err)
	l := &witnessedLog{t: t, dir: filepath.Join(t.TempDir(), "w1")}
	l.signer, err = keys.Signer(witnessedOrigin)
	must(t, err)
	var verifiers []string
	for _, key := range public {
		v, err := lineage.VerifierKey(witnessedOrigin, key)
		must(t, err)
		verifiers = append(verifiers, v)
	}
	l.log = witnessedOrigin + "=" + strings.Join(verifiers, ",")
	if _, stderr, exit := cli(t, "witness", "keygen", "--dir", l.dir, "--name", "example.com/w1", "--ml-dsa"); exit != exitDone {
		t.Fatal(stderr)
	}
	return l
}

// ReadHashes implements tlog.HashReader.
func (l *witnessedLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = l.stored[index]
	}
	return hashes, nil
}

// request is the request for one more leaf.
func (l *witnessedLog) request(old uint64) []byte {
	l.t.Helper()
	for l.edge.Size() <= old {
		l.stored = append(l.stored, l.edge.Append(lineage.Entry{Seq: l.edge.Size() + 1}.Leaf())...)
	}
	root, err := lineage.Root(l, old+1)
	must(l.t, err)
	signed, err := l.signer.Sign(lineage.Checkpoint{Origin: witnessedOrigin, Size: old + 1, Root: root}.String(), time.Unix(1, 0))
	must(l.t, err)
	proof, err := lineage.Consistency(l, old, old+1)
	must(l.t, err)
	return lineage.AddCheckpoint{Old: old, Proof: proof, Checkpoint: signed}.Marshal()
}

func (l *witnessedLog) start() *process.Process {
	l.t.Helper()
	executable, err := os.Executable()
	must(l.t, err)
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	p, err := process.Start(ctx, "witness", executable, "witness", "--json", "--dir", l.dir, "--listen", "127.0.0.1:0", "--log", l.log)
	must(l.t, err)
	return p
}

// post sends a request; ok is false when no whole answer came.
func (l *witnessedLog) post(url string, body []byte) (status int, text string, ok bool) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, url+"/add-checkpoint", bytes.NewReader(body))
	must(l.t, err)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", false
	}
	defer answer.Body.Close()
	whole, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(whole), err == nil
}

// TestWitnessKilled kills a witness at random moments while its log asks. It never
// forgets what it answered, and knows no more than it was asked.
func TestWitnessKilled(t *testing.T) {
	l := newWitnessedLog(t)
	var answered uint64
	for range *rounds {
		p := l.start()
		timer := time.AfterFunc(time.Duration(20+rand.IntN(80))*time.Millisecond, p.Kill)
		asked := answered
		for {
			asked++
			status, text, ok := l.post(p.URL, l.request(asked-1))
			if !ok {
				break
			}
			if status != http.StatusOK || strings.Count(text, "\n") != 2 {
				t.Fatalf("from %d: %d %s", asked-1, status, text)
			}
			answered = asked
		}
		timer.Stop()
		p.Kill()
		p = l.start()
		// A request that no state of the witness answers with 200 tells its size.
		status, text, ok := l.post(p.URL, l.request(asked+1))
		size, err := strconv.ParseUint(strings.TrimSuffix(text, "\n"), 10, 64)
		if !ok || status != http.StatusConflict || err != nil || size < answered || size > asked {
			t.Fatalf("%d was answered and %d asked for, and it has %s (%d)", answered, asked, text, status)
		}
		answered = size
		if status, text, _ := l.post(p.URL, l.request(size)); status != http.StatusOK {
			t.Fatalf("from %d: %d %s", size, status, text)
		}
		answered++
		must(t, p.Stop(10*time.Second))
	}
}

func TestWitnessKeygen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w1")
	out, stderr, exit := cli(t, "witness", "keygen", "--dir", dir, "--name", "example.com/w1", "--ml-dsa", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if exit != exitDone || len(lines) != 2 {
		t.Fatal(out, stderr)
	}
	for i, file := range []string{"ed25519.key", "ml-dsa-44.key"} {
		var line struct{ Event, File, Verifier string }
		must(t, json.Unmarshal([]byte(lines[i]), &line))
		if line.Event != "key" || line.File != filepath.Join(dir, file) || !strings.HasPrefix(line.Verifier, "example.com/w1+") {
			t.Errorf("%+v", line)
		}
	}
	if _, stderr, exit := cli(t, "witness", "keygen", "--dir", dir, "--name", "example.com/w1"); exit != exitLocalState || !strings.Contains(stderr, "choose another folder") {
		t.Errorf("again: exit %d: %s", exit, stderr)
	}
	if _, stderr, exit := cli(t, "witness", "keygen", "--dir", dir, "--name", "a b"); exit != exitUsage {
		t.Errorf("a bad name: exit %d: %s", exit, stderr)
	}
}

func TestWitnessRefusesToStart(t *testing.T) {
	l := newWitnessedLog(t)
	running := l.start()
	file := filepath.Join(t.TempDir(), "logs.yaml")
	must(t, os.WriteFile(file, []byte("logs: []\n"), 0o600))
	for name, test := range map[string]struct {
		arguments []string
		exit      int
	}{
		"no log":        {[]string{"--dir", l.dir, "--listen", "127.0.0.1:0"}, exitUsage},
		"an empty file": {[]string{"--dir", l.dir, "--listen", "127.0.0.1:0", "--logs", file}, exitUsage},
		"no file":       {[]string{"--dir", l.dir, "--listen", "127.0.0.1:0", "--logs", file + "x"}, exitLocalState},
		"a bad log":     {[]string{"--dir", l.dir, "--listen", "127.0.0.1:0", "--log", "example.com=key"}, exitUsage},
		"no folder":     {[]string{"--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--log", l.log}, exitLocalState},
		"one in use":    {[]string{"--dir", l.dir, "--listen", "127.0.0.1:0", "--log", l.log}, exitLocalState},
		"no address":    {[]string{"--dir", l.dir, "--log", l.log}, exitUsage},
	} {
		if out, stderr, exit := cli(t, append([]string{"witness"}, test.arguments...)...); exit != test.exit || out != "" {
			t.Errorf("%s: exit %d, want %d: %s%s", name, exit, test.exit, out, stderr)
		}
	}
	must(t, running.Stop(10*time.Second))
	if _, stderr, exit := cli(t, "witness", "--dir", l.dir, "--listen", "127.0.0.1:1x", "--log", l.log); exit != exitError || !strings.Contains(stderr, "--listen") {
		t.Errorf("a bad address: exit %d: %s", exit, stderr)
	}
}
