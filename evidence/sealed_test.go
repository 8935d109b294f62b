package evidence_test

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// withSealed is a ledger of five intents, of which the third is sealed to a key
// that no auditor has.
func withSealed(t *testing.T) *world {
	t.Helper()
	key, err := trust.GenerateSealingKey("people")
	must(t, err)
	w := newSealingWorld(t, key).acts(2, 1)
	w.sealing = key
	w.acts(1, 1)
	w.sealing = nil
	return w.acts(2, 1)
}

// fileOf writes an export to a disk.
func fileOf(t *testing.T, data []byte) *evidence.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.pcx")
	must(t, os.WriteFile(path, data, 0o600))
	f, err := evidence.OpenFile(path)
	must(t, err)
	return f
}

func auditedFrom(t *testing.T, s evidence.Source, anchor trust.Digest) *audit.Report {
	t.Helper()
	report, err := evidence.Audit(t.Context(), s, evidence.AuditConfig{Anchor: anchor})
	must(t, err)
	return report
}

func unjudged(r *audit.Report, what string) bool {
	return slices.ContainsFunc(r.Unjudged, func(s string) bool { return strings.Contains(s, what) })
}

// TestAuditAroundSealedArguments: of a stream no verdict behind a sealed intent is
// derived; of a file and of an archive all but the sealed one.
func TestAuditAroundSealedArguments(t *testing.T) {
	w := withSealed(t).checkpoint()
	data := w.export()
	once := audited(t, data, w.zone.Ledger)
	if !once.Clean() || once.Verdicts != 2 || !unjudged(once, "taken as recorded, 3 of them") || !unjudged(once, "of a file more of them") {
		t.Errorf("of a stream: %d verdicts, %v, %q", once.Verdicts, once.Findings, once.Unjudged)
	}
	file := fileOf(t, data)
	a, err := evidence.CreateArchive(t.TempDir(), w.header())
	must(t, err)
	_, err = a.Append(framesOf(w.frames), 7)
	must(t, err)
	noted, err := evidence.WithCheckpoint(file, w.sign())
	must(t, err)
	for name, s := range map[string]evidence.Source{"file": file, "archive": a, "file and checkpoint": noted} {
		twice := auditedFrom(t, s, w.zone.Ledger)
		if !twice.Clean() || twice.Verdicts != 4 || twice.Compared != 4 || !unjudged(twice, "taken as recorded, 1 of them") || unjudged(twice, "of a file") {
			t.Errorf("of a %s: %d verdicts, %v, %q", name, twice.Verdicts, twice.Findings, twice.Unjudged)
		}
		if twice.Tree.Root != once.Tree.Root || twice.Final[audit.StateExecuted] != 5 {
			t.Errorf("of a %s: %+v", name, twice)
		}
	}
}

// TestAuditFindsBehindSealedArguments: what an enforcer decides wrongly behind a
// sealed intent is found in a file.
func TestAuditFindsBehindSealedArguments(t *testing.T) {
	w := withSealed(t)
	i := slices.IndexFunc(w.frames, func(f evidence.Frame) bool {
		return f.Raw.Seq > w.size()-4 && strings.Contains(f.Raw.Subject, ".decision.")
	})
	envelope, err := trust.ParseEnvelope(w.frames[i].Raw.Data)
	must(t, err)
	_, items, err := trust.ParseList(envelope.Payload)
	must(t, err)
	var d pb.Decision
	must(t, proto.Unmarshal(items[0], &d))
	d.Epoch++
	raw := &w.frames[i].Raw
	*raw = ledger.Raw{Seq: raw.Seq, Time: raw.Time, Subject: raw.Subject, Data: members()["e1"].List(schemas.KindDecision, w.zone.Ledger, encode(t, &d))}
	data := w.export()
	if report := audited(t, data, w.zone.Ledger); slices.Contains(rules(report), audit.RuleReplay) {
		t.Fatalf("of a stream, which cannot know it: %v", report.Findings)
	}
	if report := auditedFrom(t, fileOf(t, data), w.zone.Ledger); !slices.Contains(rules(report), audit.RuleReplay) {
		t.Errorf("of a file: %v", report.Findings)
	}
}

// turning is a source that gives other records when it is read again.
type turning struct {
	evidence.Source
	readings [][]evidence.Frame
}

func (*turning) Repeats() bool { return true }

func (s *turning) Frames() iter.Seq2[evidence.Frame, error] {
	frames := s.readings[0]
	s.readings = s.readings[1:]
	return framesOf(frames)
}

// TestAuditRefusesWhatChanges: decisions of one ledger are never taken for those
// of another.
func TestAuditRefusesWhatChanges(t *testing.T) {
	w := withSealed(t)
	r, err := evidence.NewReader(bytes.NewReader(w.export()))
	must(t, err)
	s := &turning{r, [][]evidence.Frame{w.frames, w.frames[:len(w.frames)-1]}}
	if report, err := evidence.Audit(t.Context(), s, evidence.AuditConfig{Anchor: w.zone.Ledger}); !errors.Is(err, evidence.ErrChanged) || report != nil {
		t.Errorf("%v, %+v", err, report)
	}
}
