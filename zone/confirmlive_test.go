package zone_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// governing is a governor who sees heartbeats.
func (w *live) governing() (*zone.Governing, *zone.Observer) {
	w.t.Helper()
	gov, err := zone.Govern(w.t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(w.t, err)
	w.t.Cleanup(gov.Close)
	observer, err := zone.Observe(w.t.Context(), zone.ObserveConfig{Fabric: w.fabric, Conn: gov.Conn(), Back: time.Minute, Heartbeats: true})
	must(w.t, err)
	w.t.Cleanup(observer.Close)
	return gov, observer
}

func (w *live) send(gov *zone.Governing, record *pb.Governance) zone.Sent {
	w.t.Helper()
	data, err := gov.Sign(record)
	must(w.t, err)
	sent, err := gov.Send(w.t.Context(), data)
	must(w.t, err)
	return sent
}

func (w *live) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	w.t.Cleanup(cancel)
	return ctx
}

func ofTool(tool string) *pb.Scope {
	return &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: tool}
}

// stubborn is a handler that stops only when it is let go.
func stubborn() (handler executor.HandlerFunc, started, letGo chan struct{}) {
	started, letGo = make(chan struct{}, 16), make(chan struct{})
	return func(ctx context.Context, _ executor.Action) (executor.Result, error) {
		started <- struct{}{}
		<-letGo
		return executor.Result{}, context.Cause(ctx)
	}, started, letGo
}

// TestAHaltIsConfirmedThenQuiescent: the executor first says that it has folded
// the halt while an action in scope still runs, and then that none does.
func TestAHaltIsConfirmedThenQuiescent(t *testing.T) {
	handler, started, letGo := stubborn()
	w := liveOf(t, handler)
	failed := make(chan error, 1)
	a := w.agent("scout")
	go func() {
		_, err := a.Propose(t.Context(), readFile(30*time.Second))
		failed <- err
	}()
	<-started
	gov, observer := w.governing()
	must(t, observer.Ready(w.within(20*time.Second)))
	scope := ofTool("file-read")
	sent := w.send(gov, zone.HaltRecord(scope, "test"))
	_, err := observer.Effective(w.within(20*time.Second), sent)
	must(t, err)
	var news []zone.Confirmation
	all, err := observer.Confirm(w.within(30*time.Second), sent, scope, zone.Quiescent, func(one zone.Confirmation) error {
		if news = append(news, one); len(news) == 1 {
			close(letGo)
		}
		return nil
	})
	must(t, err)
	notExecuted(t, <-failed, pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_HALTED)
	if len(all) != 1 || len(news) != 2 || all[0].Settled < all[0].Folded {
		t.Fatalf("confirmations: %+v", news)
	}
	first, last := news[0], news[1]
	if first.Settled >= 0 || first.Beat.GetHaltedRunning() != 1 || first.Beat.GetPosition() < sent.Seq || first.Beat.GetLastStart() == nil {
		t.Errorf("first: %+v", first)
	}
	if last.Settled < 0 || last.Beat.GetHaltedRunning() != 0 {
		t.Errorf("last: %+v", last)
	}
}

// TestADrillStopsNothing: it is confirmed like a halt, and an action that runs
// goes on to its end.
func TestADrillStopsNothing(t *testing.T) {
	handler, started, letGo := stubborn()
	w := liveOf(t, handler)
	failed := make(chan error, 1)
	a := w.agent("scout")
	go func() {
		_, err := a.Propose(t.Context(), readFile(30*time.Second))
		failed <- err
	}()
	<-started
	gov, observer := w.governing()
	before, err := gov.State(t.Context())
	must(t, err)
	scope := &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_DRILL}
	sent := w.send(gov, zone.HaltRecord(scope, "drill"))
	_, err = observer.Effective(w.within(20*time.Second), sent)
	must(t, err)
	all, err := observer.Confirm(w.within(30*time.Second), sent, scope, zone.Quiescent, func(zone.Confirmation) error { return nil })
	must(t, err)
	if len(all) != 1 || all[0].Settled < 0 || all[0].Beat.GetRunning() != 1 {
		t.Errorf("confirmations: %+v", all)
	}
	after, err := gov.State(t.Context())
	must(t, err)
	if after.Head() != before.Head() || len(after.Halts()) != 0 {
		t.Errorf("after a drill: head %v, halts %v", after.Head(), after.Halts())
	}
	last, err := observer.LastHalt(w.within(20 * time.Second))
	must(t, err)
	if !last.Drill || last.Sequence != sent.Seq {
		t.Errorf("last halt: %+v", last)
	}
	close(letGo)
	must(t, <-failed)
}

// TestASilentExecutorConfirmsNothing, and one that is back and armed says so
// after the resume.
func TestASilentExecutorConfirmsNothing(t *testing.T) {
	w := liveOf(t, nothing)
	gov, observer := w.governing()
	w.Stop(pb.Role_ROLE_EXECUTOR, "x1")
	global := &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}
	sent := w.send(gov, zone.HaltRecord(global, "test"))
	ignore := func(zone.Confirmation) error { return nil }
	all, err := observer.Confirm(w.within(2*time.Second), sent, global, zone.Quiescent, ignore)
	must(t, err)
	if len(all) != 1 || all[0].Folded >= 0 || all[0].Settled >= 0 {
		t.Errorf("a stopped executor: %+v", all)
	}
	resumed, err := gov.Resume(t.Context(), []trust.Digest{sent.ID}, "over")
	must(t, err)
	must(t, w.StartAll(t.Context()))
	all, err = observer.Confirm(w.within(30*time.Second), zone.Sent{Seq: resumed, Acked: time.Now()}, global, zone.Armed, ignore)
	must(t, err)
	if len(all) != 1 || all[0].Settled < 0 || !zone.Armed(all[0].Beat) {
		t.Errorf("after the resume: %+v", all)
	}
}

