package zone_test

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
)

func (w *stage) await(words []string) {
	switch words[0] {
	case "silence":
		w.awaitSilence()
		return
	case "trip":
		w.awaitTrips(words[1], w.number(strings.Join(words[2:], ""), 1))
		return
	}
	in := w.named(words[1])
	switch words[0] {
	case "act":
		w.until("act on "+words[1], func() bool {
			return slices.ContainsFunc(w.acts, func(a act) bool { return a.action.Digest == in.digest })
		})
	case "deadline":
		pass(in.content.GetDeadline().AsTime())
	default:
		n := 1
		if len(words) > 2 {
			n = w.number(words[2], 1)
		}
		w.until(words[0]+" of "+words[1], func() bool { return len(w.about(words[0], in.digest)) >= n })
	}
}

// pass lets the clock, which is the broker's too, pass a moment.
func pass(moment time.Time) {
	timer := time.NewTimer(time.Until(moment) + time.Millisecond)
	defer timer.Stop()
	<-timer.C
}

// show tells an intent's story from the whole ledger, as `portcullis show` does.
func (w *stage) show(words []string) {
	last := w.catchUp()
	teller := transcript.NewStoryTeller(w.named(words[0]).digest)
	w.must(feed.Until(w.t.Context(), feed.Config{
		Conn: w.conns["g1"], Zone: w.fabric.Zone, Ledger: w.fabric.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler),
	}, last, transcript.Prepare, teller.Step))
	w.change(func() { w.stories = append(w.stories, teller.Story()) })
}

func (w *stage) awaitTrips(rule string, n int) {
	w.until("trip of "+rule, func() bool {
		trips := 0
		for _, l := range w.lines {
			if l.Governance != nil && l.Governance.Rule == rule {
				trips++
			}
		}
		return trips >= n
	})
}

func (w *stage) awaitSilence() {
	w.catchUp()
	w.mu.Lock()
	var newest time.Time
	for _, l := range w.lines {
		if l.Pulse != nil {
			newest = l.LogTime
		}
	}
	w.mu.Unlock()
	pass(newest.Add(w.pulseLimit))
}

func (w *stage) named(name string) *handmade {
	w.t.Helper()
	in := w.intents[name]
	if in == nil {
		w.t.Fatalf("%s: no intent %q", w.where, name)
	}
	return in
}

// about lists the lines of a kind about an intent; mu is held.
func (w *stage) about(kind string, digest trust.Digest) (lines []transcript.Line) {
	for _, l := range w.lines {
		if l.Kind == kind && l.Intends() == digest.String() {
			lines = append(lines, l)
		}
	}
	return lines
}

func (w *stage) lineAbout(kind, name string) transcript.Line {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.about(kind, w.named(name).digest)
	if len(lines) == 0 {
		w.t.Fatalf("%s: no %s of %s stands on the ledger", w.where, kind, name)
	}
	return lines[len(lines)-1]
}

func (w *stage) itemAbout(kind schemas.Kind, name string) []byte {
	w.t.Helper()
	line := w.lineAbout(kind.String(), name)
	w.mu.Lock()
	defer w.mu.Unlock()
	env, err := trust.ParseEnvelope(w.raws[line.Position.Seq])
	w.must(err)
	_, items, err := trust.ParseList(env.Payload)
	w.must(err)
	return items[line.Position.Index]
}

// standsAt is where an intent stands first; position 1 if it does not.
func (w *stage) standsAt(in *handmade) ledger.Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lines := w.about("intent", in.digest); len(lines) > 0 {
		return ledger.Position(lines[0].Position)
	}
	return ledger.Position{Seq: 1}
}

func orElse(v, fallback string) string {
	if v == "" {
		return fallback
	}
	return v
}
