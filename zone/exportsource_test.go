package zone_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// exportFile writes an export to a disk.
func (w *live) exportFile(cfg zone.ExportConfig) *evidence.File {
	w.t.Helper()
	e, err := w.exporter().Export(w.t.Context(), cfg)
	must(w.t, err)
	path := filepath.Join(w.t.TempDir(), "ledger.pcx")
	_, err = evidence.WriteFile(path, e.Header, e.Frames)
	must(w.t, err)
	f, err := evidence.OpenFile(path)
	must(w.t, err)
	return f
}

func (w *live) reader() *streams.Conn {
	w.t.Helper()
	conn, err := zone.ConnectReader(w.t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(w.t, err)
	w.t.Cleanup(conn.Close)
	return conn
}

// until is a live ledger as it was when an export was made of it.
type until struct {
	zone.LedgerSource
	last  uint64
	notes zone.ProofSource
}

func (u until) Records(ctx context.Context, from, to uint64, each func(ledger.Raw) error) (uint64, error) {
	if to == 0 {
		to = u.last
	}
	if from > to {
		return u.last, nil
	}
	return u.LedgerSource.Records(ctx, from, to, each)
}

func (u until) Checkpoints(ctx context.Context, each func([]byte) bool) error {
	return u.notes.Checkpoints(ctx, each)
}

// settled waits until what became of every intent can be proved, and returns them.
func (w *live) settled(conn *streams.Conn) (intents []trust.Digest) {
	w.t.Helper()
	last, err := conn.Last(w.t.Context())
	must(w.t, err)
	h, err := zone.ReadHistory(w.t.Context(), zone.LiveLineage(w.fabric, conn), history.Config{}, last)
	must(w.t, err)
	page, err := h.Search(history.Query{})
	must(w.t, err)
	p := zone.Proving{Source: zone.LedgerSource{Conn: conn}, Zone: w.fabric.Zone, Ledger: w.fabric.Ledger, Wait: time.Minute}
	for _, in := range page.Intents {
		digest, err := trust.ParseDigest(in.Digest)
		must(w.t, err)
		_, err = p.Prove(w.t.Context(), proof.Question{Intent: digest})
		must(w.t, err)
		intents = append(intents, digest)
	}
	return intents
}

// TestExportSourceAnswersAsTheLedger: what is proved and told from a file is, byte
// for byte, what the live ledger says at the same position.
func TestExportSourceAnswersAsTheLedger(t *testing.T) {
	w := watchedZone(t)
	conn := w.reader()
	intents := w.settled(conn)
	x, err := zone.OpenExportSource(t.Context(), w.exportFile(zone.ExportConfig{Wait: 20 * time.Second}), w.fabric.Ledger)
	must(t, err)
	if x.Zone() != w.fabric.Zone || x.TrustDomain() != w.fabric.TrustDomain || x.Last == 0 || len(intents) != 2 {
		t.Fatalf("zone %q of %q, last %d, %d intents", x.Zone(), x.TrustDomain(), x.Last, len(intents))
	}
	inFile := zone.Proving{Source: x, Zone: x.Zone(), Ledger: w.fabric.Ledger}
	onLedger := inFile
	onLedger.Source = until{zone.LedgerSource{Conn: conn}, x.Last, x}
	same := func(what string, answer func(zone.Proving, zone.LineageSource) (any, error)) {
		t.Helper()
		var texts [2][]byte
		for i, p := range []zone.Proving{inFile, onLedger} {
			source := []zone.LineageSource{x, zone.LiveLineage(w.fabric, conn)}[i]
			got, err := answer(p, source)
			must(t, err)
			texts[i], err = json.Marshal(got)
			must(t, err)
		}
		if !bytes.Equal(texts[0], texts[1]) || len(texts[0]) < 5 {
			t.Errorf("%s: in the file\n%s\nand on the ledger\n%s", what, texts[0], texts[1])
		}
	}
	for _, intent := range intents {
		same("a proof", func(p zone.Proving, _ zone.LineageSource) (any, error) {
			f, err := p.Prove(t.Context(), proof.Question{Intent: intent})
			if err != nil {
				return nil, err
			}
			return f.Encode()
		})
	}
	same("a tlog-proof", func(p zone.Proving, _ zone.LineageSource) (any, error) { return p.ProveRecord(t.Context(), 3) })
	same("a search", func(_ zone.Proving, s zone.LineageSource) (any, error) {
		h, err := zone.ReadHistory(t.Context(), s, history.Config{}, x.Last)
		if err != nil {
			return nil, err
		}
		return h.Search(history.Query{})
	})
	same("what was allowed", func(_ zone.Proving, s zone.LineageSource) (any, error) {
		return zone.AllowedAt(t.Context(), s, history.Config{}, x.Last-1, "scout")
	})
	releases, err := x.Releases()
	must(t, err)
	live, err := zone.ReadReleases(t.Context(), w.fabric, conn)
	must(t, err)
	if got, want := releases.InForce(), live.InForce(); got.Digest != want.Digest || got.Position != want.Position || !slices.Equal(got.SignedBy, want.SignedBy) || releases.Last != x.Last {
		t.Errorf("in force is %+v, on the ledger %+v", got, want)
	}
	candidate := candidateOf(t, live.InForce().Release, inPolicies("amount <= 1000", "amount <= 100"))
	same("what if", func(_ zone.Proving, s zone.LineageSource) (any, error) {
		return zone.AskWhatIf(t.Context(), s, zone.WhatIfConfig{Candidate: candidate, Last: x.Last, Most: 10})
	})
	if _, err := inFile.Prove(t.Context(), proof.Question{Intent: trust.DigestOf([]byte("nothing"))}); !errors.Is(err, proof.ErrUnknown) {
		t.Errorf("of an intent that is not there: %v", err)
	}
	if err := x.Read(t.Context(), x.Last+1, nil); !errors.Is(err, zone.ErrPart) {
		t.Errorf("beyond the end: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := zone.ReadHistory(ctx, x, history.Config{}, x.Last); !errors.Is(err, context.Canceled) {
		t.Errorf("when its context has ended: %v", err)
	}
}

// tampered is a file whose frames, or whose header, are others.
type tampered struct {
	evidence.Source
	header evidence.Header
	frames func(iter.Seq2[evidence.Frame, error]) iter.Seq2[evidence.Frame, error]
}

func (e tampered) Header() evidence.Header { return e.header }

func (e tampered) Frames() iter.Seq2[evidence.Frame, error] {
	if e.frames == nil {
		return e.Source.Frames()
	}
	return e.frames(e.Source.Frames())
}

// without leaves out the record at a position, or all behind it.
func without(seq uint64, behind bool) func(iter.Seq2[evidence.Frame, error]) iter.Seq2[evidence.Frame, error] {
	return func(frames iter.Seq2[evidence.Frame, error]) iter.Seq2[evidence.Frame, error] {
		return func(yield func(evidence.Frame, error) bool) {
			for f, err := range frames {
				out := f.Kind == evidence.FrameRecord && (f.Raw.Seq == seq || behind && f.Raw.Seq > seq)
				if !out && !yield(f, err) {
					return
				}
			}
		}
	}
}

// TestExportSourceRefuses what is no whole ledger of the anchor's.
func TestExportSourceRefuses(t *testing.T) {
	w := watchedZone(t)
	w.settled(w.reader())
	whole := w.exportFile(zone.ExportConfig{Wait: 20 * time.Second})
	text := bytesOf(t, whole)
	header := whole.Header()
	elsewhere, foreign := header, header
	elsewhere.Zone, foreign.Ledger = "elsewhere", trust.DigestOf(nil)
	for name, tt := range map[string]struct {
		source evidence.Source
		anchor trust.Digest
		want   error
	}{
		"a range":                {w.exportFile(zone.ExportConfig{From: 5}), w.fabric.Ledger, zone.ErrPart},
		"a gap":                  {tampered{whole, header, without(4, false)}, w.fabric.Ledger, zone.ErrPart},
		"another anchor":         {whole, trust.DigestOf(nil), zone.ErrOtherAnchor},
		"a header that lies":     {tampered{whole, foreign, nil}, trust.DigestOf(nil), zone.ErrOtherAnchor},
		"another zone's header":  {tampered{whole, elsewhere, nil}, w.fabric.Ledger, zone.ErrOtherAnchor},
		"nothing":                {tampered{whole, header, without(1, true)}, w.fabric.Ledger, zone.ErrOtherAnchor},
		"a stream":               {readerOf(t, text), w.fabric.Ledger, nil},
		"a file that is cut off": {cutOff(t, text), w.fabric.Ledger, evidence.ErrBroken},
	} {
		if x, err := zone.OpenExportSource(t.Context(), tt.source, tt.anchor); err == nil || tt.want != nil && !errors.Is(err, tt.want) || x != nil {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	changing := &tampered{whole, header, nil}
	x, err := zone.OpenExportSource(t.Context(), changing, w.fabric.Ledger)
	must(t, err)
	for name, change := range map[string]func(iter.Seq2[evidence.Frame, error]) iter.Seq2[evidence.Frame, error]{"a record": without(4, false), "the end": without(12, true)} {
		changing.frames = change
		if _, err := zone.ReadHistory(t.Context(), x, history.Config{}, x.Last); !errors.Is(err, zone.ErrPart) {
			t.Errorf("%s is missing since it was opened: %v", name, err)
		}
	}
	short, err := zone.OpenExportSource(t.Context(), tampered{whole, header, without(12, true)}, w.fabric.Ledger)
	must(t, err)
	p := zone.Proving{Source: short, Zone: short.Zone(), Ledger: w.fabric.Ledger}
	if _, err := p.ProveRecord(t.Context(), 3); !errors.Is(err, zone.ErrNoCheckpoint) {
		t.Errorf("its end is missing, and with it what the checkpoint covers: %v", err)
	}
}

// bytesOf is what a file holds, written once more.
func bytesOf(t *testing.T, f *evidence.File) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := evidence.Write(&b, f.Header(), f.Frames())
	must(t, err)
	if int64(b.Len()) != f.Size() {
		t.Fatalf("%d bytes, not %d", b.Len(), f.Size())
	}
	return b.Bytes()
}

func cutOff(t *testing.T, text []byte) *evidence.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cut.pcx")
	must(t, os.WriteFile(path, text[:len(text)-10], 0o600))
	f, err := evidence.OpenFile(path)
	must(t, err)
	return f
}
