package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Where a tampered record is missed.
const (
	bySpan  = audit.RuleSpan  // at the first pulse behind it, whose sentinel read it otherwise
	byOrder = audit.RuleOrder // at its own position
)

// tamper is one way to change what is exported, at record i (from 0). It returns
// nil where it would change nothing.
type tamper struct {
	name     string
	make     func(x []ledger.Raw, i int) []ledger.Raw
	rule     audit.Rule
	moved    int  // how many positions the records behind it have moved
	silences bool // what it touches counts for nothing afterwards
	both     bool // it touches the record behind it, too
}

var tampers = []tamper{
	{"sequence", edit(func(r *ledger.Raw) { r.Seq += 1000 }), byOrder, 0, true, false},
	{"time", edit(func(r *ledger.Raw) { r.Time = r.Time.Add(1) }), bySpan, 0, false, false},
	{"no time", edit(func(r *ledger.Raw) { r.Time = time.Time{} }), bySpan, 0, false, false},
	{"subject", edit(func(r *ledger.Raw) { r.Subject += "s" }), bySpan, 0, true, false},
	{"a byte at the end", edit(func(r *ledger.Raw) { r.Data = append(slices.Clone(r.Data), 0) }), bySpan, 0, true, false},
	{"payload", sealed(func(e *pb.Envelope) { e.Payload[len(e.GetPayload())/2] ^= 1 }), bySpan, 0, true, false},
	{"payload type", sealed(func(e *pb.Envelope) { e.PayloadType += "x" }), bySpan, 0, true, false},
	{"signature", sealed(func(e *pb.Envelope) { e.Signatures[0].Sig[9] ^= 1 }), bySpan, 0, true, false},
	{"key id", sealed(func(e *pb.Envelope) { e.Signatures[0].KeyId[9] ^= 1 }), bySpan, 0, true, false},
	{"no signature", sealed(func(e *pb.Envelope) { e.Signatures = nil }), bySpan, 0, true, false},
	{"signatures swapped", func(x []ledger.Raw, i int) []ledger.Raw {
		if i+1 == len(x) {
			return nil
		}
		a, b := new(pb.Envelope), new(pb.Envelope)
		if proto.Unmarshal(x[i].Data, a) != nil || proto.Unmarshal(x[i+1].Data, b) != nil || proto.Equal(a.GetSignatures()[0], b.GetSignatures()[0]) {
			return nil
		}
		a.Signatures, b.Signatures = b.GetSignatures(), a.GetSignatures()
		x = slices.Clone(x)
		x[i].Data, x[i+1].Data = mustMarshal(a), mustMarshal(b)
		return x
	}, bySpan, 0, true, true},
	{"dropped", func(x []ledger.Raw, i int) []ledger.Raw { return slices.Delete(slices.Clone(x), i, i+1) }, byOrder, 0, true, false},
	{"dropped, the rest renumbered", func(x []ledger.Raw, i int) []ledger.Raw {
		return renumbered(slices.Delete(slices.Clone(x), i, i+1))
	}, bySpan, -1, true, false},
	{"doubled", func(x []ledger.Raw, i int) []ledger.Raw { return slices.Insert(slices.Clone(x), i, x[i]) }, byOrder, 0, false, false},
	{"doubled, the rest renumbered", func(x []ledger.Raw, i int) []ledger.Raw {
		return renumbered(slices.Insert(slices.Clone(x), i, x[i]))
	}, bySpan, 1, false, true},
	{"handed over too late", func(x []ledger.Raw, i int) []ledger.Raw {
		if i+1 == len(x) {
			return nil
		}
		x = slices.Clone(x)
		x[i], x[i+1] = x[i+1], x[i]
		return x
	}, byOrder, 0, true, false},
	{"behind the next", func(x []ledger.Raw, i int) []ledger.Raw {
		if i+1 == len(x) {
			return nil
		}
		x = slices.Clone(x)
		x[i], x[i+1] = x[i+1], x[i]
		return renumbered(x)
	}, bySpan, 0, false, true},
	{"replaced by an earlier one", func(x []ledger.Raw, i int) []ledger.Raw {
		if i == 0 {
			return nil
		}
		x = slices.Clone(x)
		x[i].Subject, x[i].Data = x[i/2].Subject, x[i/2].Data
		return x
	}, bySpan, 0, true, false},
}

