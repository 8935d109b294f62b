//go:build faults

package single_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// In the relaxed mode an acknowledged record is in the system's memory, and a power loss takes what was not written back.
// What is promised then is that nobody goes on as if nothing had happened: everything stands still until governors have
// signed for the loss, and goes on as docs/operations.md tells.

const (
	relaxedLoad = 3 * time.Second // under load before, and after, what is written back
	standstill  = 3 * time.Second // how long it is watched that nothing is done
)

func TestPowerLossRelaxed(t *testing.T) {
	for _, test := range []struct {
		name        string
		host        string
		writtenBack bool // some of it, before the power fails
	}{
		{"of everything, nothing written back", "everything", false},
		{"of everything, some written back", "everything", true},
		{"of the broker, nothing written back", "broker", false},
		{"of the broker, some written back", "broker", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			on := everythingOn
			if test.host == "broker" {
				on = brokerOn
			}
			h := on(t, relaxed)
			h.start(everything...)
			h.connect()
			stop := h.load()
			h.awaitProgress()
			time.Sleep(relaxedLoad)
			if test.writtenBack {
				h.writeBack()
				time.Sleep(relaxedLoad)
			}
			// Frozen, so that nothing is acknowledged after the power has gone.
			must(t, h.site.parts["server"].freeze())
			cut := h.lose(0, 0)
			stop()
			h.disconnect()
			known, effects := h.forget(), h.outside.arrivals(t, 0)

			outcome := h.detected()
			gone := h.account().compare(known, effects)
			if gone.records == 0 {
				t.Error("nothing was lost: this proves nothing")
			}
			h.recover()
			stop = h.load()
			h.awaitProgress()
			stop()
			// What still runs when the broker is back tells the outcomes of claims that were lost: an audit says so forever.
			h.complete(len(effects), "outcome.rogue")
			report.row(t, "power loss "+test.name+", relaxed sync", fmt.Sprintf(
				"lost %d of %d acknowledged records, %d of %d outcomes that agents knew, the claims of %d of %d effects, the last %v; %s; nothing was done until governors had signed; %d KiB in the disk's cache dropped",
				gone.records, len(known.acked), gone.outcomes, len(known.executed), gone.effects, len(effects), gone.span.Round(time.Millisecond), outcome, cut.Lost>>10))
		})
	}
}

// writeBack is what a system does by itself every half a minute.
func (h *host) writeBack() {
	h.t.Helper()
	f, err := os.Open(h.disk.Dir())
	must(h.t, err)
	defer f.Close()
	must(h.t, unix.Syncfs(int(f.Fd())))
}

// detected starts everything again, lets agents ask, and demands that somebody says what is wrong and that nothing is done. It returns
// who said what.
func (h *host) detected() string {
	h.t.Helper()
	before := h.outside.count()
	refused := map[string]bool{}
	h.start("server")
	for _, part := range everything[1:] {
		if h.running(part) {
			continue
		}
		if err := h.try(part); err != nil {
			if !strings.Contains(err.Error(), "stream regressed") && !strings.Contains(err.Error(), "records missing") {
				h.t.Errorf("%s does not start, and does not say that the ledger went back: %v", part, err)
			}
			refused[part] = true
		}
	}
	h.connect()
	stop := h.load()
	h.eventually("a recorder reports the loss and everything is halted", func() bool {
		for _, part := range everything[1:] { // those whose ledger went back under them have ended, or will
			if !refused[part] && !h.running(part) {
				refused[part] = true
				if h.try(part) == nil {
					delete(refused, part)
				}
			}
		}
		s := h.status()
		return s.Evidence.State == "fork" && len(s.Halts) > 0
	})
	time.Sleep(standstill) // the experiment: agents ask all the while
	stop()
	if after := h.outside.count(); after != before {
		h.t.Errorf("%d effects on a ledger that has lost records, before anybody signed for it", after-before)
	}
	if _, stderr, err := h.cli("resume", "--all", "--reason", "over"); err == nil || !strings.Contains(stderr, "sign the loss first") {
		h.t.Errorf("a resume before the loss is signed for: %v: %s", err, stderr)
	}
	outcome := "the recorder reported it, a sentinel tripped"
	for _, part := range everything[1:] {
		if refused[part] {
			outcome += ", the " + part + " refused"
		}
	}
	return outcome
}

// recover is what docs/operations.md tells to do after a loss.
func (h *host) recover() {
	h.t.Helper()
	mark := filepath.Join(h.fabric.Dir, "run", "x1.mark")
	if !h.running("executor") {
		time.Sleep(maxDeadline) // no lost intent can be carried out any more
		must(h.t, os.Remove(mark))
		h.tryUntilRunning("executor")
	}
	for _, part := range everything[1:] {
		h.tryUntilRunning(part)
	}
	if out := h.mustCLI("loss"); !strings.Contains(out, "lost or replaced") {
		h.t.Errorf("the loss is not shown: %s", out)
	}
	h.mustCLI("loss", "--reason", "the power failed")
	h.mustCLI("resume", "--all", "--reason", "signed for")
	h.eventually("the zone is armed", func() bool { return h.status().Armed })
	h.connect()
	if !slices.ContainsFunc(h.lostTrees(), func(name string) bool { return strings.HasPrefix(name, "lost-") }) {
		h.t.Error("the old tree was not kept as evidence")
	}
}

// tryUntilRunning starts a part that is not running.
func (h *host) tryUntilRunning(part string) {
	h.t.Helper()
	if !h.running(part) {
		must(h.t, h.try(part))
	}
}

// lostTrees is what is in the recorder's folder.
func (h *host) lostTrees() (names []string) {
	h.t.Helper()
	entries, err := os.ReadDir(h.fabric.RecorderDir("r1"))
	must(h.t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
