package zone_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// releasesOf reads a live zone's releases.
func (w *live) releasesOf() (*zone.Releases, func(zone.ReplayConfig) *zone.Replayed) {
	w.t.Helper()
	conn, err := zone.ConnectReader(w.t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(w.t, err)
	w.t.Cleanup(conn.Close)
	r, err := zone.ReadReleases(w.t.Context(), w.fabric, conn)
	must(w.t, err)
	return r, func(c zone.ReplayConfig) *zone.Replayed {
		w.t.Helper()
		c.Last = r.Last
		replayed, err := zone.Replay(w.t.Context(), w.fabric, conn, c)
		must(w.t, err)
		return replayed
	}
}

// candidateOf is a release with a change.
func candidateOf(t *testing.T, r *governance.Release, change func(*pb.Release)) *governance.Release {
	t.Helper()
	p := proto.CloneOf(r.Proto)
	p.Version++
	change(p)
	made, err := governance.NewRelease(trust.DigestOf([]byte("candidate")), p)
	must(t, err)
	return made
}

func inPolicies(old, with string) func(*pb.Release) {
	return func(p *pb.Release) {
		for _, source := range p.Policies {
			source.Text = strings.ReplaceAll(source.Text, old, with)
		}
	}
}

func transferOf(amount string) agent.Request {
	return agent.Request{Tool: "transfer", Resource: "acme", Timeout: 5 * time.Second, Arguments: json.RawMessage(`{"to":"acme","currency":"EUR","amount":` + amount + `}`)}
}

// TestReplay has one history and many candidates.
func TestReplay(t *testing.T) {
	w := liveOf(t, nothing)
	scout := w.agent("scout")
	propose := func(r agent.Request) { _, _ = scout.Propose(t.Context(), r) } // denials are part of the history
	propose(readFile(5 * time.Second))
	propose(transferOf("700"))
	propose(transferOf("1500"))
	w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "file-write"))
	propose(agent.Request{Tool: "file-write", Resource: "out/a", Timeout: 5 * time.Second, Arguments: json.RawMessage(`{"path":"out/a","content":"x","mode":"create"}`)})
	releases, replay := w.releasesOf()
	before := releases.InForce().Release
	amount := func(p *pb.Release) *pb.Attribute {
		for _, tool := range p.Tools {
			for _, a := range tool.Arguments {
				if tool.GetName() == "transfer" && a.GetName() == "amount" {
					return a
				}
			}
		}
		t.Fatal("transfer has no amount")
		return nil
	}
	for name, tt := range map[string]struct {
		change func(*pb.Release)
		want   map[zone.Change]int
	}{
		"nothing":       {func(*pb.Release) {}, nil},
		"wider":         {inPolicies("amount <= 1000", "amount <= 2000"), map[zone.Change]int{zone.ChangeWidened: 1}},
		"narrower":      {inPolicies("amount <= 1000", "amount <= 100"), map[zone.Change]int{zone.ChangeNarrowed: 1}},
		"with approval": {inPolicies(`@id("small-transfers")`, "@id(\"small-transfers\")\n@approvals(\"1\")"), map[zone.Change]int{zone.ChangeNarrowed: 1}},
		"another argument": {func(p *pb.Release) {
			amount(p).Max = proto.Int64(500)
		}, map[zone.Change]int{zone.ChangeErrors: 2}},
		"without the tool": {func(p *pb.Release) {
			for _, one := range p.Directory {
				if one.GetName() == "scout" {
					one.Tools = []string{"file-read", "file-write"}
				}
			}
		}, map[zone.Change]int{zone.ChangeNarrowed: 1, zone.ChangeReasoning: 1}},
		"a limit that was exceeded before": {func(p *pb.Release) {
			for _, l := range p.Limits {
				if l.GetArgument() == "amount" {
					l.Max = 600
				}
			}
		}, map[zone.Change]int{zone.ChangeNarrowed: 1, zone.ChangeReasoning: 1}},
		"of another time": {func(p *pb.Release) {
			p.NotBefore, p.Expires = timestamppb.New(time.Now().Add(time.Hour)), timestamppb.New(time.Now().Add(2*time.Hour))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := replay(zone.ReplayConfig{Candidate: candidateOf(t, before, tt.change), Examples: 1})
			if got.Compared != 4 {
				t.Errorf("%d compared, want 4", got.Compared)
			}
			for _, change := range zone.Changes() {
				if got.Counts[change] != tt.want[change] {
					t.Errorf("%s: %d, want %d: %+v", change, got.Counts[change], tt.want[change], got.Examples)
				}
			}
			for _, e := range got.Examples {
				if !strings.HasSuffix(e.Agent, "/agent/scout") || e.Tool != "transfer" || e.Resource != "acme" || e.Before.Verdict == "" || e.After.Verdict == "" || e.Position == "" {
					t.Errorf("%+v", e)
				}
			}
			if len(got.Examples) != len(tt.want) {
				t.Errorf("%d examples, want one of each change", len(got.Examples))
			}
		})
	}
	got := replay(zone.ReplayConfig{Candidate: candidateOf(t, before, inPolicies("amount <= 1000", "amount <= 2000")), From: releases.LogTime.Add(time.Nanosecond), Examples: 1})
	if got.Compared != 0 || len(got.Examples) != 0 {
		t.Errorf("what was before is compared: %+v", got)
	}
	if _, err := zone.Replay(t.Context(), w.fabric, nil, zone.ReplayConfig{Candidate: candidateOf(t, before, inPolicies("permit", "premit"))}); err == nil || !strings.Contains(err.Error(), "deny everything") {
		t.Errorf("policies that do not compile: %v", err)
	}
}

