package agent

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

var (
	ledgerID = trust.DigestOf([]byte("a ledger"))
	ca       = trusttest.NewCA()
	alice    = ca.Member(pb.Role_ROLE_AGENT, "alice")
	enforcer = ca.Member(pb.Role_ROLE_ENFORCER, "e1")
	executor = ca.Member(pb.Role_ROLE_EXECUTOR, "x1")
)

// broker is an appender that stores what it is given and then answers as it is
// told: nil is an acknowledgement.
type broker struct {
	mu     sync.Mutex
	stored [][]byte          // items
	answer func(n int) error // to append number n, from 0
	n      int
}

func (b *broker) AppendAsync(_ context.Context, _ string, data []byte, done func(uint64, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	if b.answer != nil {
		err = b.answer(b.n)
	}
	b.n++
	if err == nil || errors.Is(err, streams.ErrUnknown) { // the worst kind of unknown: it was stored
		env, parseErr := trust.ParseEnvelope(data)
		if parseErr != nil {
			return parseErr
		}
		_, items, parseErr := trust.ParseList(env.Payload)
		if parseErr != nil {
			return parseErr
		}
		b.stored = append(b.stored, items...)
	}
	seq := uint64(b.n)
	go done(seq, err)
	return nil
}

func (b *broker) items() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([][]byte(nil), b.stored...)
}

func (b *broker) intent(t *testing.T, i int) *pb.Intent {
	t.Helper()
	items := b.items()
	if len(items) <= i {
		t.Fatalf("%d intents were stored, want number %d", len(items), i)
	}
	in := new(pb.Intent)
	if err := schemas.Decode(items[i], schemas.MaxIntent, in); err != nil {
		t.Fatal(err)
	}
	return in
}

func failing(class error) error {
	return &streams.AppendError{Class: class, Cause: errors.New("a test's broker")}
}

// in runs a test in a bubble whose clock stands where test credentials are
// valid, with an agent on a broker.
func in(t *testing.T, b *broker, test func(t *testing.T, a *Agent)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(trusttest.Start))
		issuers, err := trust.NewIssuers([][]byte{ca.Cert.Raw})
		must(t, err)
		cfg := Config{Ledger: ledgerID, ID: alice.ID, Key: alice.Key, Credential: alice.Credential, Issuers: issuers, Logger: slog.New(slog.DiscardHandler)}
		a := &Agent{cfg: cfg, answers: newAnswerBook(cfg)}
		a.box = outbox.New(outbox.Config{Appender: b, Kind: schemas.KindIntent, Ledger: ledgerID, Key: alice.Key})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = a.box.Run(ctx)
		}()
		a.stop = sync.OnceFunc(func() {
			cancel()
			<-done
			a.answers.close()
		})
		a.first, err = a.NewSession()
		must(t, err)
		test(t, a)
		a.Close()
		synctest.Wait() // who proposed forgets its wait
		if n := len(a.answers.waits); n != 0 {
			t.Errorf("%d waits are left", n)
		}
	})
}

// result is what Propose returned.
type result struct {
	out *Outcome
	err error
}

// propose proposes and returns once the intent is on its way.
func propose(ctx context.Context, a *Agent, r Request) <-chan result {
	got := make(chan result, 1)
	go func() {
		out, err := a.Propose(ctx, r)
		got <- result{out, err}
	}()
	synctest.Wait()
	return got
}

var read = Request{Tool: "read", Resource: "notes.txt", Timeout: 10 * time.Second}

// answering is one answer, which a test may spoil.
type answering struct {
	signer     trusttest.Member
	credential []byte // the signer's, unless set
	kind       schemas.Kind
	ledger     trust.Digest
	answer     *pb.Answer
	spoil      func(envelope []byte) []byte
}

