package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// Config is what an agent needs. All fields are required but those that say
// otherwise.
type Config struct {
	Conn       *streams.Conn
	Ledger     trust.Digest // digest of the genesis that it is pinned to
	ID         trust.Identity
	Key        *trust.SigningKey
	Credential []byte        // the Credential envelope that binds Key to ID
	Issuers    trust.Issuers // who may vouch for enforcers and executors
	Logger     *slog.Logger  // nil: silent

	// Tracer makes a span of each proposal, which the intent names to those who decide
	// and act; nil: an intent carries the request's trace context as it is.
	Tracer *telemetry.Tracer

	MaxList     int // intents in one list; 0 means as many as queue up
	MaxInFlight int // lists on their way at once; 0 means 4
}

func (c Config) check() error {
	if c.Conn == nil || c.Ledger.IsZero() || c.ID == (trust.Identity{}) || c.Key == nil || len(c.Credential) == 0 || c.Issuers == (trust.Issuers{}) {
		return errors.New("agent: Conn, Ledger, ID, Key, Credential and Issuers are required")
	}
	return nil
}

// Agent proposes intents. Safe for concurrent use.
type Agent struct {
	cfg     Config
	box     *outbox.Outbox
	answers *answerBook
	first   *Session

	stop func() // stops answers and outbox
}

// Open introduces the agent's credential and subscribes to its answers.
func Open(ctx context.Context, cfg Config) (*Agent, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Agent{cfg: cfg, answers: newAnswerBook(cfg)}
	subject := schemas.Subject(cfg.ID.Zone, schemas.KindCredential, cfg.ID.Name)
	if err := streams.Introduce(ctx, cfg.Conn, subject, cfg.Credential); err != nil {
		return nil, fmt.Errorf("agent: introducing the credential: %w", err)
	}
	unsubscribe, err := cfg.Conn.SubscribeAnswers(a.answers.take)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	a.box = outbox.New(outbox.Config{
		Appender: cfg.Conn, Kind: schemas.KindIntent, Ledger: cfg.Ledger, Key: cfg.Key,
		MaxList: cfg.MaxList, MaxInFlight: cfg.MaxInFlight,
	})
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = a.box.Run(running) // ends with running, nothing else
	}()
	a.stop = sync.OnceFunc(func() {
		unsubscribe()
		cancel()
		<-done
		a.answers.close()
	})
	a.first, err = a.NewSession()
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// Close ends all waiting proposals with ErrClosed. The connection stays open:
// it is the caller's.
func (a *Agent) Close() { a.stop() }

// Propose proposes an intent in the agent's first session.
func (a *Agent) Propose(ctx context.Context, r Request) (*Outcome, error) {
	return a.first.Propose(ctx, r)
}

// Session is a chain of intents: each names the one before. Intents of one
// session are decided in the order in which they were proposed. Safe for
// concurrent use.
type Session struct {
	a    *Agent
	name string

	mu       sync.Mutex
	sequence uint64
	previous []byte
}

// NewSession begins a session with a random name.
func (a *Agent) NewSession() (*Session, error) {
	var b [12]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, fmt.Errorf("agent: no randomness for a session: %w", err)
	}
	return &Session{a: a, name: hex.EncodeToString(b[:])}, nil
}

// Name is the session's name on the ledger.
func (s *Session) Name() string { return s.name }

// defaultTimeout is a request's time from proposal to deadline.
const defaultTimeout = 10 * time.Second