func edit(change func(*ledger.Raw)) func([]ledger.Raw, int) []ledger.Raw {
	return func(x []ledger.Raw, i int) []ledger.Raw {
		x = slices.Clone(x)
		change(&x[i])
		return x
	}
}

// sealed changes an envelope; what is none has nothing to change.
func sealed(change func(*pb.Envelope)) func([]ledger.Raw, int) []ledger.Raw {
	return func(x []ledger.Raw, i int) []ledger.Raw {
		env := new(pb.Envelope)
		if proto.Unmarshal(x[i].Data, env) != nil || len(env.GetSignatures()) == 0 {
			return nil
		}
		change(env)
		return edit(func(r *ledger.Raw) { r.Data = mustMarshal(env) })(x, i)
	}
}

func mustMarshal(e *pb.Envelope) []byte {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil {
		panic(err)
	}
	return data
}

// renumbered makes positions contiguous, and times as they were at each position.
func renumbered(x []ledger.Raw) []ledger.Raw {
	for i := range x {
		x[i].Seq = uint64(i) + 1
	}
	return x
}

// TestTampering changes every record of the story in every way, with a checkpoint
// over all of them. Nothing passes. What would pass without the checkpoint is
// told by missed.
func TestTampering(t *testing.T) {
	w := newWorld(t)
	story(w)
	whole := w.export()
	prepared := warm(t, whole)
	pulses := w.pulsesAt()
	tried := 0
	for _, how := range tampers {
		t.Run(how.name, func(t *testing.T) {
			for i, raw := range whole.raws {
				x := whole
				if x.raws = how.make(whole.raws, i); x.raws == nil {
					continue
				}
				tried++
				where := fmt.Sprintf("record %d, %s", i+1, raw.Subject)
				r := x.run(t, whole.config(), prepared)
				if how.rule != byOrder && !appended(w, how, i) {
					wantFork(t, where, r)
				}
				rule, at := missed(w, pulses, how, i)
				if rule == "" {
					x.notes = nil
					wantUncovered(t, where, x.run(t, whole.config(), prepared))
					continue
				}
				wantRule(t, where, r, rule, at)
			}
		})
	}
	if tried < 16*len(whole.raws) {
		t.Errorf("%d changes of %d records", tried, len(whole.raws))
	}
}

// appended reports whether a change is none of what the checkpoint covers: a copy
// behind it, which counts for nothing.
func appended(w *world, how tamper, i int) bool { return how.moved > 0 && i == len(w.tape)-1 }

// wantFork demands that a checkpoint does not fit.
func wantFork(t *testing.T, where string, r *audit.Report) {
	t.Helper()
	if !slices.ContainsFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == audit.RuleCheckpoint && f.Subject == "" }) {
		t.Errorf("%s: the checkpoint fits: %q", where, found(r))
	}
}

// What everything rests on, by index.
const (
	genesisAt, releaseAt, sentinelAt = 0, 1, 8
	firstOutcome                     = 17 // position
)

