package main

import (
	"context"
	"fmt"
	"sort"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// account is what a ledger says, decoded and nothing more. Neither the fold nor
// the book judged any of it: they are what it is to be held against. It is fit
// for ledgers on which nobody forges, as the tests' are.
type account struct {
	last     uint64                 // position read
	times    map[uint64]time.Time   // log time by position
	changes  []change               // ascending
	known    map[trust.Digest]bool  // payloads of changes
	asked    map[trust.Digest]asked // by intent
	verdicts map[trust.Digest][]*pb.Decision
	claims   map[ledger.Position]*pb.Claim
	outcomes map[ledger.Position][]settlement // by claim
	pulses   []uint64                         // positions, ascending
}

// change is a governance record: each moves the epoch by one.
type change struct {
	seq    uint64
	id     trust.Digest
	record *pb.Governance
}

type asked struct {
	seq                  uint64
	agent, session, tool string
}

type settlement struct {
	seq     uint64
	outcome *pb.Outcome
}

func newAccount() *account {
	return &account{
		times: map[uint64]time.Time{}, known: map[trust.Digest]bool{}, asked: map[trust.Digest]asked{},
		verdicts: map[trust.Digest][]*pb.Decision{}, claims: map[ledger.Position]*pb.Claim{}, outcomes: map[ledger.Position][]settlement{},
	}
}

// read reads what was appended since the last time.
func (a *account) read(ctx context.Context, conn *streams.Conn) error {
	last, err := streams.Read(ctx, conn, streams.ReadConfig{From: a.last + 1}, func(raw streams.Raw) error {
		_, kind, _, err := schemas.LedgerSubject(raw.Subject)
		if err != nil {
			return err
		}
		env, err := trust.ParseEnvelope(raw.Data)
		if err != nil {
			return err
		}
		return a.add(raw.Seq, raw.Time, kind, env.Payload)
	})
	a.last = max(a.last, last)
	return err
}

// add takes the record behind the newest one.
func (a *account) add(seq uint64, stored time.Time, kind schemas.Kind, payload []byte) error {
	if before := a.times[seq-1]; stored.Before(before) {
		stored = before
	}
	a.times[seq] = stored
	switch kind {
	case schemas.KindGovernance:
		return a.govern(seq, payload)
	case schemas.KindPulse:
		a.pulses = append(a.pulses, seq)
		return nil
	case schemas.KindIntent, schemas.KindDecision, schemas.KindClaim, schemas.KindOutcome:
	case schemas.KindUnknown, schemas.KindCredential, schemas.KindApproval, schemas.KindHeartbeat, schemas.KindCheckpoint,
		schemas.KindAnswer, schemas.KindDelegation:
		return nil
	}
	_, items, err := trust.ParseList(payload)
	if err != nil {
		return fmt.Errorf("position %d: %w", seq, err)
	}
	for i, item := range items {
		if err := a.item(kind, ledger.Position{Seq: seq, Index: uint32(i)}, item); err != nil {
			return err
		}
	}
	return nil
}

// govern counts the same payload once, as the protocol does.
func (a *account) govern(seq uint64, payload []byte) error {
	record, err := decoded(payload, schemas.MaxPayload, new(pb.Governance))
	id := trust.DigestOf(payload)
	if err != nil || a.known[id] {
		return err
	}
	a.known[id] = true
	a.changes = append(a.changes, change{seq, id, record})
	return nil
}

func (a *account) item(kind schemas.Kind, at ledger.Position, item []byte) error {
	switch kind {
	case schemas.KindIntent:
		in, err := decoded(item, schemas.MaxIntent, new(pb.Intent))
		if _, again := a.asked[trust.DigestOf(item)]; err != nil || again {
			return err
		}
		a.asked[trust.DigestOf(item)] = asked{at.Seq, in.GetAgent(), in.GetSession(), in.GetTool()}
	case schemas.KindDecision:
		d, err := decoded(item, schemas.MaxItem, new(pb.Decision))
		intent := digest(d.GetIntentDigest())
		a.verdicts[intent] = append(a.verdicts[intent], d)
		return err
	case schemas.KindClaim:
		c, err := decoded(item, schemas.MaxItem, new(pb.Claim))
		a.claims[at] = c
		return err
	case schemas.KindOutcome:
		o, err := decoded(item, schemas.MaxItem, new(pb.Outcome))
		claim := ledger.PositionOf(o.GetClaim())
		a.outcomes[claim] = append(a.outcomes[claim], settlement{at.Seq, o})
		return err
	case schemas.KindUnknown, schemas.KindCredential, schemas.KindGovernance, schemas.KindApproval, schemas.KindPulse,
		schemas.KindHeartbeat, schemas.KindCheckpoint, schemas.KindAnswer, schemas.KindDelegation:
	}
	return nil
}

func decoded[M proto.Message](data []byte, limit int, m M) (M, error) {
	return m, schemas.DecodeUnchecked(data, limit, m)
}

func digest(b []byte) trust.Digest {
	d, _ := trust.DigestFrom(b)
	return d
}

// epoch is, by definition, how many governance records stand before a position.
func (a *account) epoch(seq uint64) uint64 {
	return uint64(sort.Search(len(a.changes), func(i int) bool { return a.changes[i].seq >= seq }))
}

// release is the digest of the newest release before a position.
func (a *account) release(seq uint64) trust.Digest {
	for i := a.epoch(seq); i > 0; i-- {
		if a.changes[i-1].record.GetRelease() != nil {
			return a.changes[i-1].id
		}
	}
	return trust.Digest{}
}

// act is one start of an action, as the executor states it, as the world outside
// saw it, or both.
type act struct {
	claim    ledger.Position
	intent   trust.Digest
	asked    asked
	executor string
	started  time.Time // as its outcome says; zero if none does
	arrived  time.Time // where the outside saw it; zero if it did not
	settled  uint64    // position of its outcome; 0 if there is none
	claimed  bool      // the claim stands on the ledger, and on this intent
	executed bool      // its outcome says so
}

// acts joins what the ledger tells of actions with what was seen outside.
func (a *account) acts(arrivals []arrival) []act {
	seen := map[ledger.Position]int{}
	var all []act
	for _, o := range arrivals {
		c, at := a.act(o.claim), o.claim
		c.intent, c.arrived = o.intent, o.at
		c.claimed = a.claims[at] != nil && digest(a.claims[at].GetIntentDigest()) == o.intent
		c.asked = a.asked[o.intent]
		seen[at]++
		all = append(all, c)
	}
	for at := range a.outcomes {
		if c := a.act(at); seen[at] == 0 && !c.started.IsZero() {
			all = append(all, c)
		}
	}
	return all
}

// act is what the ledger tells of the action under a claim.
func (a *account) act(at ledger.Position) act {
	claim := a.claims[at]
	c := act{claim: at, executor: claim.GetExecutor(), intent: digest(claim.GetIntentDigest()), claimed: claim != nil}
	c.asked = a.asked[c.intent]
	for _, o := range a.outcomes[at] {
		if c.settled == 0 {
			c.settled = o.seq
		}
		c.executed = c.executed || o.outcome.GetStatus() == pb.Status_STATUS_EXECUTED
		if o.outcome.GetStarted() != nil && c.started.IsZero() {
			c.started = o.outcome.GetStarted().AsTime()
		}
	}
	return c
}
