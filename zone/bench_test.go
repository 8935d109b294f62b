package zone_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/bareflow"
	"github.com/portcullis-dev/portcullis/zone"
)

// BenchmarkFlow measures the whole governed path, intent to outcome, with every
// signature, policy and fold, beside the same four records on bare NATS. One
// machine, one process, one run: compare the lines, not the absolute figures.
func BenchmarkFlow(b *testing.B) {
	for _, sync := range []bool{false, true} {
		for _, outstanding := range []int{1, 256, 1024} {
			b.Run(fmt.Sprintf("sync=%v/outstanding=%d", sync, outstanding), func(b *testing.B) {
				b.Run("bare", func(b *testing.B) { benchBare(b, sync, outstanding) })
				b.Run("governed/single", func(b *testing.B) { benchGoverned(b, sync, outstanding, 1) })
				if outstanding > 1 {
					b.Run("governed/lists", func(b *testing.B) { benchGoverned(b, sync, outstanding, 0) })
				}
			})
		}
	}
}

func benchBare(b *testing.B, sync bool, outstanding int) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the binary does
	flow, err := bareflow.Start(b.Context(), b.TempDir(), sync)
	if err != nil {
		b.Fatal(err)
	}
	defer flow.Close()
	if err := flow.Do(b.Context(), 10, 1, 512); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	if err := flow.Do(b.Context(), b.N, outstanding, 512); err != nil {
		b.Fatal(err)
	}
}

func benchGoverned(b *testing.B, syncAlways bool, outstanding, maxList int) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the binary does
	z, f := benchZone(b, syncAlways)
	m, err := f.Load(pb.Role_ROLE_AGENT, "scout", trust.Digest{})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := z.Broker().Connect(b.Context(), m, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		b.Fatal(err)
	}
	inFlight := 0
	if maxList == 1 {
		inFlight = outstanding
	}
	a, err := agent.Open(b.Context(), agent.Config{
		Conn: conn, Ledger: f.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Issuers: issuers,
		MaxList: maxList, MaxInFlight: inFlight,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	propose := func() error {
		_, err := a.Propose(b.Context(), agent.Request{
			Tool: "file-read", Resource: "notes.txt", Arguments: json.RawMessage(`{"path":"notes.txt"}`), Timeout: 50 * time.Second,
		})
		return err
	}
	if err := propose(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	used := processorTime(b)
	took := make([]time.Duration, b.N)
	var wg sync.WaitGroup
	var abandoned atomic.Int64
	next := make(chan int)
	for range outstanding {
		wg.Go(func() {
			for i := range next {
				start := time.Now()
				var late *agent.NotExecuted
				if err := propose(); errors.As(err, &late) {
					abandoned.Add(1) // the start bound holds under load too
				} else if err != nil {
					b.Error(err)
				}
				took[i] = time.Since(start)
			}
		})
	}
	for i := range b.N {
		next <- i
	}
	close(next)
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(abandoned.Load())/float64(b.N), "abandoned/op")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-µs")
}

// processorTime is what this process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchZone(b *testing.B, syncAlways bool) (*zone.Zone, *fabric.Fabric) {
	params := fabric.Params{Clock: time.Now, TrustDomain: "bench.test", Zone: "home"}
	if !syncAlways {
		params.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	}
	f, err := fabric.Create(filepath.Join(b.TempDir(), "fabric"), params)
	if err != nil {
		b.Fatal(err)
	}
	nothing := executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) { return executor.Result{}, nil })
	z, err := zone.Open(b.Context(), zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1,
		Handlers: func(_ string, tools []string) (map[string]executor.Handler, error) {
			handlers := make(map[string]executor.Handler)
			for _, t := range tools {
				handlers[t] = nothing
			}
			return handlers, nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(z.Close)
	if err := z.StartAll(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	if err := z.Ready(ctx); err != nil {
		b.Fatal(err)
	}
	return z, f
}
