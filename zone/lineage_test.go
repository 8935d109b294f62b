package zone_test

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestLineageOfALiveLedger: what a history says of a ledger is what a replay
// says of it, and what was allowed depends on where it is asked.
func TestLineageOfALiveLedger(t *testing.T) {
	w := liveOf(t, nothing)
	scout := w.agent("scout")
	propose := func(r agent.Request) { _, _ = scout.Propose(t.Context(), r) } // denials are part of the history
	propose(transferOf("700"))
	propose(transferOf("1500"))
	w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "file-write"))
	propose(agent.Request{Tool: "file-write", Resource: "out/a", Timeout: 5 * time.Second, Arguments: json.RawMessage(`{"path":"out/a","content":"x","mode":"create"}`)})
	releases, replay := w.releasesOf()
	conn, err := zone.ConnectReader(t.Context(), w.fabric, w.Broker(), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(conn.Close)
	source := zone.LiveLineage(w.fabric, conn)
	h, err := zone.ReadHistory(t.Context(), source, history.Config{}, releases.Last)
	must(t, err)
	page, err := h.Search(history.Query{})
	must(t, err)
	if page.Total != 3 || page.Intents[0].State != history.StateExecuted || page.Intents[1].State != history.StateDenied || page.Intents[2].State != history.StateDenied {
		t.Fatalf("%+v", page)
	}

	candidate := candidateOf(t, releases.InForce().Release, inPolicies("amount <= 1000", "amount <= 2000"))
	want := replay(zone.ReplayConfig{Candidate: candidate})
	all, err := zone.AskWhatIf(t.Context(), source, zone.WhatIfConfig{Candidate: candidate, Last: releases.Last, Most: 10})
	must(t, err)
	if all.Compared != want.Compared || len(all.Counts) != len(want.Counts) || all.Counts[zone.ChangeWidened] != 1 || len(all.Rounds) != 1 || all.Underived != 0 {
		t.Errorf("%+v, want %+v", all, want)
	}
	at, err := ledger.ParsePosition(page.Intents[0].Position)
	must(t, err)
	one, err := zone.AskWhatIf(t.Context(), source, zone.WhatIfConfig{Candidate: candidate, Last: releases.Last, Of: []ledger.Position{at}})
	must(t, err)
	if one.Compared != 1 || len(one.Rounds) != 1 || !one.Rounds[0].Same || one.Rounds[0].After.Verdict != "ALLOW" {
		t.Errorf("one intent: %+v", one)
	}
	behind, err := zone.AskWhatIf(t.Context(), source, zone.WhatIfConfig{Candidate: candidate, Last: releases.Last, From: at.Seq, To: at.Seq, Most: 10})
	must(t, err)
	if behind.Compared != 1 || len(behind.Rounds) != 0 {
		t.Errorf("a range of one: %+v", behind)
	}

	before, err := zone.AllowedAt(t.Context(), source, history.Config{}, at.Seq, "scout")
	must(t, err)
	end, err := zone.AllowedAt(t.Context(), source, history.Config{}, releases.Last, "scout")
	must(t, err)
	if len(before.Halts) != 0 || len(end.Halts) != 1 || len(end.Sessions) != 1 || used(end, "transfer_sum") != 700 {
		t.Errorf("before %+v, at the end %+v", before, end)
	}
	for _, l := range end.Limits {
		if l.Used < 0 || l.Max <= 0 || l.Window <= 0 {
			t.Errorf("limit %+v", l)
		}
	}
	if found, err := zone.PositionAt(t.Context(), source, releases.Last, page.Intents[0].LogTime); err != nil || found < at.Seq || found >= releases.Last {
		t.Errorf("the first intent's time is at %d, want %d: %v", found, at.Seq, err)
	}
	if found, err := zone.PositionAt(t.Context(), source, releases.Last, time.Unix(0, 0)); err != nil || found != 0 {
		t.Errorf("before the ledger: %d, %v", found, err)
	}
	if _, err := zone.ReadHistory(t.Context(), source, history.Config{Intents: 1}, releases.Last); err == nil {
		t.Error("three intents fit in a history of one")
	}
}

// used is the sum of what was used of a limit.
func used(s zone.StandingAt, limit string) (n int64) {
	for _, l := range s.Limits {
		if l.Limit == limit {
			n += l.Used
		}
	}
	return n
}