// missed is what is found of a change without any checkpoint, and where; "" if
// nothing is. That is so behind the last pulse, and where the only release counts
// for nothing: nobody is enrolled then, and what is left is a ledger on which
// nothing happened.
func missed(w *world, pulses []uint64, how tamper, i int) (rule audit.Rule, at string) {
	if got := w.tape[sentinelAt].Subject; got != "fabric.z1.credential.s1" {
		w.tb.Fatalf("%s introduces s1", got)
	}
	touched := []int{i}
	if how.both {
		touched = []int{i, i + 1}
	}
	seq := uint64(i) + 1
	switch {
	case how.rule == byOrder && how.name == "dropped" && i == len(w.tape)-1:
		return "", ""
	case how.rule == byOrder:
		return byOrder, ledger.Position{Seq: seq}.String()
	case how.silences && i == genesisAt:
		return audit.RuleGenesis, ""
	case how.silences && slices.Contains(touched, releaseAt):
		return "", ""
	case how.silences && slices.Contains(touched, sentinelAt):
		return audit.RuleRogue, ledger.Position{Seq: uint64(firstOutcome + how.moved)}.String() // no claim is valid without pulses
	case how.name == "behind the next" && i == genesisAt:
		return "", "" // the release stands before genesis, and counts for nothing
	case how.name == "behind the next" && slices.Contains(pulses, seq+1):
		return bySpan, ledger.Position{Seq: seq}.String() // a pulse that names what does not stand yet
	}
	for _, p := range pulses {
		if p > seq+uint64(len(touched))-1 {
			return bySpan, ledger.Position{Seq: p + uint64(how.moved)}.String()
		}
	}
	return "", ""
}

func (x export) config() audit.Config {
	return audit.Config{Ledger: x.anchor, Zone: trusttest.ZoneName}
}

// warm prepares every record once, with every key known.
func warm(t *testing.T, x export) map[string]*audit.Prepared {
	t.Helper()
	a := audit.New(x.config())
	for _, raw := range x.raws {
		if err := a.Step(a.Prepare(raw)); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]*audit.Prepared{}
	for _, raw := range x.raws {
		all[keyOf(raw)] = a.Prepare(raw)
	}
	return all
}

// pulsesAt are the positions of pulses.
func (w *world) pulsesAt() []uint64 {
	var all []uint64
	for _, raw := range w.tape {
		env := new(pb.Envelope)
		if raw.Subject == "fabric.z1.pulse" && proto.Unmarshal(raw.Data, env) == nil && env.GetPayloadType() == schemas.KindPulse.PayloadType() {
			all = append(all, raw.Seq)
		}
	}
	return all
}

func wantRule(t *testing.T, where string, r *audit.Report, rule audit.Rule, at string) {
	t.Helper()
	if want := strings.TrimSpace(string(rule) + " " + at); !slices.Contains(found(r), want) || r.Clean() {
		t.Errorf("%s: found %q, want %q among it", where, found(r), want)
	}
}

// wantUncovered demands that what nothing tells is said to be unjudged.
func wantUncovered(t *testing.T, where string, r *audit.Report) {
	t.Helper()
	if r.Tree.Covered != 0 || !slices.ContainsFunc(r.Unjudged, func(s string) bool { return strings.Contains(s, "no checkpoint covers them") }) {
		t.Errorf("%s: nobody says that no checkpoint covers it: %q", where, r.Unjudged)
	}
}

// TestCut: what is cut off at the end, however much, is missed by a checkpoint and
// by nothing else; the rest is a ledger as it once was.
func TestCut(t *testing.T) {
	w := newWorld(t)
	story(w)
	whole := w.export()
	prepared := warm(t, whole)
	for n := 1; n < len(whole.raws)-1; n++ {
		x := export{whole.anchor, whole.raws[:len(whole.raws)-n], whole.notes}
		where := fmt.Sprintf("without the last %d", n)
		wantRule(t, where, x.run(t, whole.config(), prepared), audit.RuleCheckpoint, ledger.Position{Seq: w.seq()}.String())
		x.notes = nil
		r := x.run(t, whole.config(), prepared)
		wantClean(t, r)
		wantUncovered(t, where, r)
	}
}

// TestRolledBack: an earlier copy, that went on since, is told by the checkpoint
// that was signed before, and by the pulses that name it.
func TestRolledBack(t *testing.T) {
	w := newWorld(t)
	w.executed()
	for range 5 {
		_, _ = w.put("", nil)
	}
	w.checkpoint()
	before, seen := w.noted, w.seen
	restored := newWorld(t)
	restored.executed()
	restored.seen = seen
	for restored.seq() < w.seq()+2 {
		restored.pulse()
	}
	x := restored.export()
	r := x.audit(t)
	first := ledger.Position{Seq: w.seq() - 4}.String()
	wantRule(t, "by the pulses", r, audit.RuleCheckpoint, first)
	x.notes = before
	wantRule(t, "by the checkpoint", x.audit(t), audit.RuleCheckpoint, ledger.Position{Seq: w.seq()}.String())
}

