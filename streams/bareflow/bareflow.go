// Package bareflow is the yardstick of the benchmarks: the same four records
// (intent, decision, claim, outcome) through one JetStream file stream, each
// role a follower of its own, without signatures, policy, validation or folds.
// What the governed path costs is measured against it in the same run.
package bareflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Flow is a running bare flow. Close it.
type Flow struct {
	ns    *server.Server
	conns []*nats.Conn
	stops []func()
	agent jetstream.JetStream
	done  chan int // the bytes of each outcome
}

const stream = "BARE"

// Start starts an embedded server with its store in dir and the four roles,
// each on an in-process connection of its own.
func Start(ctx context.Context, dir string, syncAlways bool) (*Flow, error) {
	ns, err := server.NewServer(&server.Options{
		DontListen: true, JetStream: true, StoreDir: dir, SyncAlways: syncAlways, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, fmt.Errorf("bareflow: %w", err)
	}
	ns.Start()
	f := &Flow{ns: ns, done: make(chan int, 1<<16)}
	if !ns.ReadyForConnections(10 * time.Second) {
		f.Close()
		return nil, errors.New("bareflow: the server does not start")
	}
	if err := f.roles(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Flow) roles(ctx context.Context) error {
	js, err := f.connect()
	if err != nil {
		return err
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: stream, Subjects: []string{"bare.>"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew,
	})
	if err != nil {
		return fmt.Errorf("bareflow: %w", err)
	}
	f.agent = js
	for _, step := range []struct{ reads, writes string }{
		{"bare.intent", "bare.decision"}, // enforcer
		{"bare.decision", "bare.claim"},  // executor: claims
		{"bare.claim", "bare.outcome"},   // executor: reads its claim back, acts
		{"bare.outcome", ""},             // agent
	} {
		if err := f.role(ctx, step.reads, step.writes); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) connect() (jetstream.JetStream, error) {
	nc, err := nats.Connect("", nats.InProcessServer(f.ns))
	if err != nil {
		return nil, fmt.Errorf("bareflow: %w", err)
	}
	f.conns = append(f.conns, nc)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return nil, fmt.Errorf("bareflow: %w", err)
	}
	return js, nil
}

// role follows one subject in order and answers each record with one of the
// same size on the next subject.
func (f *Flow) role(ctx context.Context, reads, writes string) error {
	js, err := f.connect()
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{reads}})
	if err != nil {
		return fmt.Errorf("bareflow: %w", err)
	}
	running, err := consumer.Consume(func(m jetstream.Msg) {
		if writes == "" {
			f.done <- len(m.Data())
			return
		}
		// An answer that is refused shows as an outcome that never comes.
		_, _ = js.PublishAsync(writes, m.Data())
	})
	if err != nil {
		return fmt.Errorf("bareflow: %w", err)
	}
	f.stops = append(f.stops, running.Stop)
	return nil
}

// Do sends n intents of size bytes with at most outstanding under way and waits
// for the last outcome.
func (f *Flow) Do(ctx context.Context, n, outstanding, size int) error {
	return f.do(ctx, n, outstanding, size, 1)
}

// listsUnderWay is how many lists a batching agent has on their way, as ours has.
const listsUnderWay = 4

// DoLists is Do with several intents in one record, which the roles answer with
// records of as many: lists of a quarter of what is outstanding, at most of most.
func (f *Flow) DoLists(ctx context.Context, n, outstanding, size, most int) error {
	return f.do(ctx, n, outstanding, size, min(max(outstanding/listsUnderWay, 1), most))
}

func (f *Flow) do(ctx context.Context, n, outstanding, size, list int) error {
	data := make([]byte, size*list)
	sent, received := 0, 0
	for received < n {
		for sent < n {
			items := min(list, n-sent)
			if sent+items-received > outstanding {
				break
			}
			if _, err := f.agent.PublishAsync("bare.intent", data[:items*size]); err != nil {
				return fmt.Errorf("bareflow: %w", err)
			}
			sent += items
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case got := <-f.done:
			received += got / size
		}
	}
	return nil
}

// Close stops the roles and the server.
func (f *Flow) Close() {
	for _, stop := range f.stops {
		stop()
	}
	for _, nc := range f.conns {
		nc.Close()
	}
	f.ns.Shutdown()
	f.ns.WaitForShutdown()
}
