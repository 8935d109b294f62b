package zone_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/witness"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestWitnessesCosign: a release that asks for a witness has its checkpoints
// cosigned; without the witness nothing is covered, and nothing can be sealed.
func TestWitnessesCosign(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: edited(t)})
	must(t, err)
	dir := filepath.Join(t.TempDir(), "w1")
	keys, err := witness.Generate(dir, "example.com/w1", false)
	must(t, err)
	enrolled, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_WITNESS, Name: "w1", Verifier: keys[0].Verifier})
	must(t, err)
	if enrolled.Dir != "" {
		t.Errorf("a witness has a folder here: %s", enrolled.Dir)
	}
	demandWitness(t, f)
	state, err := f.State()
	must(t, err)
	logs, err := zone.WitnessLogs(state)
	must(t, err)
	if len(logs) != 1 {
		t.Fatalf("a witness is to follow %q", logs)
	}
	log, err := witness.ParseLog(logs[0])
	must(t, err)
	w1, err := witness.Open(witness.Config{Dir: dir, Logs: []witness.Log{log}, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	server := httptest.NewServer(w1.Handler())
	t.Cleanup(func() { server.Close(); must(t, w1.Close()) })
	listen := fmt.Sprintf("listen: 127.0.0.1:0\nwitnesses:\n  - {name: w1, url: %q}\n", server.URL)
	must(t, os.WriteFile(filepath.Join(f.Dir, "evidence.yaml"), []byte(listen), 0o600))

	w := &live{t: t, fabric: f, config: zone.Config{Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(nothing)}}
	w.open()
	gov, observer := w.governing()
	s := w.evidence(observer, covered)
	if e := s.Evidence; e.Witnesses != 1 || e.Needed != 1 || e.Cosigned != 1 || e.Recorders != 1 || e.Heard != "r1" {
		t.Errorf("%+v", e)
	}
	if r := w.Recordings(); len(r) != 1 || r[0].Address == "" || r[0].Fork != "" {
		t.Errorf("served at %+v", r)
	}
	server.Close()
	w.evidence(observer, func(e zone.Evidence) bool {
		return e.State == zone.EvidenceBehind && strings.Contains(e.Why, "cosign")
	})
	last, err := gov.Conn().Last(t.Context())
	must(t, err)
	within, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := observer.Covered(within, last+1); !errors.Is(err, zone.ErrUncovered) {
		t.Errorf("covered without the witness: %v", err)
	}
}

// demandWitness publishes a release that asks for one cosignature.
func demandWitness(t *testing.T, f *fabric.Fabric) {
	t.Helper()
	path := filepath.Join(f.ReleaseDir(), "release.yaml")
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(text, "\nwitness_threshold: 1\n"...), 0o600))
	data, err := f.Publish()
	must(t, err)
	if data == nil {
		t.Fatal("witness_threshold changes nothing")
	}
}
