package outbox_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// mailbox is an Answerer that keeps, for each envelope, whom it went to and what
// its answers are about.
type mailbox struct {
	t *testing.T

	mu   sync.Mutex
	sent []string
}

func (m *mailbox) PublishAnswer(agent string, data []byte) error {
	env, err := trust.ParseEnvelope(data)
	if err != nil || !env.VerifiedBy(0, trusttest.Key("sender").Public()) || string(env.Signatures[0].Credential) != "who I am" {
		m.t.Errorf("an envelope to %s that is not the sender's: %v", agent, err)
		return err
	}
	_, items, err := trust.ParseList(env.Payload)
	if err != nil {
		m.t.Error(err)
	}
	var line strings.Builder
	line.WriteString(agent + ":")
	for _, item := range items {
		a := new(pb.Answer)
		if err := schemas.Decode(item, schemas.MaxPayload, a); err != nil {
			m.t.Error(err)
		}
		line.WriteString(" " + a.GetExplanation())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, line.String())
	return nil
}

func (m *mailbox) has(t *testing.T, want ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Equal(m.sent, want) {
		t.Fatalf("sent %q, want %q", m.sent, want)
	}
}

func answer(words string) func() *pb.Answer {
	digest := trust.DigestOf([]byte(words))
	return func() *pb.Answer {
		return &pb.Answer{
			IntentDigest: digest[:], Position: &pb.Position{Sequence: 1}, Explanation: words,
			Body: &pb.Answer_Decision{Decision: []byte("a decision")},
		}
	}
}

// pass lets more time pass than an answer may linger.
func pass(t *testing.T) {
	t.Helper()
	time.Sleep(50 * time.Millisecond) // of the bubble
	synctest.Wait()
}

// answering runs answers until the test's end.
func answering(t *testing.T) (*outbox.Answers, *mailbox) {
	m := &mailbox{t: t}
	a := outbox.NewAnswers(m, ledgerID, trusttest.Key("sender"), []byte("who I am"), slog.New(slog.DiscardHandler))
	go func() { _ = a.Run(t.Context()) }()
	synctest.Wait()
	return a, m
}

// TestWhatNobodyWaitsForIsGathered: lazy answers share an envelope, none is held
// for longer than a few milliseconds, and each time anew.
func TestWhatNobodyWaitsForIsGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, m := answering(t)
		for _, round := range []string{"1", "2"} {
			m.mu.Lock()
			m.sent = nil
			m.mu.Unlock()
			a.AddLazily("alice", answer("a"+round))
			synctest.Wait()
			m.has(t)
			a.AddLazily("bob", answer("b"+round))
			a.AddLazily("alice", answer("c"+round))
			pass(t)
			m.has(t, "alice: a"+round+" c"+round, "bob: b"+round)
		}
	})
}

// TestWhatIsWaitedForTakesTheRestAlong, at once and in order.
func TestWhatIsWaitedForTakesTheRestAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, m := answering(t)
		a.AddLazily("alice", answer("yes"))
		a.Add("alice", answer("no"))
		synctest.Wait()
		m.has(t, "alice: yes no")
		a.AddLazily("alice", answer("later"))
		pass(t)
		m.has(t, "alice: yes no", "alice: later")
	})
}