func (a answering) bytes(t *testing.T) []byte {
	t.Helper()
	item, err := schemas.Marshal(a.answer)
	must(t, err)
	if a.credential == nil {
		a.credential = a.signer.Credential
	}
	data, err := trust.SealIntroducedList(a.kind, a.ledger, [][]byte{item}, a.credential, a.signer.Key)
	must(t, err)
	if a.spoil != nil {
		data = a.spoil(data)
	}
	return data
}

func answerOf(by trusttest.Member, a *pb.Answer) answering {
	return answering{signer: by, kind: schemas.KindAnswer, ledger: ledgerID, answer: a}
}

var here = ledger.Position{Seq: 7, Index: 1}

func decisionOn(intent trust.Digest, change func(*pb.Decision)) *pb.Answer {
	d := &pb.Decision{
		Intent: ledger.Position{Seq: 5}.Proto(), IntentDigest: intent[:], Release: make([]byte, 32), LogTime: timestamppb.New(trusttest.Start),
		Agent: alice.SPIFFE(), Reasons: []pb.Reason{pb.Reason_REASON_HALTED}, Policies: []string{"p"},
	}
	change(d)
	data, err := schemas.Marshal(d)
	if err != nil {
		panic(err)
	}
	return &pb.Answer{IntentDigest: intent[:], Position: here.Proto(), Body: &pb.Answer_Decision{Decision: data}, Explanation: "because"}
}

func allow(d *pb.Decision) { d.Verdict, d.Reasons = pb.Verdict_VERDICT_ALLOW, nil }

func outcomeOf(intent trust.Digest, by string, result []byte, change func(*pb.Outcome)) *pb.Answer {
	digest := trust.DigestOf(result)
	o := &pb.Outcome{
		IntentDigest: intent[:], Claim: ledger.Position{Seq: 6}.Proto(), Status: pb.Status_STATUS_EXECUTED, ResultDigest: digest[:],
		Finished: timestamppb.New(trusttest.Start), Head: &pb.Head{Number: 1, Digest: make([]byte, 32)}, Executor: by,
	}
	change(o)
	data, err := schemas.Marshal(o)
	if err != nil {
		panic(err)
	}
	return &pb.Answer{IntentDigest: intent[:], Position: here.Proto(), Body: &pb.Answer_Outcome{Outcome: data}, Result: result}
}

func executed(*pb.Outcome) {}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnExecutedActionIsAnOutcome(t *testing.T) {
	b := &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		got := propose(t.Context(), a, read)
		intent := trust.DigestOf(b.items()[0])
		a.answers.take(answerOf(enforcer, decisionOn(intent, allow)).bytes(t))
		a.answers.take(answerOf(executor, outcomeOf(intent, executor.SPIFFE(), []byte("text"), executed)).bytes(t))
		// what comes later changes nothing
		a.answers.take(answerOf(enforcer, decisionOn(intent, func(*pb.Decision) {})).bytes(t))
		r := <-got
		must(t, r.err)
		if r.out.Intent != intent || string(r.out.Result) != "text" || r.out.Claim != (ledger.Position{Seq: 6}) || r.out.At != here {
			t.Errorf("got %+v", r.out)
		}
	})
}

func TestADenialIsRefused(t *testing.T) {
	b := &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		got := propose(t.Context(), a, read)
		intent := trust.DigestOf(b.items()[0])
		a.answers.take(answerOf(enforcer, decisionOn(intent, func(*pb.Decision) {})).bytes(t))
		r := <-got
		var refused *Refused
		if !errors.As(r.err, &refused) || !errors.Is(r.err, ErrRefused) || r.out != nil {
			t.Fatalf("got %v, %v", r.out, r.err)
		}
		if refused.Intent != intent || refused.At.Seq != 5 || refused.DecidedAt != here || len(refused.Reasons) != 1 ||
			refused.Reasons[0] != pb.Reason_REASON_HALTED || len(refused.Policies) != 1 || refused.Explanation != "because" {
			t.Errorf("got %+v", refused)
		}
		if text := r.err.Error(); !strings.Contains(text, schemas.ReasonCode(pb.Reason_REASON_HALTED)) || !strings.Contains(text, "because") {
			t.Errorf("error %q says neither why nor how", text)
		}
	})
}

