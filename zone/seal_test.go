package zone_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// sealed seals a zone, waits for the last checkpoint, and reads how it ended.
func (w *live) sealed() fabric.Sealed {
	w.t.Helper()
	gov, observer := w.governing()
	must(w.t, observer.CanSeal(w.within(patience)))
	sent := w.send(gov, zone.SealRecord("the year is over"))
	signed, err := observer.Covered(w.within(patience), sent.Seq)
	must(w.t, err)
	if signed.Size < sent.Seq || signed.Recorder != "r1" {
		w.t.Errorf("sealed at %d, and the last checkpoint is %+v", sent.Seq, signed)
	}
	_, err = w.fabric.KeepSealed(signed.Note)
	must(w.t, err)
	end, err := zone.ReadSealed(w.within(patience), w.fabric, gov.Conn())
	must(w.t, err)
	if end.Seal != sent.Seq {
		w.t.Errorf("the seal stands at %d, read as %d", sent.Seq, end.Seal)
	}
	return end
}

// TestASealEndsTheLedger: nothing is allowed, nothing governs, the fabric says so,
// and the zone starts all the same, for whoever wants to read.
func TestASealEndsTheLedger(t *testing.T) {
	w := recordedZone(t, asCreated)
	a := w.agent("scout")
	_, err := a.Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	end := w.sealed()
	if _, err := end.Check(); err != nil {
		t.Fatal(err)
	}
	var refused *agent.Refused
	if _, err = a.Propose(t.Context(), readFile(20*time.Second)); !errors.As(err, &refused) {
		t.Errorf("on a sealed ledger: %v", err)
	}
	gov, observer := w.governing()
	if err := gov.Try(t.Context(), mustSign(t, gov, zone.SealRecord("again"))); err == nil {
		t.Error("a sealed ledger is governed")
	}
	must(t, observer.Heard(t.Context()))
	status, err := observer.Status(t.Context())
	must(t, err)
	if !status.Sealed || len(status.Unarmed) == 0 || !strings.Contains(status.Unarmed[0], "sealed") || status.Evidence.State != zone.EvidenceSealed {
		t.Errorf("sealed %v, unarmed %q, evidence %+v", status.Sealed, status.Unarmed, status.Evidence)
	}
	gov.Close()
	w.Close()
	w.open()
	again := func() fabric.Sealed {
		gov, _ := w.governing()
		end, err := zone.ReadSealed(w.within(patience), w.fabric, gov.Conn())
		must(t, err)
		return end
	}()
	if !bytes.Equal(again.Checkpoint, end.Checkpoint) || again.Seal != end.Seal {
		t.Errorf("after a restart it ended otherwise: %d, %s", again.Seal, again.Checkpoint)
	}
}

func mustSign(t *testing.T, gov *zone.Governing, record *pb.Governance) []byte {
	t.Helper()
	data, err := gov.Sign(record)
	must(t, err)
	return data
}

// TestNothingIsSealedWithoutARecorder: nothing would prove how the ledger ended.
func TestNothingIsSealedWithoutARecorder(t *testing.T) {
	w := recordedZone(t, func(p *fabric.Params) { p.Recorders = fabric.NoRecorders })
	_, observer := w.governing()
	if err := observer.CanSeal(w.within(patience)); err == nil || !strings.Contains(err.Error(), "the directory has no recorder") {
		t.Errorf("without a recorder: %v", err)
	}
	within, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := observer.Covered(within, 1); !errors.Is(err, zone.ErrUncovered) {
		t.Errorf("a position that nobody recorded: %v", err)
	}
}

// TestALedgerGoesOn: a sealed zone is continued in a new folder, with what was
// held against its members, and runs.
func TestALedgerGoesOn(t *testing.T) {
	w := recordedZone(t, func(p *fabric.Params) { p.Governors = 3 })
	_, err := w.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	mallory := trust.Identity{TrustDomain: "example.test", Zone: "home", Role: pb.Role_ROLE_AGENT, Name: "mallory"}
	gov, observer := w.governing()
	w.send(gov, &pb.Governance{Record: &pb.Governance_Revoke{Revoke: &pb.Revoke{Subject: &pb.Revoke_SpiffeId{SpiffeId: mallory.String()}, Reason: "left"}}})
	must(t, observer.Ready(t.Context()))
	w.send(gov, zone.HaltRecord(ofTool("transfer"), "the bank called"))
	end := w.sealed()
	gov.Close()
	w.Close()

	dir := filepath.Join(t.TempDir(), "next")
	next, err := w.fabric.Continue(dir, end, 0)
	must(t, err)
	state, err := next.State()
	must(t, err)
	release := state.Release().Proto
	if next.Ledger == w.fabric.Ledger || release.GetVersion() != 1 || !state.RevokedID(mallory.String()) || len(state.Halts()) != 1 {
		t.Errorf("ledger %s, release %d, halts %v", next.Ledger.Short(), release.GetVersion(), state.Halts())
	}
	genesis := genesisOf(t, next)
	signed, err := end.Check()
	must(t, err)
	if c := genesis.GetContinues(); trust.DigestIn(c.GetLedger()) != w.fabric.Ledger || !bytes.Equal(c.GetCheckpoint(), signed.Note) || len(genesis.GetGovernors()) != 3 {
		t.Errorf("genesis %v", genesis)
	}
	old, err := w.fabric.Load(pb.Role_ROLE_AGENT, "scout", trust.Digest{})
	must(t, err)
	scout, err := next.Load(pb.Role_ROLE_AGENT, "scout", trust.Digest{})
	must(t, err)
	if scout.Key.ID() != old.Key.ID() || scout.Bundle.Ledger != next.Ledger {
		t.Errorf("scout has another key, or knows ledger %s", scout.Bundle.Ledger.Short())
	}

	on := &live{t: t, fabric: next, config: w.config}
	on.config.Fabric = next
	on.open()
	_, err = on.agent("scout").Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	var refused *agent.Refused
	if _, err := on.agent("mallory").Propose(t.Context(), readFile(3*time.Second)); err == nil {
		t.Error("a revoked agent is served by the next ledger")
	}
	transfer := agent.Request{Tool: "transfer", Resource: "acme", Arguments: []byte(`{"to":"acme","amount":1,"currency":"EUR"}`), Timeout: 20 * time.Second}
	if _, err := on.agent("scout").Propose(t.Context(), transfer); !errors.As(err, &refused) || refused.Reasons[0] != pb.Reason_REASON_HALTED {
		t.Errorf("a halt was not carried over: %v", err)
	}
	_, observer = on.governing()
	on.evidence(observer, covered)
}

