package evidence_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
)

// BenchmarkAudit audits a ledger with every signature real, of single items and of
// lists, and reports signatures and items a second, and which part that is of the
// rate at which all processors together verify the same signatures and do nothing
// else, in the same run.
func BenchmarkAudit(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the binary does
	for _, list := range []int{1, 64} {
		b.Run(fmt.Sprintf("list=%d", list), func(b *testing.B) {
			w := newWorld(b).acts(4096/list+200, list)
			data := w.checkpoint().export()
			signed := w.signatures()
			b.SetBytes(int64(len(data)))
			var signatures, items uint64
			var bare float64
			b.ResetTimer()
			for b.Loop() {
				r, err := evidence.NewReader(bytes.NewReader(data))
				must(b, err)
				report, err := evidence.Audit(b.Context(), r, evidence.AuditConfig{Anchor: w.zone.Ledger})
				must(b, err)
				if !report.Clean() {
					b.Fatal(report.Findings[0])
				}
				signatures += report.Signatures
				items += report.Items
				b.StopTimer() // interleaved: a shared machine is not always as fast
				bare += bareSeconds(signed, report.Signatures)
				b.StartTimer()
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(signatures)/seconds, "signatures/s")
			b.ReportMetric(float64(items)/seconds, "items/s")
			b.ReportMetric(bare/seconds, "of-bare-ed25519")
		})
	}
}

// signature is one that an audit has to check.
type signature struct {
	key     ed25519.PublicKey
	message []byte // what it covers
	sig     []byte
}

// signatures lists those of a ledger's items, for whoever only verifies them.
func (w *world) signatures() []signature {
	keys := make(map[trust.KeyID]ed25519.PublicKey)
	for _, m := range members() {
		public := m.Key.Public()
		keys[public.ID()] = public.Bytes()
	}
	var all []signature
	for _, f := range w.frames {
		env, err := trust.ParseEnvelope(f.Raw.Data)
		if err != nil {
			continue // a checkpoint
		}
		for _, s := range env.Signatures {
			if key, known := keys[s.KeyID]; known {
				all = append(all, signature{key, trust.PAE(env.PayloadType, env.Payload), s.Sig})
			}
		}
	}
	return all
}

// bareSeconds is how long all processors together take to verify n signatures of a
// list, which they do over and over.
func bareSeconds(list []signature, n uint64) float64 {
	var next atomic.Int64
	var done sync.WaitGroup
	begun := time.Now()
	for range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if s := list[i%int64(len(list))]; !ed25519.Verify(s.key, s.message, s.sig) {
					panic("it does not verify")
				}
			}
		})
	}
	done.Wait()
	return time.Since(begun).Seconds()
}
