package enforcer

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// press is an appender that notes when it was given what.
type press struct {
	mu      sync.Mutex
	appends []printed
	fail    []error // of the next appends
	answers int
}

type printed struct {
	at      time.Time
	subject string
	items   int
}

func (p *press) AppendAsync(_ context.Context, subject string, data []byte, done func(uint64, error)) error {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return err
	}
	_, items, err := trust.ParseList(env.Payload)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.appends = append(p.appends, printed{time.Now(), subject, len(items)})
	if len(p.fail) > 0 {
		err, p.fail = p.fail[0], p.fail[1:]
	}
	go done(uint64(len(p.appends)), err)
	return nil
}

func (p *press) PublishAnswer(agent string, _ []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if agent == "alice" {
		p.answers++
	}
	return nil
}

func (p *press) printed() []printed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]printed(nil), p.appends...)
}

const hedge = 50 * time.Millisecond // of trusttest's releases

// published runs a test with a publisher of rank r under threshold k.
func published(t *testing.T, press *press, test func(t *testing.T, p *publisher, add func(seq uint64, rank, k int))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e1 := trusttest.NewMember(pb.Role_ROLE_ENFORCER, "e1")
		ledgerID := trust.DigestOf([]byte("a ledger"))
		e := &Enforcer{cfg: Config{Ledger: ledgerID, ID: e1.ID, Key: e1.Key, Credential: e1.Credential, Logger: slog.New(slog.DiscardHandler)}}
		e.box = outbox.New(outbox.Config{Appender: press, Kind: schemas.KindDecision, Ledger: ledgerID, Key: e1.Key})
		e.answers = outbox.NewAnswers(press, ledgerID, e1.Key, e1.Credential, e.cfg.Logger)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = e.box.Run(ctx) })
		running.Go(func() { _ = e.answers.Run(ctx) })
		p := newPublisher(e)
		stop := p.start(ctx)
		test(t, p, func(seq uint64, rank, k int) {
			release := trusttest.Release(func(r *pb.Release) { r.DecisionThreshold = uint32(k) })
			rules := &verdict.Rules{Release: &governance.Release{Proto: release, Bounds: governance.Bounds{Hedge: hedge}}}
			d := &pb.Decision{Agent: trusttest.ID(pb.Role_ROLE_AGENT, "alice").String(), Tool: "read", IntentDigest: make([]byte, 32)}
			p.add(verdict.Derived{Round: verdict.Round{Intent: ledger.Position{Seq: seq}}, Decision: d, Data: []byte("decision"), Rules: rules}, rank)
			synctest.Wait()
		})
		stop()
		cancel()
		running.Wait()
		time.Sleep(2 * retryAfter) // what was to be repeated finds the outbox closed
	})
}

func TestRanksTakeTurns(t *testing.T) {
	tests := []struct {
		rank, k int
		after   time.Duration
		never   bool
	}{
		{rank: 0, k: 1},
		{rank: 0, k: 2},
		{rank: 1, k: 2},
		{rank: 1, k: 1, after: hedge},
		{rank: 2, k: 1, after: 2 * hedge},
		{rank: 2, k: 2, after: hedge},
		{rank: -1, k: 1, never: true},
	}
	for _, tt := range tests {
		press := &press{}
		published(t, press, func(t *testing.T, _ *publisher, add func(uint64, int, int)) {
			began := time.Now()
			add(1, tt.rank, tt.k)
			time.Sleep(10 * hedge)
			got := press.printed()
			if tt.never {
				if len(got) != 0 {
					t.Errorf("rank %d of %d published", tt.rank, tt.k)
				}
				return
			}
			if len(got) != 1 || got[0].at.Sub(began) != tt.after || !strings.HasSuffix(got[0].subject, "decision.read") {
				t.Errorf("rank %d with threshold %d: %v since %v, want once after %v", tt.rank, tt.k, got, began, tt.after)
			}
			if press.answers != 1 {
				t.Errorf("%d answers to the agent", press.answers)
			}
		})
	}
}

func TestAQuorumThatStandsNeedsNoHelp(t *testing.T) {
	press := &press{}
	published(t, press, func(t *testing.T, p *publisher, add func(uint64, int, int)) {
		for seq := range uint64(4) {
			add(seq+1, 1, 1)
		}
		time.Sleep(hedge / 2)
		p.settled(verdict.Round{Intent: ledger.Position{Seq: 2}})
		p.settled(verdict.Round{Intent: ledger.Position{Seq: 4}})
		p.settled(verdict.Round{Intent: ledger.Position{Seq: 9}}) // nobody waits for it
		time.Sleep(10 * hedge)
		items := 0
		for _, list := range press.printed() {
			items += list.items
		}
		if items != 2 {
			t.Errorf("%d decisions published, want those on positions 1 and 3", items)
		}
		if len(p.waits) != 0 || len(p.held) != 0 {
			t.Errorf("%d waits and %d decisions are kept", len(p.waits), len(p.held))
		}
	})
}

func TestWhatIsHeldIsNotPublishedAfterTheEnd(t *testing.T) {
	press := &press{}
	published(t, press, func(_ *testing.T, _ *publisher, add func(uint64, int, int)) { add(1, 5, 1) })
	if n := len(press.printed()); n != 0 {
		t.Errorf("%d decisions published after the end", n)
	}
}

func TestADecisionIsRepeatedWhileItMayBeMissing(t *testing.T) {
	fail := func(class error) error { return &streams.AppendError{Class: class, Cause: errors.New("test")} }
	tests := map[string]struct {
		fail    []error
		appends int
		answers int
	}{
		"stored":               {nil, 1, 1},
		"unknown":              {[]error{fail(streams.ErrUnknown)}, 2, 1},
		"unreachable":          {[]error{fail(streams.ErrUnreachable), fail(streams.ErrUnreachable)}, 3, 1},
		"refused":              {[]error{fail(streams.ErrRefused)}, 1, 0},
		"unknown then refused": {[]error{fail(streams.ErrUnknown), fail(streams.ErrRefused)}, 2, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			press := &press{fail: tt.fail}
			published(t, press, func(t *testing.T, _ *publisher, add func(uint64, int, int)) {
				add(1, 0, 1)
				time.Sleep(10 * retryAfter)
				if n := len(press.printed()); n != tt.appends || press.answers != tt.answers {
					t.Errorf("%d appends and %d answers, want %d and %d", n, press.answers, tt.appends, tt.answers)
				}
			})
		})
	}
}