func TestEveryOtherOutcomeIsNotExecuted(t *testing.T) {
	for _, status := range []pb.Status{
		pb.Status_STATUS_FAILED, pb.Status_STATUS_INTERRUPTED, pb.Status_STATUS_ABANDONED, pb.Status_STATUS_INDETERMINATE,
	} {
		t.Run(status.String(), func(t *testing.T) {
			b := &broker{}
			in(t, b, func(t *testing.T, a *Agent) {
				got := propose(t.Context(), a, read)
				intent := trust.DigestOf(b.items()[0])
				a.answers.take(answerOf(executor, outcomeOf(intent, executor.SPIFFE(), nil, func(o *pb.Outcome) {
					o.Status, o.Reason, o.ResultDigest = status, pb.Reason_REASON_RUN_FAILED, nil
				})).bytes(t))
				r := <-got
				var not *NotExecuted
				if !errors.As(r.err, &not) || r.out != nil || not.Status != status || not.Reason != pb.Reason_REASON_RUN_FAILED || not.Claim.Seq != 6 || not.At != here {
					t.Errorf("got %+v, %v", r.out, r.err)
				}
			})
		})
	}
}

// done is an executor's answer that an intent was executed.
func done(by trusttest.Member) func(trust.Digest) answering {
	return func(i trust.Digest) answering {
		return answerOf(by, outcomeOf(i, by.SPIFFE(), []byte("text"), executed))
	}
}

// forgeries are answers that would settle a proposal but for one lie each.
func forgeries() map[string]func(intent trust.Digest) answering {
	otherZone := trusttest.Enroll(ca.SVID(withZone(executor.ID, "z2")), withZone(executor.ID, "z2"), trusttest.Key("z2"), trust.Digest{})
	otherDomain := withDomain(executor.ID, "other.test")
	stranger := trusttest.NewNamedCA("nobody's").Member(pb.Role_ROLE_EXECUTOR, "x1")
	old := trusttest.Enroll(ca.SVID(executor.ID, func(c *x509.Certificate) { c.NotAfter = trusttest.Start.Add(-time.Second) }), executor.ID, executor.Key, trust.Digest{})
	spoiled := func(spoil func([]byte) []byte) func(trust.Digest) answering {
		return func(i trust.Digest) answering {
			a := done(executor)(i)
			a.spoil = spoil
			return a
		}
	}
	return map[string]func(intent trust.Digest) answering{
		"an agent says that it was done":    done(ca.Member(pb.Role_ROLE_AGENT, "bob")),
		"an enforcer says that it was done": done(enforcer),
		"an executor denies":                func(i trust.Digest) answering { return answerOf(executor, decisionOn(i, func(*pb.Decision) {})) },
		"a sentinel denies": func(i trust.Digest) answering {
			return answerOf(ca.Member(pb.Role_ROLE_SENTINEL, "s1"), decisionOn(i, func(*pb.Decision) {}))
		},
		"an executor of another zone":         done(otherZone),
		"an executor of another trust domain": done(trusttest.Enroll(ca.SVID(otherDomain), otherDomain, trusttest.Key("other"), trust.Digest{})),
		"a credential of nobody's issuer":     done(stranger),
		"an expired credential":               done(old),
		"in another executor's name": func(i trust.Digest) answering {
			return answerOf(executor, outcomeOf(i, ca.Member(pb.Role_ROLE_EXECUTOR, "x2").SPIFFE(), []byte("text"), executed))
		},
		"another's credential": func(i trust.Digest) answering {
			a := done(executor)(i)
			a.signer.Key = trusttest.Key("thief")
			a.credential = executor.Credential
			return a
		},
		"about another ledger": func(i trust.Digest) answering {
			a := done(executor)(i)
			a.ledger = trust.DigestOf([]byte("another"))
			return a
		},
		"another kind of record": func(i trust.Digest) answering {
			a := done(executor)(i)
			a.kind = schemas.KindOutcome
			return a
		},
		"an outcome of another intent": func(i trust.Digest) answering {
			a := answerOf(executor, outcomeOf(trust.DigestOf([]byte("another")), executor.SPIFFE(), []byte("text"), executed))
			a.answer.IntentDigest = i[:]
			return a
		},
		"a decision on another intent": func(i trust.Digest) answering {
			a := answerOf(enforcer, decisionOn(trust.DigestOf([]byte("another")), func(*pb.Decision) {}))
			a.answer.IntentDigest = i[:]
			return a
		},
		"another result": func(i trust.Digest) answering {
			a := done(executor)(i)
			a.answer.Result = []byte("tampered")
			return a
		},
		"no outcome": func(i trust.Digest) answering {
			return answerOf(executor, &pb.Answer{IntentDigest: i[:], Position: here.Proto(), Body: &pb.Answer_Outcome{Outcome: []byte("junk")}})
		},
		"no decision": func(i trust.Digest) answering {
			return answerOf(enforcer, &pb.Answer{IntentDigest: i[:], Position: here.Proto(), Body: &pb.Answer_Decision{Decision: []byte("junk")}})
		},
		"a changed byte":  spoiled(func(e []byte) []byte { return bytes.Replace(e, []byte("text"), []byte("tent"), 1) }),
		"a byte too many": spoiled(func(e []byte) []byte { return append(e, 0) }),
		"nothing":         spoiled(func([]byte) []byte { return nil }),
		"no credential": spoiled(func(e []byte) []byte {
			env, err := trust.ParseEnvelope(e)
			if err != nil {
				panic(err)
			}
			return executor.Seal(schemas.KindAnswer, env.Payload)
		}),
	}
}