// TestFork: of two continuations each is a ledger by itself; a checkpoint of the
// one does not fit the other, and records of both make no ledger.
func TestFork(t *testing.T) {
	left, right := newWorld(t), newWorld(t)
	fork := left.seq()
	left.executed()
	left.pulse()
	right.executed(pay(7))
	right.pulse()
	left.checkpoint()
	right.checkpoint()
	wantClean(t, left.export().audit(t))
	wantClean(t, right.export().audit(t))
	if left.seq() != right.seq() {
		t.Fatalf("%d and %d records", left.seq(), right.seq())
	}
	last := ledger.Position{Seq: left.seq()}.String()
	mixed := left.export()
	mixed.notes = right.noted
	wantRule(t, "the other's checkpoint", mixed.audit(t), audit.RuleCheckpoint, last)
	for at := fork + 1; at < left.seq(); at++ {
		x := left.export()
		x.raws, x.notes = append(slices.Clone(left.tape[:at]), right.tape[at:]...), nil
		wantRule(t, fmt.Sprintf("the other's from %d on", at+1), x.audit(t), bySpan, last)
	}
}

// TestSplice: records of another ledger with the same people and keys count for
// nothing here, and what they replace is missed.
func TestSplice(t *testing.T) {
	w, other := newWorld(t), newWorldIn(t, trusttest.NewZone(1, 2))
	if w.zone.Ledger == other.zone.Ledger {
		t.Fatal("it is the same ledger")
	}
	story(w)
	story(other)
	w.pulse()
	w.checkpoint()
	whole := w.export()
	prepared := warm(t, whole)
	for i := int(w.pulsesAt()[0]); i < len(whole.raws)-1; i++ {
		x := whole
		if x.raws = slices.Clone(whole.raws); keyOf(x.raws[i]) == keyOf(other.tape[i]) {
			continue // noise
		}
		x.raws[i] = other.tape[i]
		r := x.run(t, whole.config(), prepared)
		where := fmt.Sprintf("record %d, %s", i+1, x.raws[i].Subject)
		wantRule(t, where, r, audit.RuleCheckpoint, ledger.Position{Seq: w.seq()}.String())
		if !slices.ContainsFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == bySpan }) && !strings.HasSuffix(x.raws[i].Subject, "pulse") {
			t.Errorf("%s: found %q", where, found(r))
		}
	}
}

// TestWithheldGovernance: whoever takes a governance record out and renumbers the
// rest is found out by the heads that everybody names.
func TestWithheldGovernance(t *testing.T) {
	for name, what := range map[string]func(w *world){
		"a halt":       func(w *world) { w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay")) },
		"a trip":       func(w *world) { w.govern(trusttest.Trip(), members()["s1"].Key) },
		"a revocation": func(w *world) { w.govern(trusttest.RevokeIdentity(members()["x2"].ID)) },
		"a release":    func(w *world) { w.release() },
		"a seal":       func(w *world) { w.govern(&pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "full"}}}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.allowed()
			c := w.claim("x1", r)
			what(w)
			at := w.seq()
			w.report("x1", r, c, pb.Status_STATUS_INTERRUPTED)
			w.pulse(func(p *pb.Pulse) { p.Span = nil }) // it is the head that tells
			x := w.export()
			wantClean(t, x.audit(t))
			x.raws = renumbered(slices.Delete(x.raws, int(at-1), int(at)))
			report := x.audit(t)
			wantRule(t, "the outcome", report, audit.RuleHead, ledger.Position{Seq: at}.String())
			wantRule(t, "the pulse", report, audit.RuleHead, ledger.Position{Seq: at + 1}.String())
		})
	}
}
