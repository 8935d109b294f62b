package proof_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// tamperings are the ways to alter one record, and the steps that may fail first.
// Where an envelope is altered, either its own signature fails or the tree does.
var tamperings = []struct {
	name  string
	alter func(*proof.Record)
	want  []proof.StepName
}{
	{"position", func(r *proof.Record) { r.Position++ }, []proof.StepName{proof.StepForm, proof.StepRecords, proof.StepInclusion}},
	{"time", func(r *proof.Record) { r.Time-- }, []proof.StepName{proof.StepInclusion}},
	{"log time", func(r *proof.Record) { r.LogTime++ }, []proof.StepName{proof.StepInclusion, proof.StepRecords}},
	{"log time before", func(r *proof.Record) { r.Time--; r.LogTime-- }, []proof.StepName{proof.StepInclusion}},
	{"subject", func(r *proof.Record) { r.Subject += "x" }, []proof.StepName{proof.StepRecords, proof.StepInclusion, proof.StepClaim, proof.StepDecision}},
	{"first byte", func(r *proof.Record) { r.Envelope[0] ^= 1 }, []proof.StepName{proof.StepRecords}},
	{"a byte of the payload", func(r *proof.Record) { r.Envelope[len(r.Envelope)/2] ^= 0x10 }, []proof.StepName{proof.StepRecords}},
	{"last byte", func(r *proof.Record) { r.Envelope[len(r.Envelope)-1] ^= 1 }, []proof.StepName{proof.StepRecords}},
	{"bytes behind", func(r *proof.Record) { r.Envelope = append(r.Envelope, 0) }, []proof.StepName{proof.StepRecords}},
	{"a hash", func(r *proof.Record) { r.Inclusion[0][7] ^= 1 }, []proof.StepName{proof.StepInclusion}},
	{"the last hash", func(r *proof.Record) { r.Inclusion[len(r.Inclusion)-1][31] ^= 0x80 }, []proof.StepName{proof.StepInclusion}},
	{"a hash less", func(r *proof.Record) { r.Inclusion = r.Inclusion[1:] }, []proof.StepName{proof.StepInclusion}},
	{"a hash more", func(r *proof.Record) { r.Inclusion = append(r.Inclusion, proof.Hash{}) }, []proof.StepName{proof.StepInclusion}},
	{"two hashes swapped", func(r *proof.Record) {
		r.Inclusion[0], r.Inclusion[1] = r.Inclusion[1], r.Inclusion[0]
	}, []proof.StepName{proof.StepInclusion}},
}

// TestTamperedRecords: each alteration of each record of each story is found, and
// the step that it breaks is named. An altered time may go so far as to break an
// earlier step.
func TestTamperedRecords(t *testing.T) {
	for _, name := range []string{"executed", "expired", "approved", "void_second"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			f := w.prove(storyOf(t, name).tell(w))
			for _, tampering := range tamperings {
				for i := range f.Records {
					altered := copyOf(f)
					tampering.alter(&altered.Records[i])
					got := proof.Verify(altered, w.zone.Ledger)
					if got.OK() || !slices.Contains(tampering.want, got.Failed()) {
						t.Errorf("%s of record %d on %s: step %q fails, want one of %v", tampering.name, f.Records[i].Position, f.Records[i].Subject, got.Failed(), tampering.want)
					}
				}
			}
		})
	}
}

func storyOf(tb testing.TB, name string) story {
	tb.Helper()
	i := slices.IndexFunc(stories, func(s story) bool { return s.name == name })
	if i < 0 {
		tb.Fatalf("no story %s", name)
	}
	return stories[i]
}