// TestBrakeStopsAtOnce: without any record on the ledger the executor interrupts
// what runs and stays disarmed until the brake is lifted.
func TestBrakeStopsAtOnce(t *testing.T) {
	started := make(chan struct{}, 1)
	w := liveOf(t, func(ctx context.Context, _ executor.Action) (executor.Result, error) {
		started <- struct{}{}
		select {
		case <-ctx.Done():
			return executor.Result{}, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
			return executor.Result{}, nil
		}
	})
	a := w.agent("scout")
	_, err := a.Propose(t.Context(), readFile(30*time.Second))
	must(t, err)
	<-started
	must(t, w.fabric.Brake().Engage("test", time.Now()))
	_, err = a.Propose(t.Context(), readFile(2*time.Second))
	if err == nil || len(started) != 0 {
		t.Fatalf("acted with the brake on: %v", err)
	}
	_, _, err = w.fabric.Brake().Lift("over", time.Now())
	must(t, err)
	w.ready()
	_, err = a.Propose(t.Context(), readFile(30*time.Second))
	must(t, err)
}

// TestPreview: what would be allowed again is what was granted and is halted now,
// but for what another halt stops too.
func TestPreview(t *testing.T) {
	w := liveOf(t, nothing)
	a := w.agent("scout")
	gov, _ := w.governing()
	ctx := w.within(60 * time.Second)
	_, transfer, err := gov.Halt(ctx, ofTool("transfer"), "the bank called")
	must(t, err)
	_, read, err := gov.Halt(ctx, ofTool("file-read"), "the disk called")
	must(t, err)
	_, err = a.Propose(ctx, readFile(20*time.Second)) // denied as halted
	if err == nil {
		t.Fatal("executed under a halt")
	}
	_, mallory, err := gov.Halt(ctx, &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: "spiffe://example.test/home/agent/mallory"}, "she called")
	must(t, err)
	for name, test := range map[string]struct {
		ids    []trust.Digest
		again  []zone.Again
		denied int
	}{
		"one of three":   {[]trust.Digest{transfer}, []zone.Again{{Agent: "scout", Tools: []string{"transfer"}}}, 0},
		"another":        {[]trust.Digest{read}, []zone.Again{{Agent: "scout", Tools: []string{"file-read"}}}, 1},
		"two on one":     {[]trust.Digest{mallory}, nil, 0}, // her only tool is halted as well
		"all":            {[]trust.Digest{mallory, read, transfer}, []zone.Again{{Agent: "scout", Tools: []string{"file-read", "transfer"}}, {Agent: "mallory", Tools: []string{"file-read"}}}, 1},
		"not in force":   {[]trust.Digest{transfer, {1}}, nil, -1},
		"nothing at all": {nil, nil, -1},
	} {
		p, err := gov.Preview(ctx, test.ids)
		if test.denied < 0 {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		must(t, err)
		same := slices.EqualFunc(p.Again, test.again, func(a, b zone.Again) bool {
			return a.Agent == b.Agent && a.Session == b.Session && slices.Equal(a.Tools, b.Tools)
		})
		if !same || p.Denied != test.denied || !p.Whole || len(p.Halts) != len(test.ids) {
			t.Errorf("%s: %+v, denied %d (%v); want %+v, %d", name, p.Again, p.Denied, p.Whole, test.again, test.denied)
		}
		for i, h := range p.Halts {
			if of, err := zone.HaltOf(p.Payloads[i]); err != nil || of.ID != h.ID || of.Reason != h.Reason {
				t.Errorf("%s: payload %d: %+v, %v", name, i, of, err)
			}
		}
	}
	state, err := gov.State(ctx)
	must(t, err)
	if len(state.Halts()) != 3 {
		t.Error("a preview changed something")
	}
}

// TestObserverSeesTheZone: everybody who beats is heard, and nobody who does not.
func TestObserverSeesTheZone(t *testing.T) {
	w := liveOf(t, nothing)
	_, observer := w.governing()
	must(t, observer.Until(w.within(30*time.Second), func() (bool, error) {
		s, err := observer.Status(t.Context())
		ready := 0
		for _, p := range s.Participants {
			if p.Ready() && p.ID.Role != pb.Role_ROLE_SENTINEL {
				ready++
			}
		}
		return ready == 2 && s.Pulse.Seq > 0 && s.Pulse.By.Name == "s1", err
	}))
	w.Stop(pb.Role_ROLE_EXECUTOR, "x1")
	must(t, observer.Until(w.within(30*time.Second), func() (bool, error) {
		s, err := observer.Status(t.Context())
		i := slices.IndexFunc(s.Participants, func(p zone.Participant) bool { return p.ID.Name == "x1" })
		return s.Participants[i].Silent && len(s.Unarmed) > 0, err
	}))
	var seq uint64
	if !observer.Look(func(f *ledger.Fold) { seq = f.Seq() }) || seq == 0 {
		t.Error("nothing was read")
	}
}
