package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Answerer publishes one answer envelope to one agent. *streams.Conn
// implements it.
type Answerer interface {
	PublishAnswer(agent string, data []byte) error
}

// Answers tells agents what became of their intents. Each envelope holds the
// answers of one agent only. A lost answer harms nobody: the truth is on the
// ledger.
type Answers struct {
	answerer   Answerer
	ledger     trust.Digest
	key        *trust.SigningKey
	credential []byte
	log        *slog.Logger

	mu     sync.Mutex
	queued map[string][]func() *pb.Answer // agent → answers, made when their turn comes
	order  []string
	timed  bool // a timer will wake Run
	wake   chan struct{}
}

const (
	// maxQueuedAnswers bounds what one agent can make wait.
	maxQueuedAnswers = 1 << 16
	// linger is how long an answer waits for others that nobody is in a hurry for.
	linger = 20 * time.Millisecond
)

// NewAnswers makes a queue of answers, signed by key, whose credential travels
// with them; Run moves it.
func NewAnswers(answerer Answerer, ledger trust.Digest, key *trust.SigningKey, credential []byte, log *slog.Logger) *Answers {
	return &Answers{
		answerer: answerer, ledger: ledger, key: key, credential: credential, log: log,
		queued: make(map[string][]func() *pb.Answer), wake: make(chan struct{}, 1),
	}
}

// Add queues an answer to the agent with the given name. Answer is called from
// another goroutine, so that explanations cost the caller nothing.
func (a *Answers) Add(agent string, answer func() *pb.Answer) {
	a.mu.Lock()
	a.queue(agent, answer)
	a.mu.Unlock()
	a.move()
}

// AddLazily is Add for an answer that the agent does not wait for: it goes with
// the next that is sent, or with all that have come within a few milliseconds,
// under one signature.
func (a *Answers) AddLazily(agent string, answer func() *pb.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue(agent, answer)
	if !a.timed {
		a.timed = true
		time.AfterFunc(linger, a.move)
	}
}

// queue is called with mu held.
func (a *Answers) queue(agent string, answer func() *pb.Answer) {
	queue := a.queued[agent]
	if len(queue) >= maxQueuedAnswers {
		return
	}
	if len(queue) == 0 {
		a.order = append(a.order, agent)
	}
	a.queued[agent] = append(queue, answer)
}

func (a *Answers) move() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run publishes until ctx ends, then what is queued by then, and returns ctx's
// error.
func (a *Answers) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			a.drain()
			return ctx.Err()
		case <-a.wake:
			a.drain()
		}
	}
}

func (a *Answers) drain() {
	for agent, batch := a.take(); len(batch) > 0; agent, batch = a.take() {
		a.send(agent, batch)
	}
}

func (a *Answers) take() (agent string, batch []func() *pb.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.order) == 0 {
		a.timed = false // whatever comes lazily from now on needs a timer of its own
		return "", nil
	}
	agent = a.order[0]
	a.order = a.order[1:]
	batch = a.queued[agent]
	delete(a.queued, agent)
	return agent, batch
}

// send cuts a batch into envelopes within the limits of a list.
func (a *Answers) send(agent string, batch []func() *pb.Answer) {
	var items [][]byte
	size := 0
	for _, answer := range batch {
		item, err := schemas.Marshal(answer())
		if err != nil {
			a.log.Error("an answer could not be made", "agent", agent, "err", err)
			continue
		}
		if len(items) == schemas.MaxItems || size+len(item)+listOverhead > schemas.MaxPayload-64 {
			a.publish(agent, items)
			items, size = nil, 0
		}
		items = append(items, item)
		size += len(item) + listOverhead
	}
	a.publish(agent, items)
}

func (a *Answers) publish(agent string, items [][]byte) {
	if len(items) == 0 {
		return
	}
	data, err := trust.SealIntroducedList(schemas.KindAnswer, a.ledger, items, a.credential, a.key)
	if err == nil {
		err = a.answerer.PublishAnswer(agent, data)
	}
	if err != nil {
		a.log.Warn("answers were not sent; the agent finds the truth on the ledger", "agent", agent, "answers", len(items), "err", err)
	}
}
