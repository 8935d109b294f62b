package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

func (l *killLoop) startParts(parts ...string) {
	l.t.Helper()
	for _, part := range parts {
		l.start(part)
	}
}

// connect connects the agent, the stray and the reader of the test itself.
func (l *killLoop) connect() {
	ctx, log := l.t.Context(), slog.New(slog.DiscardHandler)
	load := func(name string) *fabric.Member {
		m, err := l.fabric.Load(pb.Role_ROLE_AGENT, name, trust.Digest{})
		must(l.t, err)
		return m
	}
	connect := func(m *fabric.Member) *streams.Conn {
		conn, err := l.broker.Connect(ctx, m, log)
		must(l.t, err)
		l.t.Cleanup(conn.Close)
		return conn
	}
	var err error
	scout := load("scout")
	l.scout, err = zone.Agent(ctx, connect(scout), scout, log)
	must(l.t, err)
	l.t.Cleanup(l.scout.Close)
	l.stray = connect(load("mallory"))
	l.reader, err = zone.ConnectReader(ctx, l.fabric, l.broker, log)
	must(l.t, err)
	l.t.Cleanup(l.reader.Close)
}

// load lets agents act and noise be appended until stop is called.
func (l *killLoop) load() (stop func()) {
	working, cancel := context.WithCancel(l.t.Context())
	var work sync.WaitGroup
	for worker := range killLoopWorkers {
		work.Go(func() { l.act(working, worker) })
	}
	work.Go(func() { l.append(working) })
	return func() {
		cancel()
		work.Wait()
	}
}

// awaitLog waits until a part has logged one of some texts.
func (l *killLoop) awaitLog(part string, texts ...string) {
	l.t.Helper()
	deadline := time.Now().Add(killLoopPatience)
	for !containsAny(l.parts[part].Log(), texts) {
		if time.Now().After(deadline) {
			l.t.Fatalf("%s did not log any of %q", part, texts)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func containsAny(log string, texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(log, text) })
}

// acknowledged is how many of the test's own records the broker has acknowledged.
func (l *killLoop) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// checkStarts checks S3 on the whole ledger: no action started later than the
// start bound after its claim stood there. One clock, this machine's, made both
// times. It returns how many claims were abandoned for being late.
func (l *killLoop) checkStarts() (late int) {
	l.t.Helper()
	release, err := l.fabric.Release()
	must(l.t, err)
	a, err := l.read(l.t.Context())
	must(l.t, err)
	at := l.logTimes()
	for claim, outcomes := range a.outcomes {
		for _, o := range outcomes {
			if o.GetReason() == pb.Reason_REASON_START_LATE {
				late++
			}
			if o.GetStarted() == nil {
				continue
			}
			waited := o.GetStarted().AsTime().Sub(at[claim.Seq])
			if waited >= release.Bounds.Start+clockRounding {
				l.t.Errorf("the action of the claim at %s started %v after it; the start bound is %v", claim, waited, release.Bounds.Start)
			}
		}
	}
	return late
}

// clockRounding is how far the wall clock, which is being steered, and the boot
// clock, by which an executor measures, may drift apart meanwhile.
const clockRounding = 5 * time.Millisecond

// logTimes is the log time at every position of the ledger.
func (l *killLoop) logTimes() map[uint64]time.Time {
	l.t.Helper()
	at := map[uint64]time.Time{}
	var now time.Time
	_, err := streams.Read(l.t.Context(), l.reader, streams.ReadConfig{}, func(raw streams.Raw) error {
		if raw.Time.After(now) {
			now = raw.Time
		}
		at[raw.Seq] = now
		return nil
	})
	must(l.t, err)
	return at
}