// TestForgedAnswersAreDropped: the proposal waits on, and the true answer still
// counts.
func TestForgedAnswersAreDropped(t *testing.T) {
	for name, forge := range forgeries() {
		t.Run(name, func(t *testing.T) {
			b := &broker{}
			in(t, b, func(t *testing.T, a *Agent) {
				got := propose(t.Context(), a, read)
				intent := trust.DigestOf(b.items()[0])
				a.answers.take(forge(intent).bytes(t))
				a.answers.take(forge(intent).bytes(t)) // the second time is no better
				synctest.Wait()
				select {
				case r := <-got:
					t.Fatalf("settled with %+v, %v", r.out, r.err)
				default:
				}
				a.answers.take(done(executor)(intent).bytes(t))
				if r := <-got; r.err != nil {
					t.Errorf("the true answer: %v", r.err)
				}
			})
		})
	}
}

func withZone(id trust.Identity, zone string) trust.Identity     { id.Zone = zone; return id }
func withDomain(id trust.Identity, domain string) trust.Identity { id.TrustDomain = domain; return id }

// TestACredentialThatExpiresStopsCounting although it was verified before.
func TestACredentialThatExpiresStopsCounting(t *testing.T) {
	b := &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		first := propose(t.Context(), a, read)
		a.answers.take(answerOf(executor, outcomeOf(trust.DigestOf(b.items()[0]), executor.SPIFFE(), nil, executed)).bytes(t))
		must(t, (<-first).err)
		time.Sleep(trusttest.SVIDLife)
		second := propose(t.Context(), a, read)
		a.answers.take(answerOf(executor, outcomeOf(trust.DigestOf(b.items()[1]), executor.SPIFFE(), nil, executed)).bytes(t))
		if r := <-second; !errors.Is(r.err, ErrUnanswered) {
			t.Errorf("got %+v, %v", r.out, r.err)
		}
	})
}

