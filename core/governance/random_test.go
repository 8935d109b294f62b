package governance

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// drawRecord draws a governance record of any kind, right or wrong.
func drawRecord(t *rapid.T, c *chain, halts []trust.Digest) *pb.Governance {
	some := append([]trust.Digest{{1}}, halts...)
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return trusttest.Released(c.next(func(p *pb.Release) {
			p.Version += rapid.SampledFrom([]uint64{0, 0, 0, 1}).Draw(t, "left out")
			p.Thresholds.Resume = rapid.Uint32Range(1, 4).Draw(t, "resume threshold")
		}))
	case 1:
		return trusttest.Halt(global, "")
	case 2:
		return trusttest.Trip()
	case 3:
		return trusttest.Resume(rapid.SliceOfNDistinct(rapid.SampledFrom(some), 1, len(some), rapid.ID).Draw(t, "halts")...)
	case 4:
		return trusttest.RevokeKey(trusttest.Governor(rapid.IntRange(0, 5).Draw(t, "whose key")).ID())
	case 5:
		return trusttest.RevokeIdentity(watcher)
	default:
		return trusttest.Genesis(1, trusttest.Governor(0))
	}
}

// TestRandomChains: refused records change nothing (chain.apply compares); the
// epoch counts the records that took effect; halts in force are those that were
// not lifted; a second fold of the same records is in the same state; and every
// head that was ever reached is on the chain, those of a fork are not.
func TestRandomChains(t *testing.T) {
	type step struct {
		data     []byte
		seq      uint64
		now      time.Time
		sentinel trust.Identity
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := before(t, 2, 3)
		var steps []step
		var sealed [][]byte
		heads, effects := []Head{}, uint64(0)
		for range rapid.IntRange(0, 12).Draw(rt, "records") {
			var data []byte
			switch {
			case c.state.Epoch() == 0 && rapid.IntRange(0, 3).Draw(rt, "begin") > 0:
				data = c.zone.Genesis
			case len(sealed) > 0 && rapid.IntRange(0, 5).Draw(rt, "replay") == 0:
				data = rapid.SampledFrom(sealed).Draw(rt, "which")
			default:
				var ids []trust.Digest
				for _, h := range c.state.Halts() {
					ids = append(ids, h.ID)
				}
				signers := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 3).Draw(rt, "signers")
				keys := make([]*trust.SigningKey, len(signers))
				for i, g := range signers {
					keys[i] = trusttest.Governor(g)
				}
				data = c.zone.Seal(drawRecord(rt, c, ids), keys...)
			}
			sealed = append(sealed, data)
			sentinel := rapid.SampledFrom([]trust.Identity{{}, watcher}).Draw(rt, "sentinel")
			c.seq += rapid.Uint64Range(0, 3).Draw(rt, "gap")
			if _, err := c.apply(data, sentinel); err == nil {
				effects++
				heads = append(heads, c.state.Head())
			}
			steps = append(steps, step{data, c.seq, c.now, sentinel})
		}
		if c.state.Epoch() != effects {
			rt.Fatalf("epoch %d after %d effects", c.state.Epoch(), effects)
		}

		again, shifted := New(c.zone.Ledger), New(c.zone.Ledger)
		for _, s := range steps {
			env := parsedEnvelope(t, s.data)
			_, _ = again.Apply(Record{Sequence: s.seq, Time: s.now, Envelope: env, Sentinel: s.sentinel})
			_, _ = shifted.Apply(Record{Sequence: s.seq + 1, Time: s.now, Envelope: env, Sentinel: s.sentinel})
		}
		if again.Head() != c.state.Head() || !reflect.DeepEqual(again.Halts(), c.state.Halts()) || !reflect.DeepEqual(again.Governors(), c.state.Governors()) {
			rt.Fatal("a second fold of the same records differs")
		}
		for _, h := range heads {
			if err := again.CheckHead(h.Proto()); err != nil {
				rt.Fatalf("own head %d: %v", h.Number, err)
			}
			if err := shifted.CheckHead(h.Proto()); !errors.Is(err, ErrForked) {
				rt.Fatalf("head %d of a fork: %v", h.Number, err)
			}
			if err := New(c.zone.Ledger).CheckHead(h.Proto()); !errors.Is(err, ErrWithheld) {
				rt.Fatalf("head %d seen before genesis: %v", h.Number, err)
			}
		}
	})
}

func parsedEnvelope(t testing.TB, data []byte) *trust.Envelope {
	t.Helper()
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// FuzzApply: any payload that all governors sign is folded or refused with a
// reason, without a panic and without a trace.
func FuzzApply(f *testing.F) {
	c := begun(f, 1, 1)
	for _, data := range [][]byte{c.zone.Genesis, c.release(), c.halt(), c.zone.Seal(trusttest.Trip()), c.zone.Seal(trusttest.Resume(trust.Digest{1})), c.zone.Seal(trusttest.RevokeIdentity(watcher))} {
		f.Add(trusttest.Payload(data))
	}
	f.Add([]byte(`{"stream":"LEDGER_z1","seq":7}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) < 1 || len(payload) > schemas.MaxPayload {
			return
		}
		c := begun(t, 1, 1)
		_, err := c.apply(resealed(t, governanceType, payload, c.zone.Governors...), watcher)
		if h := c.state.Head(); err == nil && c.state.CheckHead(h.Proto()) != nil {
			t.Error("the new head is not on its own chain")
		}
	})
}

func BenchmarkApplyHalt(b *testing.B) {
	c := begun(b, 1, 1)
	env := parsedEnvelope(b, c.halt())
	b.ReportAllocs()
	for b.Loop() {
		s := snapshot(c.state)
		if _, err := s.Apply(Record{Sequence: 9, Time: c.now, Envelope: env}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHalted(b *testing.B) {
	c := begun(b, 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, halted := c.state.Halted(anywhere); halted {
			b.Fatal("halted")
		}
	}
}
