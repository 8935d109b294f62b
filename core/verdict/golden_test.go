package verdict_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var update = flag.Bool("update", false, "write golden files instead of comparing them")

// TestGolden is S5 for builds: these decisions have these bytes, and the state
// after them this digest. A difference means that two versions in one zone would
// disagree: it needs a new version of the protocol, not a new file.
func TestGolden(t *testing.T) {
	w := newWorld(t)
	// The release's digest would vary with the certificates in it.
	release, err := governance.NewRelease(trust.DigestOf([]byte("a release")), w.zone.Release(policies(permitBoth),
		limits(sum(pb.LimitKey_LIMIT_KEY_AGENT, 100, time.Minute), count(pb.LimitKey_LIMIT_KEY_SESSION, 2, time.Minute)),
		func(p *pb.Release) { p.Bounds.Memory = durationpb.New(10 * time.Minute) }))
	if err != nil {
		t.Fatal(err)
	}
	w.rules = verdict.Compile(release)

	var text strings.Builder
	write := func(name string, data []byte) { text.WriteString(name + " " + hex.EncodeToString(data) + "\n") }
	for _, c := range []struct {
		name string
		d    *pb.Decision
	}{
		{"allow", w.ask(w.alice, pay(40))},
		{"deny", w.ask(w.alice, pay(61), deadline(w.now), func(in *pb.Intent) { in.Action = "fly" })},
		{"forged", w.ask(w.bob, func(in *pb.Intent) { in.Agent = w.alice.SPIFFE() })},
		{"stranger", w.ask(w.carol, func(in *pb.Intent) { in.Tool = "fly" })},
		{"malformed", w.propose(w.alice, []byte{0xff})[0]},
	} {
		write(c.name, encode(t, c.d))
	}
	state := w.state.Digest()
	write("state", state[:])

	path := filepath.Join("testdata", "decisions.hex")
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(text.String())) {
		t.Errorf("decisions have other bytes than %s:\n%s", path, text.String())
	}
}