func genesisOf(t *testing.T, f *fabric.Fabric) *pb.Genesis {
	t.Helper()
	records, err := f.Records()
	must(t, err)
	env, err := trust.ParseEnvelope(records[0])
	must(t, err)
	record := new(pb.Governance)
	must(t, schemas.Decode(env.Payload, schemas.MaxPayload, record))
	return record.GetGenesis()
}

// TestContinueRefuses: what did not end, or whose end is not proved, is not
// continued, and no folder is left behind.
func TestContinueRefuses(t *testing.T) {
	w := recordedZone(t, asCreated)
	gov, observer := w.governing()
	w.evidence(observer, covered)
	open, err := zone.ReadSealed(w.within(patience), w.fabric, gov.Conn())
	must(t, err)
	end := w.sealed()
	if _, _, err := zone.SealedBroker(w.fabric, zone.Broker{}, slog.New(slog.DiscardHandler)); !errors.Is(err, zone.ErrRuns) {
		t.Errorf("its broker runs: %v", err)
	}
	if err := zone.CheckQuiet(w.within(patience), w.fabric, gov.Conn()); !errors.Is(err, zone.ErrRuns) || !strings.Contains(err.Error(), "x1") {
		t.Errorf("its members run: %v", err)
	}
	gov.Close()
	w.Close()
	note := string(end.Checkpoint)
	other, err := fabric.Create(filepath.Join(t.TempDir(), "other"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	for name, test := range map[string]struct {
		of     *fabric.Fabric
		change func(*fabric.Sealed)
		fails  string
	}{
		"not sealed":            {w.fabric, func(s *fabric.Sealed) { *s = open }, "not sealed"},
		"nothing":               {w.fabric, func(s *fabric.Sealed) { *s = fabric.Sealed{} }, "not sealed"},
		"no checkpoint":         {w.fabric, func(s *fabric.Sealed) { s.Checkpoint = nil }, "last checkpoint"},
		"an altered checkpoint": {w.fabric, func(s *fabric.Sealed) { s.Checkpoint = []byte(strings.Replace(note, "\n", "x\n", 1)) }, "last checkpoint"},
		"an earlier checkpoint": {w.fabric, func(s *fabric.Sealed) { s.Checkpoint = open.Checkpoint }, "the seal stands at"},
		"another ledger":        {other, func(*fabric.Sealed) {}, "name the folder of the sealed ledger"},
		"no governor's key":     {w.fabric, func(s *fabric.Sealed) { s.Signers = nil }, "continue where that many keys are"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := end
			test.change(&changed)
			dir := filepath.Join(t.TempDir(), "next")
			f, err := test.of.Continue(dir, changed, 0)
			if f != nil || err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%v, %v", f, err)
			}
			if entries, err := os.ReadDir(dir); err == nil {
				t.Errorf("it left %v", entries)
			}
		})
	}
	if _, err := w.fabric.Continue(other.Dir, end, 0); err == nil || !strings.Contains(err.Error(), "choose a new folder") {
		t.Errorf("into another fabric: %v", err)
	}
	broker, stop, err := zone.SealedBroker(w.fabric, zone.Broker{}, slog.New(slog.DiscardHandler))
	must(t, err)
	defer stop()
	again, err := zone.Govern(t.Context(), w.fabric, broker, slog.New(slog.DiscardHandler))
	must(t, err)
	defer again.Close()
	if read, err := zone.ReadSealed(w.within(patience), w.fabric, again.Conn()); err != nil || read.Seal != end.Seal {
		t.Errorf("read from its store alone: %+v, %v", read, err)
	}
	must(t, zone.CheckQuiet(w.within(patience), w.fabric, again.Conn()))
}
