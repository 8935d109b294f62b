package fleet

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestWhoMissesAHaltIsCounted: a follower that never read it, and one that read it and does not hold it in force.
func TestWhoMissesAHaltIsCounted(t *testing.T) {
	acked := time.Unix(1000, 0)
	at := func(seq uint64, after time.Duration, inForce bool) sighting {
		return sighting{seq, acked.Add(after), acked.Add(after + time.Millisecond), inForce}
	}
	all := &troop{followers: []*follower{
		{seen: []sighting{at(7, 2*time.Millisecond, true), at(8, 4*time.Millisecond, true)}},
		{seen: []sighting{at(7, -5*time.Millisecond, true), at(8, 9*time.Millisecond, false)}},
		{seen: []sighting{at(7, 6*time.Millisecond, true)}},
	}}
	h, err := all.judge([]zone.Sent{{Seq: 7, Acked: acked}, {Seq: 8, Acked: acked}})
	if err != nil {
		t.Fatal(err)
	}
	if h.Count != 2 || h.Folded != 1 || h.Each.Samples != 4 || h.Last.Samples != 2 {
		t.Errorf("%d halts, folded by %d; %d samples, %d last", h.Count, h.Folded, h.Each.Samples, h.Last.Samples)
	}
	if got := h.Last.Max.Round(100 * time.Microsecond); got != 7*time.Millisecond {
		t.Errorf("the last one folded after %v, want 7ms", got)
	}
	if _, err := all.judge(nil); err == nil {
		t.Error("no halt is no error")
	}
}

func TestChecksBite(t *testing.T) {
	good := func() Size {
		return Size{Followers: 3, Halts: Halts{Count: 2, Folded: 3}, Beaters: Beaters{Count: 3, Heard: 3}}
	}
	for name, spoil := range map[string]func(*Size){
		"":                     func(*Size) {},
		"a follower missed":    func(s *Size) { s.Halts.Folded = 2 },
		"no halt":              func(s *Size) { s.Halts.Count = 0 },
		"a beater was unheard": func(s *Size) { s.Beaters.Heard = 2 },
		"one was refused":      func(s *Size) { s.Beaters.Refused = 1 },
		"nobody beat":          func(s *Size) { s.Beaters = Beaters{} },
	} {
		s := good()
		spoil(&s)
		r := Result{Sizes: []Size{s}, Expected: s.checks()}
		if r.Holds() != (name == "") {
			t.Errorf("%q: holds is %v", name, r.Holds())
		}
		if d := r.Document(); d.Holds != r.Holds() || len(d.Why) == 0 {
			t.Errorf("%q: the document says %v, %q", name, d.Holds, d.Why)
		}
	}
	for name, r := range map[string]Result{"nothing": {}, "no check": {Sizes: []Size{good()}}, "no size": {Expected: []result.Check{{Holds: true}}}} {
		if r.Holds() || r.Document().Holds {
			t.Errorf("%s holds", name)
		}
	}
}

func TestEachWorkerHasItsOwnMembers(t *testing.T) {
	for _, members := range []int{1, 5, floodWorkers - 1, floodWorkers, floodWorkers + 1, 3*floodWorkers + 7} {
		seen := make(map[int]int)
		for worker := range min(floodWorkers, members) {
			i := worker
			for range (members + floodWorkers - 1) / floodWorkers {
				if i >= members {
					t.Fatalf("of %d members worker %d has %d", members, worker, i)
				}
				if by, ok := seen[i]; ok && by != worker {
					t.Fatalf("of %d members, %d is of workers %d and %d", members, i, by, worker)
				}
				seen[i] = worker
				i = following(i, worker, members)
			}
		}
		if len(seen) != members {
			t.Errorf("of %d members %d have a worker", members, len(seen))
		}
	}
}

func TestOwners(t *testing.T) {
	held := make(chan []byte, 1)
	held <- make([]byte, 64<<20)
	now := takeStock().parts
	if got := now["rest of the program"]; got < 60<<20 {
		t.Errorf("64 MiB of this program count as %.0f bytes", got)
	}
	<-held
}