// TestALostAcknowledgementNeverDoubles: the same bytes are sent again, and no
// other.
func TestALostAcknowledgementNeverDoubles(t *testing.T) {
	b := &broker{answer: func(n int) error {
		if n < 3 {
			return failing(streams.ErrUnknown)
		}
		return nil
	}}
	in(t, b, func(t *testing.T, a *Agent) {
		got := propose(t.Context(), a, read)
		time.Sleep(4 * resendAfter)
		items := b.items()
		if len(items) != 4 {
			t.Fatalf("stored %d times, want 4", len(items))
		}
		for _, item := range items {
			if !bytes.Equal(item, items[0]) {
				t.Fatal("other bytes were sent again")
			}
		}
		a.answers.take(answerOf(executor, outcomeOf(trust.DigestOf(items[0]), executor.SPIFFE(), nil, executed)).bytes(t))
		must(t, (<-got).err)
		time.Sleep(time.Minute)
		if n := len(b.items()); n != 4 {
			t.Errorf("sent again after the acknowledgement: %d times", n)
		}
	})
}

// TestWhatMayBeStoredIsNeverCalledNotSent: ErrNotSent invites to propose anew.
// After an unknown answer even a refusal of the re-send proves nothing.
func TestWhatMayBeStoredIsNeverCalledNotSent(t *testing.T) {
	refusedAtLast := func(first error) func(int) error {
		return func(n int) error {
			if n == 0 {
				return first
			}
			return failing(streams.ErrRefused)
		}
	}
	always := func(err error) func(int) error { return func(int) error { return err } }
	tests := []struct {
		name    string
		answer  func(int) error
		want    error
		cause   error
		within  time.Duration
		notSent bool
	}{
		{"refused", always(failing(streams.ErrRefused)), ErrNotSent, streams.ErrRefused, 0, true},
		{"unreachable, then refused", refusedAtLast(failing(streams.ErrUnreachable)), ErrNotSent, streams.ErrRefused, resendAfter, true},
		{"unreachable to the end", always(failing(streams.ErrUnreachable)), ErrNotSent, streams.ErrUnreachable, 10*time.Second + resendAfter, true},
		{"unknown, then refused", refusedAtLast(failing(streams.ErrUnknown)), ErrUnanswered, streams.ErrRefused, 10*time.Second + answerGrace, false},
		{"unknown to the end", always(failing(streams.ErrUnknown)), ErrUnanswered, streams.ErrUnknown, 10*time.Second + answerGrace, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, &broker{answer: tt.answer}, func(t *testing.T, a *Agent) {
				began := time.Now()
				_, err := a.Propose(t.Context(), read)
				if !errors.Is(err, tt.want) || !errors.Is(err, tt.cause) || errors.Is(err, ErrNotSent) != tt.notSent {
					t.Errorf("got %v, want %v for %v", err, tt.want, tt.cause)
				}
				if took := time.Since(began); took > tt.within {
					t.Errorf("after %v, want at most %v", took, tt.within)
				}
			})
		})
	}
}

func TestNoAnswerSaysWhatIsKnown(t *testing.T) {
	b := &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		got := propose(t.Context(), a, read)
		intent := trust.DigestOf(b.items()[0])
		a.answers.take(answerOf(enforcer, decisionOn(intent, allow)).bytes(t))
		r := <-got
		var unanswered *Unanswered
		if !errors.As(r.err, &unanswered) || !errors.Is(r.err, ErrUnanswered) {
			t.Fatalf("got %+v, %v", r.out, r.err)
		}
		if !unanswered.Stored || !unanswered.Allowed || unanswered.Intent != intent || unanswered.Cause != nil {
			t.Errorf("got %+v", unanswered)
		}
		if !strings.Contains(r.err.Error(), "portcullis show "+intent.String()) {
			t.Errorf("error %q does not say where to look", r.err)
		}
	})
}

