//go:build faults

package single_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	coreaudit "github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// account is what the ledger says, decoded and not judged: what it is to be held against are facts from outside. Whether
// the ledger keeps its own rules, the audit says.
type account struct {
	last     uint64
	records  map[uint64]trust.Digest
	claims   map[ledger.Position]trust.Digest // intents
	outcomes map[ledger.Position]*pb.Outcome  // by their own positions
	settled  map[ledger.Position]bool         // claims with an outcome
}

func (s *site) account() *account {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	a := &account{
		records: map[uint64]trust.Digest{}, claims: map[ledger.Position]trust.Digest{},
		outcomes: map[ledger.Position]*pb.Outcome{}, settled: map[ledger.Position]bool{},
	}
	last, err := streams.Read(ctx, s.reader, streams.ReadConfig{}, func(raw streams.Raw) error {
		a.records[raw.Seq] = trust.DigestOf(raw.Data)
		a.add(raw)
		return nil
	})
	must(s.t, err)
	a.last = last
	return a
}

func (a *account) add(raw streams.Raw) {
	_, kind, _, err := schemas.LedgerSubject(raw.Subject)
	if err != nil || kind != schemas.KindClaim && kind != schemas.KindOutcome {
		return
	}
	env, err := trust.ParseEnvelope(raw.Data)
	if err != nil {
		return
	}
	_, items, err := trust.ParseList(env.Payload)
	if err != nil {
		return
	}
	for i, item := range items {
		at := ledger.Position{Seq: raw.Seq, Index: uint32(i)}
		claim, outcome := new(pb.Claim), new(pb.Outcome)
		switch {
		case kind == schemas.KindClaim && schemas.Decode(item, schemas.MaxItem, claim) == nil:
			a.claims[at], _ = trust.DigestFrom(claim.GetIntentDigest())
		case kind == schemas.KindOutcome && schemas.Decode(item, schemas.MaxItem, outcome) == nil:
			a.outcomes[at] = outcome
			a.settled[ledger.PositionOf(outcome.GetClaim())] = true
		}
	}
}

// missing is what the ledger lacks of what it had acknowledged.
type missing struct {
	records  int           // of the stray
	outcomes int           // that agents were told of
	effects  int           // that arrived outside, and whose claim is not there
	span     time.Duration // from the newest acknowledgement of what is there to the newest of all
}

func (m missing) none() bool { return m.records == 0 && m.outcomes == 0 && m.effects == 0 }

// compare holds the ledger against what was told and done outside.
func (a *account) compare(told facts, effects []arrival) (m missing) {
	var oldest, kept, newest time.Time
	for seq, want := range told.acked {
		if oldest.IsZero() || want.at.Before(oldest) {
			oldest = want.at
		}
		if want.at.After(newest) {
			newest = want.at
		}
		if a.records[seq] != want.digest {
			m.records++
		} else if want.at.After(kept) {
			kept = want.at
		}
	}
	if kept.IsZero() {
		kept = oldest
	}
	m.span = newest.Sub(kept)
	for _, out := range told.executed {
		o := a.outcomes[out.At]
		if intent, _ := trust.DigestFrom(o.GetIntentDigest()); o.GetStatus() != pb.Status_STATUS_EXECUTED || intent != out.Intent {
			m.outcomes++
		}
	}
	for _, effect := range effects {
		if a.claims[effect.claim] != effect.intent {
			m.effects++
		}
	}
	return m
}

// complete demands that nothing which was acknowledged is missing, that each effect has its claim and its outcome, and that
// an audit of the whole ledger, with its checkpoints, finds nothing but what the excused rules find.
func (s *site) complete(from int, excused ...coreaudit.Rule) *account {
	s.t.Helper()
	var a *account
	s.eventually("every effect has an outcome", func() bool {
		a = s.account()
		for _, effect := range s.outside.arrivals(s.t, from) {
			if a.claims[effect.claim] == effect.intent && !a.settled[effect.claim] {
				return false
			}
		}
		return true
	})
	told := s.facts()
	if m := a.compare(told, s.outside.arrivals(s.t, from)); !m.none() {
		s.t.Errorf("acknowledged and gone: %+v", m)
	}
	s.t.Logf("%d records, %d of the stray's acknowledged, %d outcomes told, %d effects", a.last, len(told.acked), len(told.executed), s.outside.count())
	s.audited(excused)
	return a
}

// awaitRecorded waits until a checkpoint covers all there is now; how much that is.
func (s *site) awaitRecorded() (last uint64) {
	s.t.Helper()
	last, err := s.reader.Last(s.t.Context())
	must(s.t, err)
	s.eventually("a checkpoint covers the ledger", func() bool {
		raw, found, err := s.reader.LastCheckpoint(s.t.Context())
		if err != nil || !found {
			return false
		}
		c, err := tiles.TextOf(raw.Data) // whose it is, the audit looks
		return err == nil && c.Size >= last
	})
	return last
}

// audited waits until the recorder has signed for all there is, and audits an export of it.
func (s *site) audited(excused []coreaudit.Rule) {
	s.t.Helper()
	s.awaitRecorded()
	file := filepath.Join(s.t.TempDir(), "ledger.pcx")
	s.mustCLI("export", "-o", file)
	out, stderr, _ := s.cli("--json", "audit", file, "--anchor", s.fabric.Ledger.String())
	var report coreaudit.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		s.t.Fatalf("the audit says nothing: %v: %s%s", err, out, stderr)
	}
	if !report.Whole || len(report.Tree.Checkpoints) == 0 || report.Verdicts == 0 || report.More > 0 {
		s.t.Errorf("the audit proves little: %s", out)
	}
	for _, f := range report.Findings {
		if !slices.Contains(excused, f.Rule) {
			s.t.Errorf("the audit finds %+v", f)
		}
	}
}
