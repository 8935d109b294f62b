package zone_test

import (
	"bytes"
	"errors"
	"iter"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// watchedZone is a live zone with an auditor, in which something was done.
func watchedZone(t *testing.T) *live {
	t.Helper()
	f := newFabric(t)
	_, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_AUDITOR, Name: "watcher"})
	must(t, err)
	w := &live{t: t, fabric: f, config: zone.Config{Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(nothing)}}
	w.open()
	w.transfers()
	return w
}

// transfers are one action that is allowed and one that is denied.
func (w *live) transfers() {
	w.t.Helper()
	scout := w.agent("scout")
	_, err := scout.Propose(w.t.Context(), transferOf("700"))
	must(w.t, err)
	if _, err := scout.Propose(w.t.Context(), transferOf("5000")); err == nil {
		w.t.Fatal("5000 are allowed")
	}
}

func (w *live) exporter() *zone.Exporter {
	w.t.Helper()
	x, err := zone.ConnectExporter(w.t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(w.t, err)
	w.t.Cleanup(x.Close)
	return x
}

// exported writes and audits an export.
func (w *live) exported(x *zone.Exporter, cfg zone.ExportConfig) (*zone.Export, *audit.Report, []evidence.Frame) {
	w.t.Helper()
	e, err := x.Export(w.t.Context(), cfg)
	must(w.t, err)
	var b bytes.Buffer
	_, err = evidence.Write(&b, e.Header, e.Frames)
	must(w.t, err)
	frames := collect(w.t, readerOf(w.t, b.Bytes()).Frames())
	report, err := evidence.Audit(w.t.Context(), readerOf(w.t, b.Bytes()), evidence.AuditConfig{Anchor: w.fabric.Ledger, AllowRange: e.Header.Extent == evidence.Range})
	must(w.t, err)
	return e, report, frames
}

func readerOf(t *testing.T, data []byte) *evidence.Reader {
	t.Helper()
	r, err := evidence.NewReader(bytes.NewReader(data))
	must(t, err)
	return r
}

func collect(t *testing.T, frames iter.Seq2[evidence.Frame, error]) (all []evidence.Frame) {
	t.Helper()
	for f, err := range frames {
		must(t, err)
		all = append(all, f)
	}
	return all
}

// TestExport: a real ledger, exported whole and in part, is audited offline.
func TestExport(t *testing.T) {
	w := watchedZone(t)
	x := w.exporter()
	e, report, frames := w.exported(x, zone.ExportConfig{Wait: 20 * time.Second})
	if !report.Clean() || !report.Whole || report.Last != e.Last || report.Final[audit.StateExecuted] != 1 || report.Intents != 2 {
		t.Errorf("%+v", report)
	}
	if e.Header.Extent != evidence.Whole || e.Covered != e.Last || e.Lost != 0 || e.Unread != "" || report.Tree.Covered != e.Last {
		t.Errorf("covered %d of %d, lost %d, unread %q; %+v", e.Covered, e.Last, e.Lost, e.Unread, report.Tree)
	}
	var intent uint64
	for _, f := range frames {
		if intent == 0 && strings.Contains(f.Raw.Subject, ".intent.") {
			intent = f.Raw.Seq
		}
	}
	e, report, frames = w.exported(x, zone.ExportConfig{From: intent, To: e.Last})
	if e.Header.Extent != evidence.Range || report.Whole || report.First != intent || len(report.Noise) > 0 || !report.Clean() {
		t.Errorf("a range: %+v, %+v", e.Header, report)
	}
	for i, f := range frames {
		if prefix := f.Kind == evidence.FramePrefix; prefix != (f.Raw.Seq < intent && f.Kind != evidence.FrameCheckpoint) {
			t.Errorf("frame %d: kind %q, position %d", i, byte(f.Kind), f.Raw.Seq)
		}
	}
	for name, cfg := range map[string]zone.ExportConfig{"behind the end": {From: 1 << 40}, "up to behind the end": {To: 1 << 40}} {
		if _, err := x.Export(t.Context(), cfg); err == nil {
			t.Errorf("%s: exported", name)
		}
	}
}

// TestExportByAGovernor: in a zone without an auditor a governor gets the records
// and the checkpoints over them.
func TestExportByAGovernor(t *testing.T) {
	w := liveOf(t, nothing)
	w.transfers()
	e, report, _ := w.exported(w.exporter(), zone.ExportConfig{Wait: 20 * time.Second})
	if !report.Clean() || e.Unread != "" || e.Covered != e.Last || len(report.Tree.Checkpoints) == 0 || report.Tree.Covered != e.Last {
		t.Errorf("%q, covered %d of %d; %+v", e.Unread, e.Covered, e.Last, report)
	}
}

// TestArchiveOfALiveLedger: runs add what is new, with the recorder's tiles, and
// refuse another ledger.
func TestArchiveOfALiveLedger(t *testing.T) {
	w := watchedZone(t)
	x := w.exporter()
	cfg := zone.ArchiveConfig{Root: filepath.Join(t.TempDir(), "archive"), Segment: 10, Wait: 20 * time.Second}
	first, err := x.Archive(t.Context(), cfg)
	must(t, err)
	w.transfers()
	second, err := x.Archive(t.Context(), cfg)
	must(t, err)
	if len(first.Segments) < 2 || len(second.Segments) < 1 || second.Segments[0].First != first.Archive.Last()+1 || second.Archive.Last() != second.Export.Last {
		t.Errorf("%+v, then %+v", first.Segments, second.Segments)
	}
	a, err := evidence.OpenArchive(cfg.Root)
	must(t, err)
	report, err := evidence.Audit(t.Context(), a, evidence.AuditConfig{Anchor: w.fabric.Ledger})
	must(t, err)
	if !report.Clean() || report.Last != a.Last() || report.Final[audit.StateExecuted] != 2 || report.Tree.Covered != a.Last() {
		t.Errorf("%+v", report)
	}
}

// TestArchiveOfAnotherLedger: what was archived and the ledger does not have is
// evidence; nothing is added to it.
func TestArchiveOfAnotherLedger(t *testing.T) {
	w := watchedZone(t)
	x := w.exporter()
	for name, n := range map[string]uint64{"another record": 3, "records that were lost": 5000} {
		cfg := zone.ArchiveConfig{Root: t.TempDir(), Segment: 10_000}
		a, err := evidence.CreateArchive(cfg.Root, evidence.Header{Ledger: w.fabric.Ledger, TrustDomain: w.fabric.TrustDomain, Zone: w.fabric.Zone})
		must(t, err)
		_, err = a.Append(func(yield func(evidence.Frame, error) bool) {
			for seq := uint64(1); seq <= n; seq++ {
				raw := ledger.Raw{Seq: seq, Time: time.Unix(1, 0), Subject: "fabric.home.pulse", Data: []byte("other")}
				if !yield(evidence.Frame{Kind: evidence.FrameRecord, Raw: raw}, nil) {
					return
				}
			}
		}, cfg.Segment)
		must(t, err)
		if _, err := x.Archive(t.Context(), cfg); !errors.Is(err, zone.ErrOtherLedger) {
			t.Errorf("%s: %v", name, err)
		}
		if again, err := evidence.OpenArchive(cfg.Root); err != nil || again.Last() != n {
			t.Errorf("%s: it was changed: %v", name, err)
		}
	}
}

// TestArchiveWithTiles copies what the recorder keeps, and nothing that is not
// signed for.
func TestArchiveWithTiles(t *testing.T) {
	w := watchedZone(t)
	x := w.exporter()
	_, err := x.Export(t.Context(), zone.ExportConfig{Wait: 20 * time.Second}) // a checkpoint was signed
	must(t, err)
	cfg := zone.ArchiveConfig{Root: t.TempDir(), Segment: 1000, Tiles: filepath.Join(w.fabric.RecorderDir("r1"), "tree")}
	done, err := x.Archive(t.Context(), cfg)
	must(t, err)
	if done.Tiles == 0 {
		t.Error("no tiles were copied")
	}
	cfg.Tiles = t.TempDir()
	if _, err := x.Archive(t.Context(), cfg); err == nil {
		t.Error("an empty folder was taken for tiles")
	}
}

// recording is the recorder's own hand: it signs whatever tree a test likes.
func (w *live) recording() (sign func(size uint64) []byte, publish func([]byte)) {
	w.t.Helper()
	m, err := w.fabric.Load(pb.Role_ROLE_RECORDER, "r1", trust.Digest{})
	must(w.t, err)
	keys, err := trust.ParseLogKeys(m.LogKeys)
	must(w.t, err)
	origin := lineage.Origin(w.fabric.TrustDomain, w.fabric.Zone, w.fabric.Ledger, 0)
	signer, err := keys.Signer(origin)
	must(w.t, err)
	conn, err := w.Broker().Connect(w.t.Context(), m, slog.New(slog.DiscardHandler))
	must(w.t, err)
	w.t.Cleanup(conn.Close)
	sign = func(size uint64) []byte {
		note, err := signer.Sign(lineage.Checkpoint{Origin: origin, Size: size}.String(), time.Now())
		must(w.t, err)
		return note
	}
	return sign, func(note []byte) {
		_, err := conn.Append(w.t.Context(), schemas.Subject(w.fabric.Zone, schemas.KindCheckpoint, ""), note)
		must(w.t, err)
	}
}

// TestExportTellsALoss: a signed tree that is larger than the ledger is in the
// export, and the audit finds it. Junk on the stream is not taken for one.
func TestExportTellsALoss(t *testing.T) {
	w := watchedZone(t)
	x := w.exporter()
	sign, publish := w.recording()
	publish([]byte("junk"))
	forged := sign(1 << 40)
	publish(append(bytes.Clone(forged[:len(forged)-20]), forged[len(forged)-19:]...))
	e, report, _ := w.exported(x, zone.ExportConfig{Wait: 20 * time.Second})
	if e.Lost != 0 || !report.Clean() {
		t.Fatalf("junk was believed: %d, %v", e.Lost, report.Findings)
	}
	publish(sign(1 << 20))
	e, report, frames := w.exported(x, zone.ExportConfig{})
	if e.Lost != 1<<20 || report.Clean() || report.Findings[0].Rule != audit.RuleCheckpoint || frames[len(frames)-1].Kind != evidence.FrameCheckpoint {
		t.Errorf("lost %d; found %v", e.Lost, report.Findings)
	}
	if e, report, _ = w.exported(x, zone.ExportConfig{To: e.Last}); e.Lost != 0 || !report.Clean() || e.Covered == 0 || e.Covered > e.Last {
		t.Errorf("a range does not speak of the end: covered %d of %d, %v", e.Covered, e.Last, report.Findings)
	}
}

// TestCopiesHideNoLoss: whatever is written behind the largest note, a whole
// minute's worth of old ones or more, an export finds it.
func TestCopiesHideNoLoss(t *testing.T) {
	for name, copies := range map[string]int{"a late one": 1, "more than are read at once": 300} {
		t.Run(name, func(t *testing.T) {
			w := watchedZone(t)
			x := w.exporter()
			sign, publish := w.recording()
			e, report, _ := w.exported(x, zone.ExportConfig{Wait: 20 * time.Second})
			if !report.Clean() || e.Checkpoint == nil {
				t.Fatalf("not a good start: %v", report.Findings)
			}
			publish(sign(1 << 20))
			for range copies {
				publish(e.Checkpoint)
			}
			if e, report, _ = w.exported(x, zone.ExportConfig{}); e.Lost != 1<<20 || report.Clean() {
				t.Errorf("lost %d; found %v", e.Lost, report.Findings)
			}
			if part, report, _ := w.exported(x, zone.ExportConfig{To: e.Covered}); part.Covered != e.Covered || part.Lost != 0 || !report.Clean() {
				t.Errorf("up to %d, %d are covered, %d lost: %v", e.Covered, part.Covered, part.Lost, report.Findings)
			}
		})
	}
}
