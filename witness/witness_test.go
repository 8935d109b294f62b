package witness_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/witness"
)

func TestCosigns(t *testing.T) {
	h := newWorld(t)
	tr := grow(9, 9, 0)
	for _, step := range []struct{ old, size int }{{0, 0}, {0, 1}, {1, 2}, {2, 2}, {2, 7}, {7, 9}, {9, 9}} {
		h.accept(tr, step.old, step.size)
	}
}

// TestFollowsTwoRecorders: either of two may sign, with all of its keys; a mix of
// both is signed by neither.
func TestFollowsTwoRecorders(t *testing.T) {
	h := newWorld(t)
	other := newLog(t)
	must(t, h.w.Close())
	cfg := h.config()
	shared := witness.Log{Origin: origin, Keys: []string{h.log.verifiers[1]}} // a key in two sets is no riddle
	cfg.Logs = append(cfg.Logs, other.config(), shared)
	w, err := witness.Open(cfg)
	must(t, err)
	h.w = w
	tr := grow(4, 4, 0)
	h.accept(tr, 0, 1)
	if _, err := h.w.AddCheckpoint(other.request(t, tr, 1, 2)); err != nil {
		t.Error(err)
	}
	halves := []string{signatures(t, h.log.sign(t, tr, 3))[0], signatures(t, other.sign(t, tr, 3))[1]}
	mixed := lineage.AddCheckpoint{Old: 2, Proof: tr.proof(2, 3), Checkpoint: []byte(tr.at(3).String() + "\n" + strings.Join(halves, ""))}
	if lines, err := h.w.AddCheckpoint(mixed.Marshal()); !errors.Is(err, witness.ErrUnsigned) {
		t.Errorf("%s, %v", lines, err)
	}
}

func signatures(t testing.TB, signed []byte) []string {
	t.Helper()
	_, lines, found := strings.Cut(string(signed), "\n\n")
	if !found {
		t.Fatal("no note")
	}
	return slices.Collect(strings.Lines(lines))
}

// TestTimeNeverGoesBack: not with the clock, and not over a restart.
func TestTimeNeverGoesBack(t *testing.T) {
	h := newWorld(t)
	tr := grow(9, 9, 0)
	start := h.clock.now.Truncate(time.Second)
	steps := []struct{ clock, want time.Duration }{
		{0, 0}, {time.Second, time.Second}, {-time.Hour, time.Second}, {1500 * time.Millisecond, time.Second}, {time.Hour, time.Hour}, {0, time.Hour},
	}
	for i, step := range steps {
		h.clock.now = start.Add(step.clock)
		if i == 2 || i == 5 {
			h.restart()
		}
		for _, c := range h.opened(h.accept(tr, i, i+1)).Cosigned {
			if !c.Time.Equal(start.Add(step.want)) {
				t.Errorf("step %d: %s cosigned at %s, want %s", i, c.Witness, c.Time, start.Add(step.want))
			}
		}
	}
}

// TestClockUnset: a time before 1970 is none; nothing is cosigned or remembered.
func TestClockUnset(t *testing.T) {
	h := newWorld(t)
	tr := grow(2, 2, 0)
	now := h.clock.now
	h.clock.now = time.Time{}
	if lines, err := h.w.AddCheckpoint(h.log.request(t, tr, 0, 1)); err == nil || lines != nil {
		t.Errorf("%s, %v", lines, err)
	}
	h.clock.now = now
	h.accept(tr, 0, 2)
}

// TestKeptBeforeAnswered: what a client was answered, or would have been had the
// witness not died, is what the next process goes on from.
func TestKeptBeforeAnswered(t *testing.T) {
	h := newWorld(t)
	tr := grow(8, 8, 0)
	h.accept(tr, 0, 3)
	request := h.log.request(t, tr, 3, 5)
	_, err := h.w.AddCheckpoint(request) // the answer is lost
	must(t, err)
	h.restart()
	var stale *witness.StaleError
	for range 2 {
		if lines, err := h.w.AddCheckpoint(request); !errors.As(err, &stale) || stale.Size != 5 {
			t.Fatalf("%s, %v", lines, err)
		}
		h.restart()
	}
	h.accept(tr, 5, 5)
	h.accept(tr, 5, 8)
}

