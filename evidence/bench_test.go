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

	"github.com/portcullis-dev/portcullis/evidence"
)

// BenchmarkAudit audits a ledger with every signature real, of single items and of
// lists, and reports signatures, items and records a second, and which part of this
// machine's bare Ed25519 rate, on all processors in the same run, that is.
func BenchmarkAudit(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the binary does
	for _, list := range []int{1, 64} {
		b.Run(fmt.Sprintf("list=%d", list), func(b *testing.B) {
			w := newWorld(b).acts(4096/list+200, list)
			data := w.checkpoint().export()
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
				bare += bareSeconds(report.Signatures)
				b.StartTimer()
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(signatures)/seconds, "signatures/s")
			b.ReportMetric(float64(items)/seconds, "items/s")
			b.ReportMetric(bare/seconds, "of-bare-ed25519")
		})
	}
}

// bareSeconds is how long all processors together take to verify n signatures.
func bareSeconds(n uint64) float64 {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	message := make([]byte, 400) // about an envelope's
	sig := ed25519.Sign(private, message)
	var left atomic.Int64
	left.Store(int64(n))
	var done sync.WaitGroup
	begun := time.Now()
	for range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for left.Add(-1) >= 0 {
				if !ed25519.Verify(public, message, sig) {
					panic("it does not verify")
				}
			}
		})
	}
	done.Wait()
	return time.Since(begun).Seconds()
}