func TestACallerMayStopWaiting(t *testing.T) {
	in(t, &broker{}, func(t *testing.T, a *Agent) {
		ctx, cancel := context.WithCancel(t.Context())
		got := propose(ctx, a, read)
		cancel()
		if r := <-got; !errors.Is(r.err, context.Canceled) || !strings.Contains(r.err.Error(), "may still be executed") {
			t.Errorf("got %+v, %v", r.out, r.err)
		}
	})
}

func TestCloseEndsEverybodysWait(t *testing.T) {
	b := &broker{answer: func(int) error { return failing(streams.ErrUnknown) }}
	in(t, b, func(t *testing.T, a *Agent) {
		one, two := propose(t.Context(), a, read), propose(t.Context(), a, read)
		a.Close()
		a.Close()
		for _, got := range []<-chan result{one, two} {
			if r := <-got; !errors.Is(r.err, ErrClosed) {
				t.Errorf("got %+v, %v", r.out, r.err)
			}
		}
		if _, err := a.Propose(t.Context(), read); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		n := len(b.items())
		time.Sleep(time.Minute)
		if len(b.items()) != n {
			t.Error("a re-send after Close")
		}
	})
}

func TestASessionIsAChain(t *testing.T) {
	b := &broker{}
	in(t, b, func(t *testing.T, a *Agent) {
		other, err := a.NewSession()
		must(t, err)
		if other.Name() == a.first.Name() {
			t.Error("two sessions have one name")
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			propose(ctx, a, read)
		}
		if _, err := a.Propose(ctx, Request{Tool: "read", Resource: "x", Arguments: json.RawMessage(`{`)}); err == nil {
			t.Error("arguments that are no JSON were accepted")
		}
		propose(ctx, a, read)
		cancel()
		synctest.Wait()
		var previous []byte
		for i := range 4 {
			intent := b.intent(t, i)
			if intent.GetSequence() != uint64(i+1) || !bytes.Equal(intent.GetPrevious(), previous) || intent.GetSession() != a.first.Name() {
				t.Errorf("intent %d: sequence %d, previous %x, want %d and %x", i, intent.GetSequence(), intent.GetPrevious(), i+1, previous)
			}
			digest := trust.DigestOf(b.items()[i])
			previous = digest[:]
		}
	})
}

func TestARequestThatIsNoIntentIsAnError(t *testing.T) {
	tests := map[string]Request{
		"no tool":       {Resource: "x"},
		"too large":     {Tool: "read", Resource: "x", Arguments: json.RawMessage(`{"a":"` + strings.Repeat("x", schemas.MaxIntent) + `"}`)},
		"no delegation": {Tool: "read", Resource: "x", Delegation: [][]byte{{}}},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			b := &broker{}
			in(t, b, func(t *testing.T, a *Agent) {
				if out, err := a.Propose(t.Context(), r); err == nil {
					t.Errorf("got %+v", out)
				}
				if n := len(b.items()); n != 0 {
					t.Errorf("%d intents were stored", n)
				}
			})
		})
	}
}

func TestAConfigWithAHoleIsRefused(t *testing.T) {
	issuers, err := trust.NewIssuers([][]byte{ca.Cert.Raw})
	must(t, err)
	whole := Config{Conn: new(streams.Conn), Ledger: ledgerID, ID: alice.ID, Key: alice.Key, Credential: alice.Credential, Issuers: issuers}
	must(t, whole.check())
	for name, drop := range map[string]func(*Config){
		"Conn": func(c *Config) { c.Conn = nil }, "Ledger": func(c *Config) { c.Ledger = trust.Digest{} },
		"ID": func(c *Config) { c.ID = trust.Identity{} }, "Key": func(c *Config) { c.Key = nil },
		"Credential": func(c *Config) { c.Credential = nil }, "Issuers": func(c *Config) { c.Issuers = trust.Issuers{} },
	} {
		cfg := whole
		drop(&cfg)
		if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