// TestTamperedFile: what a file says of itself is not believed either.
func TestTamperedFile(t *testing.T) {
	w := newWorld(t)
	q := stories[0].tell(w)
	f := w.prove(q)
	other := newWorldOf(t, 2)
	elsewhere := other.prove(stories[0].tell(other))
	claimed := *f.About.Claim
	tests := []struct {
		name  string
		alter func(*proof.File)
		want  proof.StepName
	}{
		{"format", func(f *proof.File) { f.Format = "portcullis-proof/v2" }, proof.StepForm},
		{"kind unknown", func(f *proof.File) { f.Kind = "fine" }, proof.StepForm},
		{"kind failed", func(f *proof.File) { f.Kind = proof.KindFailed }, proof.StepOutcome},
		{"kind void", func(f *proof.File) { f.Kind = proof.KindVoid }, proof.StepClaim},
		{"kind denied", func(f *proof.File) { f.Kind, f.About.Claim = proof.KindDenied, nil }, proof.StepDecision},
		{"kind expired", func(f *proof.File) { f.Kind, f.About.Claim = proof.KindExpired, nil }, proof.StepDeadline},
		{"no claim", func(f *proof.File) { f.About.Claim = nil }, proof.StepForm},
		{"another claim", func(f *proof.File) { claimed.Seq++; f.About.Claim = &claimed }, proof.StepDecision},
		{"another intent", func(f *proof.File) { f.About.Intent[3] ^= 1 }, proof.StepIntent},
		{"another position", func(f *proof.File) { f.About.Position.Index = 0 }, proof.StepIntent},
		{"another anchor", func(f *proof.File) { f.Anchor[0] ^= 1 }, proof.StepAnchor},
		{"no record", func(f *proof.File) { f.Records = nil }, proof.StepForm},
		{"a record twice", func(f *proof.File) { f.Records = append(f.Records, f.Records[len(f.Records)-1]) }, proof.StepForm},
		{"records out of order", func(f *proof.File) { f.Records[0], f.Records[1] = f.Records[1], f.Records[0] }, proof.StepForm},
		{"records of another ledger", func(f *proof.File) { f.Records = elsewhere.Records }, proof.StepRecords},
		{"another ledger's checkpoint", func(f *proof.File) { f.Checkpoint = elsewhere.Checkpoint }, proof.StepCheckpoint},
		{"no checkpoint", func(f *proof.File) { f.Checkpoint = "" }, proof.StepForm},
		{"another recorder's", func(f *proof.File) { f.Checkpoint = string(w.checkpointOf(logKeys(t, "thief"), "w1.example")) }, proof.StepCheckpoint},
		{"not cosigned", func(f *proof.File) { f.Checkpoint = string(w.checkpointOf(w.logKeys)) }, proof.StepCheckpoint},
		{"cosigned by a stranger", func(f *proof.File) { f.Checkpoint = string(w.checkpointOf(w.logKeys, "w2.example")) }, proof.StepCheckpoint},
		{"of a smaller tree", func(f *proof.File) {
			whole := w.tape
			w.tape = whole[:len(whole)-1]
			f.Checkpoint = string(w.checkpoint())
			w.tape = whole
		}, proof.StepInclusion},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			altered := copyOf(f)
			test.alter(altered)
			if got := proof.Verify(altered, w.zone.Ledger).Failed(); got != test.want {
				t.Errorf("step %q fails, want %q", got, test.want)
			}
		})
	}
	if got := proof.Verify(f, trust.Digest{}).Failed(); got != proof.StepAnchor {
		t.Errorf("no anchor: step %q fails", got)
	}
	if got := proof.Verify(f, other.zone.Ledger).Failed(); got != proof.StepAnchor {
		t.Errorf("another anchor: step %q fails", got)
	}
	if got := proof.Verify(new(proof.File), w.zone.Ledger).Failed(); got != proof.StepForm {
		t.Errorf("the zero file: step %q fails", got)
	}
	if new(proof.Result).OK() {
		t.Error("the zero result is OK")
	}
}

