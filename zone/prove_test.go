package zone_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// provable is a zone with one executed action and one denied.
func provable(t *testing.T) (p zone.Proving, executed, denied trust.Digest) {
	t.Helper()
	asked := make(chan trust.Digest, 1)
	w := liveOf(t, func(_ context.Context, a executor.Action) (executor.Result, error) {
		asked <- a.Digest
		return executor.Result{Data: []byte("done")}, nil
	})
	a := w.agent("scout")
	_, err := a.Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	executed = <-asked
	w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "file-read"))
	var refused *agent.Refused
	if _, err := a.Propose(t.Context(), readFile(20*time.Second)); !errors.As(err, &refused) {
		t.Fatalf("under a halt: %v", err)
	}
	conn, err := zone.ConnectReader(t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(conn.Close)
	return zone.Proving{Source: zone.LedgerSource{Conn: conn}, Zone: w.fabric.Zone, Ledger: w.fabric.Ledger, Wait: time.Minute}, executed, refused.Intent
}

func TestProveLive(t *testing.T) {
	p, executed, denied := provable(t)
	for want, intent := range map[proof.Kind]trust.Digest{proof.KindExecuted: executed, proof.KindDenied: denied} {
		f, err := p.Prove(t.Context(), proof.Question{Intent: intent})
		must(t, err)
		if r := proof.Verify(f, p.Ledger); f.Kind != want || !r.OK() {
			t.Errorf("a proof of %s, step %q fails; want %s", f.Kind, r.Failed(), want)
		}
	}
	data, err := p.ProveRecord(t.Context(), 1)
	must(t, err)
	if !bytes.HasPrefix(data, []byte("c2sp.org/tlog-proof@v1\n")) || !bytes.Contains(data, []byte("\nindex 0\n")) {
		t.Errorf("a tlog-proof of genesis: %.80q", data)
	}
	if _, err := p.Prove(t.Context(), proof.Question{Intent: trust.DigestOf([]byte("nothing"))}); !errors.Is(err, proof.ErrUnknown) {
		t.Errorf("of an intent that is not there: %v", err)
	}
	for name, source := range map[string]zone.ProofSource{"without checkpoints": notes{p.Source, nil}, "with a stranger's": notes{p.Source, []byte("example\n1\n\n")}} {
		poor := p
		poor.Source, poor.Wait = source, time.Millisecond
		if _, err := poor.Prove(t.Context(), proof.Question{Intent: executed}); !errors.Is(err, zone.ErrNoCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := p
	other.Ledger[0] ^= 1
	other.Wait = time.Millisecond
	if _, err := other.Prove(t.Context(), proof.Question{Intent: executed}); !errors.Is(err, proof.ErrUnknown) {
		t.Errorf("of another ledger: %v", err)
	}
	broken := p
	broken.Source, broken.Wait = shifted{p.Source}, time.Millisecond
	if f, err := broken.Prove(t.Context(), proof.Question{Intent: executed}); err == nil {
		t.Errorf("from a source that lies: a file of %d records", len(f.Records))
	}
}

// notes is a source with one checkpoint, or none.
type notes struct {
	zone.ProofSource
	note []byte
}

func (n notes) Checkpoints(_ context.Context, each func([]byte) bool) error {
	if n.note != nil {
		each(n.note)
	}
	return nil
}

// shifted is a source that gives every record a nanosecond later than the ledger.
type shifted struct{ zone.ProofSource }

func (s shifted) Records(ctx context.Context, from, to uint64, each func(ledger.Raw) error) (uint64, error) {
	return s.ProofSource.Records(ctx, from, to, func(raw ledger.Raw) error {
		raw.Time = raw.Time.Add(1)
		return each(raw)
	})
}