// TestNotKeptNotCosigned: what cannot be written is not cosigned, and not
// remembered either.
func TestNotKeptNotCosigned(t *testing.T) {
	h := newWorld(t)
	tr := grow(8, 8, 0)
	h.accept(tr, 0, 3)
	kept, err := filepath.Glob(filepath.Join(h.dir, "logs", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	obstacle := kept[0] + ".new"
	must(t, os.MkdirAll(filepath.Join(obstacle, "full"), 0o700))
	if lines, err := h.w.AddCheckpoint(h.log.request(t, tr, 3, 5)); err == nil || lines != nil {
		t.Fatalf("%s, %v", lines, err)
	}
	must(t, os.RemoveAll(obstacle))
	other := grow(8, 3, 1)
	h.accept(other, 3, 6)
	h.restart()
	h.accept(other, 6, 8)
}

// TestLeftovers: what a crash in the middle of writing left changes nothing.
func TestLeftovers(t *testing.T) {
	h := newWorld(t)
	tr := grow(3, 3, 0)
	h.accept(tr, 0, 1)
	kept, err := filepath.Glob(filepath.Join(h.dir, "logs", "*"))
	must(t, err)
	must(t, os.WriteFile(kept[0]+".new", []byte("half a no"), 0o600))
	h.restart()
	h.accept(tr, 1, 2)
	h.restart()
	h.accept(tr, 2, 3)
}

// evidence are the files in forks/.
func (h *world) evidence() []string {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "forks", "*"))
	must(h.t, err)
	return files
}

// TestForkIsKept: two notes of one size prove the fork to anyone who knows the
// log's keys, whatever the request said it began from; repeats add nothing.
func TestForkIsKept(t *testing.T) {
	for name, old := range map[string]int{"from where the witness is": 5, "from elsewhere": 2} {
		t.Run(name, func(t *testing.T) {
			h := newWorld(t)
			tr, fork := grow(8, 8, 0), grow(8, 4, 1)
			h.accept(tr, 0, 5)
			for range 2 {
				_, err := h.w.AddCheckpoint(h.log.request(t, fork, old, 5))
				var stale *witness.StaleError
				if !errors.Is(err, witness.ErrFork) && (old == 5 || !errors.As(err, &stale)) {
					t.Fatal(err)
				}
			}
			files := h.evidence()
			if len(files) != 2 || files[1] != files[0]+".cosigned" || !strings.Contains(h.said.String(), "the log forked") {
				t.Fatal(files, h.said)
			}
			for i, want := range []lineage.Checkpoint{fork.at(5), tr.at(5)} {
				text, err := os.ReadFile(files[i])
				must(t, err)
				if s := h.opened(text); s.Checkpoint != want || len(s.Cosigned) != 2*i {
					t.Errorf("%s: %+v", files[i], s)
				}
			}
			h.accept(tr, 5, 8) // the tree that was first goes on
		})
	}
}

// TestForksAreBounded: evidence of a log that went mad does not fill the disk.
func TestForksAreBounded(t *testing.T) {
	h := newWorld(t)
	h.accept(grow(5, 5, 0), 0, 5)
	for branch := range byte(witness.MaxForks/2 + 5) {
		if _, err := h.w.AddCheckpoint(h.log.request(t, grow(5, 4, branch+1), 5, 5)); !errors.Is(err, witness.ErrFork) {
			t.Fatal(err)
		}
	}
	if n := len(h.evidence()); n != witness.MaxForks {
		t.Errorf("%d files", n)
	}
}

// TestNoForkInNothing: of a log that it never cosigned, a witness has no evidence.
func TestNoForkInNothing(t *testing.T) {
	h := newWorld(t)
	bad := lineage.Checkpoint{Origin: origin, Root: lineage.Hash{1}}
	signed, err := h.log.signer.Sign(bad.String(), time.Unix(1, 0))
	must(t, err)
	if _, err := h.w.AddCheckpoint(lineage.AddCheckpoint{Checkpoint: signed}.Marshal()); !errors.Is(err, witness.ErrProof) {
		t.Error(err)
	}
	if files := h.evidence(); len(files) > 0 {
		t.Error(files)
	}
}

