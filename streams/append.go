package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// Append stores one record and waits for the broker's acknowledgement. The
// error is an *AppendError: see ErrRefused, ErrUnknown and ErrUnreachable.
// Nothing is ever sent twice.
func (c *Conn) Append(ctx context.Context, subject string, data []byte) (seq uint64, err error) {
	type result struct {
		seq uint64
		err error
	}
	answer := make(chan result, 1)
	if err := c.app.start(ctx, subject, data, func(seq uint64, err error) { answer <- result{seq, err} }); err != nil {
		return 0, err
	}
	select {
	case r := <-answer:
		return r.seq, r.err
	case <-ctx.Done():
		return 0, &AppendError{Class: ErrUnknown, Subject: subject, Cause: ctx.Err()}
	}
}

// AppendAsync stores one record without waiting. It blocks only while
// MaxInFlight appends have no answer yet, until ctx ends. An error means that
// nothing was sent and done is not called; else done is called exactly once,
// from one goroutine for the whole Conn, and must not block for long. Records
// appended from one goroutine to one stream are stored in that order.
func (c *Conn) AppendAsync(ctx context.Context, subject string, data []byte, done func(seq uint64, err error)) error {
	return c.app.start(ctx, subject, data, done)
}

const (
	defaultAckTimeout  = 5 * time.Second
	defaultMaxInFlight = 1024
	timeoutScan        = 100 * time.Millisecond // how late a timeout may be noticed
)

// appender matches acknowledgements with appends.
type appender struct {
	c       *Conn
	inbox   string         // acknowledgements come to <inbox>.<token>
	acks    chan *nats.Msg // never full: its capacity is the number of slots
	slots   chan struct{}  // one element per append in flight
	kick    chan struct{}  // settled is not empty
	stopped chan struct{}
	timeout time.Duration

	mu      sync.Mutex
	next    uint64                   // guarded by mu
	pending map[uint64]pendingAppend // guarded by mu
	settled []settledAppend          // guarded by mu; without acknowledgement
	looking bool                     // guarded by mu; overdue is to come
}

type pendingAppend struct {
	subject  string
	stream   Stream
	deadline time.Time
	done     func(uint64, error)
}

type settledAppend struct {
	done func(uint64, error)
	err  error
}

func newAppender(c *Conn) *appender {
	slots := c.cfg.MaxInFlight
	if slots <= 0 {
		slots = defaultMaxInFlight
	}
	a := &appender{
		c: c, timeout: c.cfg.AckTimeout,
		acks: make(chan *nats.Msg, slots), slots: make(chan struct{}, slots),
		kick: make(chan struct{}, 1), stopped: make(chan struct{}),
		pending: map[uint64]pendingAppend{},
	}
	if a.timeout <= 0 {
		a.timeout = defaultAckTimeout
	}
	return a
}

// open starts the appender on a connection that stands.
func (a *appender) open() error {
	a.inbox = a.c.nc.NewInbox()
	if _, err := a.c.nc.ChanSubscribe(a.inbox+".*", a.acks); err != nil {
		return fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	go a.run()
	return nil
}

// start sends one record; an error means that it was not sent.
func (a *appender) start(ctx context.Context, subject string, data []byte, done func(uint64, error)) error {
	stream, ok := streamOf(a.c.cfg.Zone, subject)
	if !ok {
		return &AppendError{Class: ErrRefused, Subject: subject, Cause: fmt.Errorf("no stream of zone %q stores this subject", a.c.cfg.Zone)}
	}
	if len(data) > schemas.MaxEnvelope {
		return &AppendError{Class: ErrRefused, Subject: subject, Cause: fmt.Errorf("%d bytes are more than the %d that a record may have", len(data), schemas.MaxEnvelope)}
	}
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return &AppendError{Class: ErrUnreachable, Subject: subject, Cause: ctx.Err()}
	case <-a.stopped:
		return &AppendError{Class: ErrUnreachable, Subject: subject, Cause: ErrClosed}
	}
	token := a.register(pendingAppend{subject, stream, time.Now().Add(a.timeout), done})
	if err := a.c.nc.PublishRequest(subject, a.inbox+"."+strconv.FormatUint(token, 36), data); err != nil {
		return a.notSent(token, subject, err)
	}
	return nil
}

func (a *appender) register(p pendingAppend) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	a.pending[a.next] = p
	if !a.looking {
		a.looking = true
		time.AfterFunc(timeoutScan, a.overdue)
	}
	return a.next
}

// notSent takes an append back that the client refused to send. If the loss of
// the connection settled it meanwhile, its callback says so instead.
func (a *appender) notSent(token uint64, subject string, err error) error {
	if _, mine := a.take(token); !mine {
		return nil
	}
	<-a.slots
	class := ErrUnreachable
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) {
		class = ErrRefused
	}
	return &AppendError{Class: class, Subject: subject, Cause: err}
}

func (a *appender) take(token uint64) (pendingAppend, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.pending[token]
	delete(a.pending, token)
	return p, ok
}

// run is the one goroutine that calls back.
func (a *appender) run() {
	for {
		select {
		case m := <-a.acks:
			a.acknowledged(m)
		case <-a.kick:
			a.callSettled()
		case <-a.stopped:
			a.settle(func(p pendingAppend) error {
				return &AppendError{Class: ErrUnknown, Subject: p.subject, Cause: ErrClosed}
			})
			a.callSettled()
			return
		}
	}
}

