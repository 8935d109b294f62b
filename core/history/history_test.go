package history_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestFull: a history that may not remember more says so at the record that does
// not fit, and still answers for what it was told.
func TestFull(t *testing.T) {
	for name, fill := range map[string]func(*world) error{
		"intents": func(w *world) error {
			_, err := w.tell(schemas.KindIntent, "alice", members()["alice"].List(schemas.KindIntent, w.zone.Ledger, encode(w.tb, w.intent("alice"))))
			return err
		},
		"named only": func(w *world) error {
			n := byte(w.next("unknown"))
			in := w.intent("alice", in("one"), func(i *pb.Intent) {
				i.Sequence = uint64(n)
				for p := range byte(16) {
					unknown := make([]byte, 32)
					unknown[0], unknown[1] = n, p+1
					i.Parents = append(i.Parents, unknown)
				}
			})
			_, err := w.tell(schemas.KindIntent, "alice", members()["alice"].List(schemas.KindIntent, w.zone.Ledger, encode(w.tb, in)))
			return err
		},
		"text": func(w *world) error {
			in := w.intent("alice", of(strings.Repeat("x", 2000)+string(rune('a'+w.next("text")))))
			_, err := w.tell(schemas.KindIntent, "alice", members()["alice"].List(schemas.KindIntent, w.zone.Ledger, encode(w.tb, in)))
			return err
		},
		"other records": func(w *world) error {
			_, err := w.tell(schemas.KindDecision, "read", members()["e1"].List(schemas.KindDecision, w.zone.Ledger, []byte("junk")))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			const limit = 20
			w := newWorld(t, history.Config{Intents: limit})
			var err error
			for range 20 * limit {
				if err = fill(w); err != nil {
					break
				}
			}
			last, counts := w.history.Last(), w.history.Counts()
			if !errors.Is(err, history.ErrFull) || last != w.seq-1 || counts.Intents+counts.Named > limit+17 {
				t.Fatalf("%v at %d of %d: %+v", err, last, w.seq, counts)
			}
			if page, err := w.history.Search(history.Query{}); err != nil || page.Total != counts.Intents {
				t.Errorf("%d intents, want %d: %v", page.Total, counts.Intents, err)
			}
		})
	}
}

// TestOrder: a history is told everything, from the first record, or nothing.
func TestOrder(t *testing.T) {
	w := newWorld(t, history.Config{})
	w.one("alice")
	fold, parser := ledger.NewFold(w.zone.Ledger, nil), ledger.Parser{Zone: trusttest.ZoneName}
	h, zero := history.New(history.Config{}), new(history.History)
	for i, raw := range w.raws {
		parsed := parser.Parse(raw)
		rec, _ := fold.Step(parsed)
		ahead := history.Read(parsed)
		if err := zero.Step(fold, rec, ahead); !errors.Is(err, history.ErrOrder) {
			t.Fatalf("the zero history takes position %d: %v", raw.Seq, err)
		}
		if i == 1 { // the second is left out
			continue
		}
		if err := h.Step(fold, rec, ahead); errors.Is(err, history.ErrOrder) != (i > 0) {
			t.Fatalf("position %d: %v", raw.Seq, err)
		}
	}
	if h.Last() != 1 {
		t.Errorf("it was told up to %d, want 1", h.Last())
	}
}

// TestUnread: what was skipped, left unauthenticated or read elsewhere is no part
// of a history.
func TestUnread(t *testing.T) {
	w := newWorld(t, history.Config{})
	w.one("alice")
	w.decide("e1")
	skipping := []schemas.Kind{schemas.KindIntent}
	for name, tt := range map[string]struct {
		parser ledger.Parser
		blank  bool
	}{
		"skipped":         {ledger.Parser{Zone: trusttest.ZoneName, Skip: skipping}, false},
		"unauthenticated": {ledger.Parser{Zone: trusttest.ZoneName, Unauthenticated: skipping}, false},
		"not read":        {ledger.Parser{Zone: trusttest.ZoneName}, true},
	} {
		t.Run(name, func(t *testing.T) {
			fold, h := ledger.NewFold(w.zone.Ledger, nil), history.New(history.Config{})
			var err error
			for _, raw := range w.raws {
				parsed := tt.parser.Parse(raw)
				rec, _ := fold.Step(parsed)
				ahead := history.Read(parsed)
				if tt.blank {
					ahead = history.Ahead{}
				}
				if err = h.Step(fold, rec, ahead); err != nil {
					break
				}
			}
			if !errors.Is(err, history.ErrUnread) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestSearchRefuses what cannot be meant.
func TestSearchRefuses(t *testing.T) {
	w := newWorld(t, history.Config{})
	for name, q := range map[string]history.Query{
		"a session of nobody":  {Filter: history.Filter{Session: "main"}},
		"another verdict":      {Filter: history.Filter{Verdict: "allow"}},
		"another reason":       {Filter: history.Filter{Reason: "because"}},
		"another state":        {Filter: history.Filter{State: "happy"}},
		"a page that is large": {Limit: history.MaxPage + 1},
		"a negative page":      {Limit: -1},
		"a page behind words":  {After: "next"},
	} {
		if _, err := w.history.Search(q); !errors.Is(err, history.ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.history.Lineage(w.zone.Ledger, history.Walk{}); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("the lineage of what nobody named: %v", err)
	}
}