// TestWithheldGovernance: a halt before the claim that is left out makes the claim
// look valid, and the head that its executor or a sentinel names gives it away.
func TestWithheldGovernance(t *testing.T) {
	for _, record := range []*pb.Governance{
		trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""), trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"), trusttest.RevokeIdentity(trusttest.ID(pb.Role_ROLE_EXECUTOR, "x9")),
	} {
		w := newWorld(t)
		a := w.allowed()
		w.govern(record)
		halted := uint64(len(w.tape))
		claim := w.claim(a, w.x1)
		w.report(a, claim, w.x1, pb.Status_STATUS_EXECUTED, 0) // a rogue: the claim is void
		w.pulse()
		honest := w.prove(proof.Question{Intent: a.digest, Claim: claim})
		lie := copyOf(honest)
		lie.Kind = proof.KindClaimed
		lie.Records = slices.DeleteFunc(lie.Records, func(r proof.Record) bool { return r.Position == halted })
		full := w.recordOf(11) // the pulse on which the claim would rest
		full.Inclusion = w.inclusion(11)
		lie.Records = append(lie.Records, full)
		slices.SortFunc(lie.Records, func(a, b proof.Record) int { return int(a.Position) - int(b.Position) })
		got := proof.Verify(lie, w.zone.Ledger)
		if got.Failed() != proof.StepHistory {
			t.Errorf("step %q fails: %+v", got.Failed(), got.Steps)
		}
	}
}

// TestAbsenceProvesNothing: a claim that would be void only for want of something
// has no proof, and no file can pretend to be one.
func TestAbsenceProvesNothing(t *testing.T) {
	w := newWorld(t)
	q := stories[0].tell(w)
	w.pulse()
	f := w.prove(q)
	for _, subject := range []string{"fabric.z1.pulse", "fabric.z1.decision.read"} {
		lie := copyOf(f)
		lie.Kind = proof.KindVoid
		lie.Records = slices.DeleteFunc(lie.Records, func(r proof.Record) bool { return r.Subject == subject })
		if got := proof.Verify(lie, w.zone.Ledger).Failed(); got != proof.StepClaim {
			t.Errorf("without %s: step %q fails", subject, got)
		}
	}
}

// TestAnyByte: whichever byte of a file's JSON is changed, it establishes nothing,
// or nothing else than before.
func TestAnyByte(t *testing.T) {
	w := newWorld(t)
	f := w.prove(stories[0].tell(w))
	data, err := f.Encode()
	must(t, err)
	rapid.Check(t, func(t *rapid.T) {
		altered := slices.Clone(data)
		altered[rapid.IntRange(0, len(data)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		holdsOrFails(t, f, altered, w.zone.Ledger)
	})
}

// holdsOrFails demands of bytes that they are no file, that the file does not
// verify, or that it is as good as an honest one.
func holdsOrFails(tb interface{ Fatalf(string, ...any) }, honest *proof.File, altered []byte, anchor trust.Digest) {
	g, err := proof.Decode(altered)
	if err != nil {
		return
	}
	got := proof.Verify(g, anchor)
	if !got.OK() {
		if got.Failed() == "" {
			tb.Fatalf("it fails and no step does")
		}
		return
	}
	mine := proof.Verify(honest, anchor)
	if g.About.Intent != honest.About.Intent || g.About.Position != honest.About.Position || g.Kind != honest.Kind && g.Kind != proof.KindClaimed || !mine.OK() {
		tb.Fatalf("an altered file establishes %s of %s", got.Kind, got.Intent)
	}
}

func copyOf(f *proof.File) *proof.File {
	c := *f
	c.Records = slices.Clone(f.Records)
	for i, r := range c.Records {
		c.Records[i].Envelope, c.Records[i].Inclusion = slices.Clone(r.Envelope), slices.Clone(r.Inclusion)
	}
	return &c
}

// FuzzVerify: no bytes make it panic, and none make a file that establishes more
// than the honest one.
func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	honest := w.prove(stories[0].tell(w))
	data, err := honest.Encode()
	must(f, err)
	f.Add(data)
	f.Add([]byte(`{"format":"portcullis-proof/v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) { holdsOrFails(t, honest, data, w.zone.Ledger) })
}
