package zone_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/door"
	"github.com/portcullis-dev/portcullis/streams/plainserver"
	"github.com/portcullis-dev/portcullis/zone"
)

// BenchmarkDoor is one action after the other in two zones by turns, where everybody
// connects over TCP: to a broker behind its door, and to a plain NATS server on the
// same configuration, which has none. Compare the two medians.
func BenchmarkDoor(b *testing.B) {
	names := []string{"door-p50-µs", "plain-p50-µs"}
	asks := []func() error{
		benchServed(b, func(text string) string { return runServer(b, text) }),
		benchServed(b, func(text string) string { return plainserver.Start(b, text) }),
	}
	took := make([][]time.Duration, len(asks))
	for b.Loop() {
		for i, ask := range asks {
			begin := time.Now()
			if err := ask(); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begin))
		}
	}
	for i, name := range names {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1e3, name)
	}
}

// runServer runs a broker as `broker run` does, with limits that nobody reaches.
func runServer(b *testing.B, text string) (url string) {
	b.Helper()
	limits := door.DefaultLimits
	limits.Bytes, limits.Messages, limits.Intents = 1<<30, 1<<30, 1<<30
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- streams.RunServer(ctx, streams.RunConfig{
			Limits: limits, Text: func() (string, error) { return text, nil },
			Ready: func(_, url string) error { ready <- url; return nil },
		})
	}()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	select {
	case url = <-ready:
	case err := <-ended:
		b.Fatal(err)
	}
	return url
}

// benchServed is a zone of its own on a broker, and how to ask it for one action.
func benchServed(b *testing.B, serve func(text string) (url string)) (ask func() error) {
	b.Helper()
	f, err := fabric.Create(filepath.Join(b.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "bench.test", Zone: "home", Durability: pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS,
	})
	if err != nil {
		b.Fatal(err)
	}
	text, err := zone.BrokerConfig(f, zone.Listen{Port: -1})
	if err != nil {
		b.Fatal(err)
	}
	log, broker := slog.New(slog.DiscardHandler), zone.Broker{URL: serve(text)}
	if _, err := zone.FoundAt(b.Context(), f, broker, log); err != nil {
		b.Fatal(err)
	}
	done := executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) { return executor.Result{}, nil })
	z, err := zone.Join(zone.Config{Fabric: f, Logger: log, Handlers: handlersOf(done)}, broker)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(z.Close)
	if err := z.StartAll(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := z.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	return asker(b, f, broker)
}

// asker is an agent of a zone that asks for the same every time.
func asker(b *testing.B, f *fabric.Fabric, broker zone.Broker) func() error {
	b.Helper()
	m, err := f.Load(pb.Role_ROLE_AGENT, "scout", trust.Digest{})
	if err != nil {
		b.Fatal(err)
	}
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := broker.Connect(b.Context(), m, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	a, err := agent.Open(b.Context(), agent.Config{Conn: conn, Ledger: f.Ledger, ID: m.ID, Key: m.Key, Credential: m.Credential, Issuers: issuers})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.Close)
	return func() error {
		_, err := a.Propose(b.Context(), agent.Request{
			Tool: "file-read", Resource: "notes.txt", Arguments: json.RawMessage(`{"path":"notes.txt"}`), Timeout: 50 * time.Second,
		})
		if _, late := errors.AsType[*agent.NotExecuted](err); late {
			return nil // the start bound holds on a busy machine too
		}
		return err
	}
}