// TestReplayNoticesThatAnApprovalIsNoLongerAskedFor: what waited in vain would be
// allowed at once.
func TestReplayNoticesThatAnApprovalIsNoLongerAskedFor(t *testing.T) {
	w := liveOf(t, nothing)
	releases, _ := w.releasesOf()
	demanding := candidateOf(t, releases.InForce().Release, inPolicies(`@id("small-transfers")`, "@id(\"small-transfers\")\n@approvals(\"1\")"))
	demanding.Proto.Replaces = releases.InForce().Digest[:]
	w.govern(&pb.Governance{Record: &pb.Governance_Release{Release: demanding.Proto}})
	request := transferOf("700")
	request.Timeout = 2 * time.Second
	if _, err := w.agent("scout").Propose(t.Context(), request); err == nil {
		t.Fatal("allowed without approval")
	}
	releases, replay := w.releasesOf()
	lax := candidateOf(t, releases.InForce().Release, inPolicies(`@approvals("1")`, ""))
	got := replay(zone.ReplayConfig{Candidate: lax, Examples: 1})
	if releases.InForce().Proto.GetVersion() != 2 || got.Compared != 1 || got.Counts[zone.ChangeWidened] != 1 || strings.Join(got.Examples[0].Before.Reasons, " ") != "approval.pending" {
		t.Errorf("release %d: %+v", releases.InForce().Proto.GetVersion(), got)
	}
}

// TestReleasesAreRead: who signed, where, and what is not there.
func TestReleasesAreRead(t *testing.T) {
	w := liveOf(t, nothing)
	first, _ := w.releasesOf()
	next := candidateOf(t, first.InForce().Release, func(p *pb.Release) { p.Replaces = first.InForce().Digest[:] })
	w.govern(&pb.Governance{Record: &pb.Governance_Release{Release: next.Proto}})
	w.govern(&pb.Governance{Record: &pb.Governance_Release{Release: next.Proto}}) // void: version 2 again
	releases, _ := w.releasesOf()
	s := releases.InForce()
	if len(releases.All) != 2 || s.Proto.GetVersion() != 2 || s.Position <= first.InForce().Position || s.Epoch != 3 || strings.Join(s.SignedBy, " ") != "g1" || !releases.State.Applied(s.Digest) {
		t.Errorf("%d releases; %+v", len(releases.All), s)
	}
	if one, err := releases.Version(1); err != nil || one.Digest != first.InForce().Digest {
		t.Errorf("version 1: %v", err)
	}
	for _, version := range []uint64{0, 3} {
		if _, err := releases.Version(version); err == nil || !strings.Contains(err.Error(), "1 to 2") {
			t.Errorf("version %d: %v", version, err)
		}
	}
	if added, err := w.fabric.Keep(releases.Envelopes()); err != nil || added != 1 {
		t.Errorf("kept %d, %v", added, err)
	}
	stranger := newFabric(t)
	conn, err := zone.ConnectReader(t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer conn.Close()
	stranger.Zone = w.fabric.Zone
	if _, err := zone.ReadReleases(t.Context(), stranger, conn); err == nil || !strings.Contains(err.Error(), "another ledger") {
		t.Errorf("another fabric's ledger: %v", err)
	}
}