// TestRace: many ask at once, for two trees that fork. All that is cosigned is of
// one tree, each step is cosigned once, and the folder holds the last.
func TestRace(t *testing.T) {
	h := newWorld(t)
	const most, workers = 12, 4
	trees := []tree{grow(most, 1, 1), grow(most, 1, 2)}
	h.accept(trees[0], 0, 1)
	var mu sync.Mutex
	sizes := map[int]int{}     // how often each size was cosigned as a step
	branches := map[int]bool{} // of whose trees
	var work sync.WaitGroup
	for worker := range workers {
		work.Go(func() {
			branch := worker % len(trees)
			for size := 2; size <= most; size++ {
				_, err := h.w.AddCheckpoint(h.log.request(t, trees[branch], size-1, size))
				mu.Lock()
				if err == nil {
					sizes[size]++
					branches[branch] = true
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	h.restart()
	if len(branches) != 1 {
		t.Fatalf("cosigned trees %v", branches)
	}
	for branch := range branches {
		last := 1
		for size, n := range sizes {
			if n != 1 {
				t.Errorf("the step to %d was cosigned %d times", size, n)
			}
			last = max(last, size)
		}
		h.accept(trees[branch], last, last)
	}
}

// TestModel compares a witness with the rules of C2SP tlog-witness, told plainly.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := model{world: newWorld(t), trees: []tree{grow(20, 20, 0), grow(20, 6, 1)}}
		for range rapid.IntRange(1, 8).Draw(r, "requests") {
			if rapid.IntRange(0, 9).Draw(r, "restart") == 0 {
				m.restart()
			}
			m.ask(r)
		}
	})
}

type model struct {
	*world
	trees        []tree
	size, branch int // what was cosigned last
}

// same reports whether a branch agrees with what was cosigned.
func (m *model) same(branch int) bool {
	return m.trees[branch].at(m.size) == m.trees[m.branch].at(m.size)
}

func (m *model) ask(t *rapid.T) {
	next, of := rapid.IntRange(0, 20).Draw(t, "size"), rapid.IntRange(0, 1).Draw(t, "branch")
	old := rapid.SampledFrom([]int{m.size, m.size, m.size, 0, next, 20}).Draw(t, "old")
	a := lineage.AddCheckpoint{Old: uint64(old), Checkpoint: m.log.sign(m.t, m.trees[of], next)}
	if old <= next {
		a.Proof = m.trees[of].proof(old, next)
	}
	bent := rapid.IntRange(0, 3).Draw(t, "bent") == 0
	if bent {
		a.Proof = append(a.Proof, lineage.Hash{1})
	}
	lines, err := m.w.AddCheckpoint(a.Marshal())
	var stale *witness.StaleError
	ok := false
	switch {
	case old > next:
		ok = errors.Is(err, witness.ErrMalformed)
	case old != m.size:
		ok = errors.As(err, &stale) && stale.Size == uint64(m.size)
	case next == m.size && !m.same(of):
		ok = errors.Is(err, witness.ErrFork)
	case bent || !m.same(of):
		ok = errors.Is(err, witness.ErrProof)
	default:
		if ok = err == nil; ok {
			m.size, m.branch = next, of
			m.check(m.trees[of], next, lines)
		}
	}
	if !ok || err != nil && lines != nil {
		t.Fatalf("from %d to %d of branch %d, bent %v, where %d of branch %d is cosigned: %v", old, next, of, bent, m.size, m.branch, err)
	}
}

// FuzzAddCheckpoint: whatever is sent, nothing is cosigned but the log's own note.
// The log signs with Ed25519 alone, so that inputs are short.
func FuzzAddCheckpoint(f *testing.F) {
	h := newWorld(f)
	h.log.verifiers = h.log.verifiers[:1]
	h.restart()
	tr := grow(6, 6, 0)
	request := func(tr tree) []byte {
		signed := tr.at(3).String() + "\n" + signatures(f, h.log.sign(f, tr, 3))[0]
		return lineage.AddCheckpoint{Old: 3, Checkpoint: []byte(signed)}.Marshal()
	}
	h.accept(tr, 0, 3)
	f.Add(request(tr))
	f.Add(request(grow(6, 2, 1)))
	f.Add([]byte("old 3\n\n" + tr.at(3).String() + "\n"))
	f.Add([]byte("old 0\n\n"))
	text := tr.at(3).String()
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, err := h.w.AddCheckpoint(body)
		if err != nil {
			return
		}
		own, err := note.Open([]byte(text+"\n"+string(lines)), note.VerifierList(h.own(t)))
		if err != nil || own.Text != text {
			t.Errorf("%q was cosigned: %q, %v", body, lines, err)
		}
	})
}
