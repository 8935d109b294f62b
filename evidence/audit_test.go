package evidence_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
)

// audited audits bytes with an anchor.
func audited(t testing.TB, data []byte, anchor trust.Digest) *audit.Report {
	t.Helper()
	r, err := evidence.NewReader(bytes.NewReader(data))
	must(t, err)
	report, err := evidence.Audit(t.Context(), r, evidence.AuditConfig{Anchor: anchor})
	must(t, err)
	return report
}

func rules(r *audit.Report) (all []audit.Rule) {
	for _, f := range r.Findings {
		all = append(all, f.Rule)
	}
	return all
}

func TestAuditOfAnHonestLedger(t *testing.T) {
	w := newWorld(t).acts(20, 3)
	w.foreign()
	data := w.checkpoint().export()
	var told []evidence.Progress
	r, err := evidence.NewReader(bytes.NewReader(data))
	must(t, err)
	report, err := evidence.Audit(t.Context(), r, evidence.AuditConfig{Anchor: w.zone.Ledger, Progress: func(p evidence.Progress) { told = append(told, p) }})
	must(t, err)
	if !report.Clean() || !report.Whole || report.Last != w.size() || report.Final[audit.StateExecuted] != 60 || report.Tree.Covered != w.size() || report.Verdicts != 60 || len(report.Unjudged) > 0 {
		t.Errorf("%+v", report)
	}
	last := told[len(told)-1]
	if last.Records != w.size() || last.Bytes == 0 || last.Bytes >= int64(len(data)) || !last.LogTime.After(w.frames[0].Raw.Time) {
		t.Errorf("progress %+v of %d bytes", last, len(data))
	}
}

// TestAuditFinds: what is wrong with the records and with the file is a finding,
// never an error, and never overlooked.
func TestAuditFinds(t *testing.T) {
	w := newWorld(t).acts(3, 2).checkpoint()
	whole := w.header()
	edit := func(change func([]evidence.Frame) []evidence.Frame) []byte {
		return written(t, whole, change(slices.Clone(w.frames)))
	}
	n := len(w.frames)
	for name, tt := range map[string]struct {
		data []byte
		want audit.Rule
	}{
		"cut off":           {w.export()[:len(w.export())-1], audit.RuleExport},
		"cut in the middle": {w.export()[:len(w.export())/2], audit.RuleExport},
		"a byte altered": {func() []byte {
			data := w.export()
			data[len(data)/2] ^= 1
			return data
		}(), audit.RuleExport},
		"nothing in it":   {edit(func([]evidence.Frame) []evidence.Frame { return nil }), audit.RuleGenesis},
		"a record is out": {edit(func(f []evidence.Frame) []evidence.Frame { return slices.Delete(f, 10, 11) }), audit.RuleOrder},
		"a record twice":  {edit(func(f []evidence.Frame) []evidence.Frame { return slices.Insert(f, 10, f[9]) }), audit.RuleOrder},
		"two change places": {edit(func(f []evidence.Frame) []evidence.Frame {
			f[10], f[11] = f[11], f[10]
			return f
		}), audit.RuleOrder},
		"the end is missing": {edit(func(f []evidence.Frame) []evidence.Frame { return append(f[:n-3], f[n-1]) }), audit.RuleCheckpoint},
		"another record": {edit(func(f []evidence.Frame) []evidence.Frame {
			f[10].Raw.Data = append([]byte{1}, f[10].Raw.Data...)
			return f
		}), audit.RuleCheckpoint},
		"another zone's header": {written(t, evidence.Header{
			Extent: evidence.Whole, Ledger: w.zone.Ledger, TrustDomain: "other.test", Zone: whole.Zone, First: 1,
		}, w.frames), audit.RuleExport},
		"another ledger's header": {written(t, evidence.Header{
			Extent: evidence.Whole, Ledger: trust.DigestOf(nil), TrustDomain: whole.TrustDomain, Zone: whole.Zone, First: 1,
		}, w.frames), audit.RuleGenesis},
	} {
		t.Run(name, func(t *testing.T) {
			if report := audited(t, tt.data, w.zone.Ledger); !slices.Contains(rules(report), tt.want) || report.Clean() {
				t.Errorf("found %v, want %s", rules(report), tt.want)
			}
		})
	}
}

// TestAuditListsSoManyFindings, and counts the rest.
func TestAuditListsSoManyFindings(t *testing.T) {
	w := newWorld(t).acts(2, 1)
	data := written(t, w.header(), slices.Delete(slices.Clone(w.frames), 10, 11))
	data = data[:len(data)-60]
	all := audited(t, data, w.zone.Ledger)
	if last := all.Findings[len(all.Findings)-1]; last.Rule != audit.RuleExport || !strings.Contains(last.Detail, "cut off") || len(all.Findings) < 2 {
		t.Fatalf("found %+v", all.Findings)
	}
	r, err := evidence.NewReader(bytes.NewReader(data))
	must(t, err)
	report, err := evidence.Audit(t.Context(), r, evidence.AuditConfig{Anchor: w.zone.Ledger, MaxFindings: 1})
	must(t, err)
	if len(report.Findings) != 1 || report.More != uint64(len(all.Findings))-1 {
		t.Errorf("%d listed, %d more", len(report.Findings), report.More)
	}
}