// overdue settles what has waited too long for its acknowledgement, and comes again
// while anything waits: an idle connection costs nothing.
func (a *appender) overdue() {
	now := time.Now()
	a.settleSoon(func(p pendingAppend) error {
		if now.Before(p.deadline) {
			return nil
		}
		return &AppendError{Class: ErrUnknown, Subject: p.subject, Cause: fmt.Errorf("no acknowledgement within %v", a.timeout)}
	})
	a.mu.Lock()
	a.looking = len(a.pending) > 0
	again := a.looking
	a.mu.Unlock()
	if again {
		time.AfterFunc(timeoutScan, a.overdue)
	}
}

func (a *appender) acknowledged(m *nats.Msg) {
	token, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 36, 64)
	if err != nil {
		return
	}
	p, ok := a.take(token)
	if !ok {
		return // timed out before
	}
	<-a.slots
	seq, err := verdictOf(m, p.subject, p.stream.Name(a.c.cfg.Zone))
	p.done(seq, err)
	if errors.Is(err, ErrUnreachable) {
		a.c.unanswered(p.stream, err)
	} else {
		a.c.astray.answered(p.stream)
	}
}

func (a *appender) callSettled() {
	a.mu.Lock()
	settled := a.settled
	a.settled = nil
	a.mu.Unlock()
	for _, s := range settled {
		<-a.slots
		s.done(0, s.err)
	}
}

// settle moves the pending appends for which reason gives an error to settled.
func (a *appender) settle(reason func(pendingAppend) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for token, p := range a.pending {
		if err := reason(p); err != nil {
			delete(a.pending, token)
			a.settled = append(a.settled, settledAppend{p.done, err})
		}
	}
}

func (a *appender) settleSoon(reason func(pendingAppend) error) {
	a.settle(reason)
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// connectionLost settles everything in flight: the answers, if there are any,
// went to a connection that is gone.
func (a *appender) connectionLost(err error) {
	cause := errors.New("connection lost before the acknowledgement")
	if err != nil {
		cause = fmt.Errorf("%w: %w", cause, err)
	}
	a.settleSoon(func(p pendingAppend) error {
		return &AppendError{Class: ErrUnknown, Subject: p.subject, Cause: cause}
	})
}

// violation settles the appends to a subject that the broker refused. Rights
// never change within a connection (the broker disconnects those whose rights
// change), so all that is in flight to that subject was refused.
func (a *appender) violation(err error) {
	subject, ok := violatedSubject(err.Error())
	if !ok {
		return
	}
	a.settleSoon(func(p pendingAppend) error {
		if p.subject != subject {
			return nil
		}
		return &AppendError{Class: ErrRefused, Subject: subject, Cause: err}
	})
}

// violatedSubject finds the subject in: Permissions Violation for Publish to "…".
func violatedSubject(text string) (string, bool) {
	_, rest, ok := strings.Cut(strings.ToLower(text), `publish to "`)
	if !ok {
		return "", false
	}
	subject, _, ok := strings.Cut(rest, `"`)
	return subject, ok
}

// flush waits until nothing is in flight, for a while. It takes every slot, so
// that no append starts any more.
func (a *appender) flush(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for range cap(a.slots) {
		select {
		case a.slots <- struct{}{}:
		case <-timer.C:
			return
		}
	}
}

func (a *appender) close() { close(a.stopped) }

// pubAck is JetStream's answer to an append.
type pubAck struct {
	Stream    string `json:"stream"`
	Seq       uint64 `json:"seq"`
	Duplicate bool   `json:"duplicate"`
	Error     *struct {
		Code        int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
}

// refusals are the JetStream error codes that mean: checked and not stored.
// Any other code proves nothing.
var refusals = map[int]string{
	10002: "account storage is full",
	10023: "server storage is full",
	10054: "record is larger than the stream takes",
	10060: "another stream was expected",
	10097: "header is larger than the stream takes",
}

// codeStoreFailed covers several causes; the description tells which.
const codeStoreFailed = 10077

var fullStream = map[string]bool{
	"maximum bytes exceeded": true, "maximum messages exceeded": true, "maximum messages per subject exceeded": true,
}

func verdictOf(m *nats.Msg, subject, stream string) (uint64, error) {
	fail := func(class error, code int, format string, args ...any) (uint64, error) {
		return 0, &AppendError{Class: class, Subject: subject, Code: code, Cause: fmt.Errorf(format, args...)}
	}
	if m.Header.Get("Status") == "503" {
		return fail(ErrUnreachable, 0, "stream %s does not exist or has no leader", stream)
	}
	var ack pubAck
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return fail(ErrUnknown, 0, "acknowledgement is not JSON: %w", err)
	}
	switch {
	case ack.Error != nil && ack.Error.Code == codeStoreFailed && fullStream[ack.Error.Description]:
		return fail(ErrRefused, ack.Error.Code, "stream %s is full (%s); raise its limit, it never forgets", stream, ack.Error.Description)
	case ack.Error != nil && refusals[ack.Error.Code] != "":
		return fail(ErrRefused, ack.Error.Code, "stream %s: %s (%s)", stream, refusals[ack.Error.Code], ack.Error.Description)
	case ack.Error != nil:
		return fail(ErrUnknown, ack.Error.Code, "stream %s: %s", stream, ack.Error.Description)
	case ack.Stream != stream:
		return fail(ErrUnknown, 0, "acknowledged by stream %q instead of %s", ack.Stream, stream)
	case ack.Duplicate, ack.Seq == 0:
		return fail(ErrUnknown, 0, "stream %s took it for a duplicate", stream)
	}
	return ack.Seq, nil
}