// TestAuditOfARange: governance and credentials before it are there, so that
// every signature can be checked.
func TestAuditOfARange(t *testing.T) {
	w := newWorld(t).acts(4, 2)
	from := w.size() + 1
	w.acts(2, 2)
	h := w.header()
	h.Extent, h.First = evidence.Range, from
	frames := slices.Clone(w.frames[:6]) // genesis, release, credentials
	for i := range frames {
		frames[i].Kind = evidence.FramePrefix
	}
	audit := func(data []byte, allow bool) *audit.Report {
		r, err := evidence.NewReader(bytes.NewReader(data))
		must(t, err)
		report, err := evidence.Audit(t.Context(), r, evidence.AuditConfig{Anchor: w.zone.Ledger, AllowRange: allow})
		must(t, err)
		return report
	}
	data := written(t, h, append(frames, w.frames[from-1:]...))
	report := audit(data, true)
	if !report.Clean() || report.Whole || report.First != from || report.Last != w.size() || len(report.Noise) > 0 || len(report.Unjudged) == 0 {
		t.Errorf("%+v", report)
	}
	if text := evidence.Text(report); !strings.HasPrefix(text, "a range, clean as far as it could be judged") {
		t.Errorf("it is not called a range: %.80s", text)
	}
	if report = audit(data, false); !slices.Equal(rules(report), []auditRule{evidence.RuleRange}) {
		t.Errorf("a whole ledger was asked for: found %v", report.Findings)
	}
	if report = audit(written(t, h, w.frames[from-1:]), true); report.Clean() {
		t.Error("without its prefix nothing is known of who signed, and nothing was found")
	}
}

func TestAuditNeedsAnAnchor(t *testing.T) {
	w := newWorld(t)
	r, err := evidence.NewReader(bytes.NewReader(w.export()))
	must(t, err)
	if report, err := evidence.Audit(t.Context(), r, evidence.AuditConfig{}); !errors.Is(err, evidence.ErrAnchor) || report != nil {
		t.Errorf("%v, %+v", err, report)
	}
}

// TestAuditEnds: with its context, and with a source that cannot be read; both
// without a report, which could be taken for one on the whole.
func TestAuditEnds(t *testing.T) {
	w := newWorld(t).acts(2, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := evidence.NewReader(bytes.NewReader(w.export()))
	must(t, err)
	if report, err := evidence.Audit(ctx, r, evidence.AuditConfig{Anchor: w.zone.Ledger}); !errors.Is(err, context.Canceled) || report != nil {
		t.Errorf("%v, %+v", err, report)
	}
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write(w.export()[:2000])
		_ = writer.CloseWithError(io.ErrClosedPipe)
	}()
	r, err = evidence.NewReader(reader)
	must(t, err)
	if report, err := evidence.Audit(t.Context(), r, evidence.AuditConfig{Anchor: w.zone.Ledger}); !errors.Is(err, io.ErrClosedPipe) || report != nil {
		t.Errorf("%v, %+v", err, report)
	}
}

// TestCheckpointFromElsewhere: whoever kept one finds out that records were taken
// from the end, which the file itself cannot tell.
func TestCheckpointFromElsewhere(t *testing.T) {
	w := newWorld(t).acts(3, 1)
	kept := w.sign()
	short := written(t, w.header(), w.frames[:len(w.frames)-2])
	if report := audited(t, short, w.zone.Ledger); !report.Clean() {
		t.Fatalf("found %v", report.Findings)
	}
	audit := func(data []byte) *audit.Report {
		r, err := evidence.NewReader(bytes.NewReader(data))
		must(t, err)
		s, err := evidence.WithCheckpoint(r, kept)
		must(t, err)
		report, err := evidence.Audit(t.Context(), s, evidence.AuditConfig{Anchor: w.zone.Ledger})
		must(t, err)
		return report
	}
	if report := audit(short); !slices.Equal(rules(report), []auditRule{"checkpoint.fork"}) {
		t.Errorf("found %v", report.Findings)
	}
	w.acts(1, 1) // it is not the newest any more
	if report := audit(w.export()); !report.Clean() || len(report.Tree.Checkpoints) != 1 {
		t.Errorf("%+v", report)
	}
	w.frames = slices.Insert(w.frames, int(w.size())-4, evidence.Frame{Kind: evidence.FrameCheckpoint, Note: kept})
	if report := audit(w.export()); !report.Clean() || len(report.Tree.Checkpoints) != 1 {
		t.Errorf("it stands there already: %+v", report)
	}
	if _, err := evidence.WithCheckpoint(nil, []byte("rumour")); err == nil {
		t.Error("a rumour was taken for a checkpoint")
	}
}

type auditRule = audit.Rule

// FuzzAudit alters one record of an honest ledger: whatever it becomes, the audit
// does not panic and does not accept it.
func FuzzAudit(f *testing.F) {
	w := newWorld(f).acts(2, 2).checkpoint()
	f.Add(uint(3), uint(0), byte(1))
	f.Add(uint(8), uint(40), byte(255))
	f.Fuzz(func(t *testing.T, record, at uint, by byte) {
		frames := slices.Clone(w.frames)
		i := int(record % uint(w.size()))
		data := bytes.Clone(frames[i].Raw.Data)
		if by == 0 {
			return
		}
		data[at%uint(len(data))] ^= by
		frames[i].Raw = ledger.Raw{Seq: frames[i].Raw.Seq, Time: frames[i].Raw.Time, Subject: frames[i].Raw.Subject, Data: data}
		if report := audited(t, written(t, w.header(), frames), w.zone.Ledger); report.Clean() {
			t.Errorf("record %d was altered, and nothing was found", i+1)
		}
	})
}
