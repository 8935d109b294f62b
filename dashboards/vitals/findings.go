package vitals

import (
	"cmp"
	"slices"
	"strings"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

const (
	maxFindings = 512 // whose history is kept
	maxChanges  = 16  // of one of them
)

// What can become of a finding.
const (
	appeared = "appeared"
	changed  = "changed" // its level
	gone     = "gone"    // whoever said so says so no longer
	unheard  = "unheard" // whoever said so is silent, or does not count: nobody knows
)

// change is what became of a finding, and when that was seen, on the console's clock.
type change struct {
	At    time.Time `json:"at"`
	What  string    `json:"what"`
	Level string    `json:"level"`
}

// finding is the history of one thing that drifted.
type finding struct {
	Rule    string    `json:"rule"`
	Subject string    `json:"subject"`
	By      string    `json:"by"` // who said so: ROLE/NAME
	Level   string    `json:"level"`
	Detail  string    `json:"detail"` // as it was said last
	State   string    `json:"state"`  // as what became of it last, present, gone or unheard
	Since   time.Time `json:"since"`  // the clock of whoever said so
	First   time.Time `json:"first"`  // it was seen here
	Last    time.Time `json:"last"`   // it was seen here
	Changes []change  `json:"changes"`
}

const present = "present"

type findingKey struct{ rule, subject, by string }

// findings is what was seen to drift since the console began, as long as somebody looked.
type findings struct {
	all     map[findingKey]*finding
	dropped uint64    // which there was no room for, or which were forgotten for newer ones
	from    time.Time // somebody first looked
	looked  time.Time // somebody last looked
}

func newFindings() *findings { return &findings{all: make(map[findingKey]*finding)} }

// take compares what drifts in a status with what did.
func (h *findings) take(s *zone.Status) {
	if h.from.IsZero() {
		h.from = s.At
	}
	h.looked = s.At
	seen := make(map[findingKey]bool)
	for _, found := range s.Findings {
		by := followerName(zone.Participant{ID: found.By})
		key := findingKey{found.GetRule(), found.GetSubject(), by}
		if !seen[key] { // the worst comes first
			seen[key] = true
			h.see(key, found, s.At)
		}
	}
	heard := make(map[string]bool)
	for _, p := range s.Participants {
		heard[followerName(p)] = p.Beat != nil && !p.Silent && p.Fault == ""
	}
	for key, f := range h.all {
		if !seen[key] {
			f.miss(s.At, heard[key.by])
		}
	}
}

func levelName(l pb.Level) string {
	return strings.ToLower(strings.TrimPrefix(l.String(), "LEVEL_"))
}

func (h *findings) see(key findingKey, found zone.Finding, at time.Time) {
	f := h.all[key]
	if f == nil {
		if !h.room() {
			h.dropped++
			return
		}
		f = &finding{Rule: key.rule, Subject: key.subject, By: key.by, First: at}
		h.all[key] = f
	}
	level := levelName(found.GetLevel())
	switch {
	case f.State != present:
		f.note(change{at, appeared, level})
	case f.Level != level:
		f.note(change{at, changed, level})
	}
	f.State, f.Level, f.Detail, f.Since, f.Last = present, level, found.GetDetail(), found.GetSince().AsTime(), at
}

// miss notes that a finding is no longer told. It is over only if whoever told it is
// heard.
func (f *finding) miss(at time.Time, heard bool) {
	state := unheard
	if heard {
		state = gone
	}
	if f.State == gone || f.State == state {
		return
	}
	f.State = state
	f.note(change{at, state, f.Level})
}

func (f *finding) note(c change) {
	f.Changes = append(f.Changes, c)
	f.Changes = slices.Clone(f.Changes[max(len(f.Changes)-maxChanges, 0):])
}

// room forgets what is over for longest, half of it, if there are too many; false if
// nothing is over.
func (h *findings) room() bool {
	if len(h.all) < maxFindings {
		return true
	}
	var over []findingKey
	for key, f := range h.all {
		if f.State == gone {
			over = append(over, key)
		}
	}
	slices.SortFunc(over, func(a, b findingKey) int { return h.all[a].Last.Compare(h.all[b].Last) })
	over = over[:(len(over)+1)/2]
	for _, key := range over {
		delete(h.all, key)
	}
	h.dropped += uint64(len(over))
	return len(over) > 0
}

// list is what drifts, then what was seen to drift, newest first.
func (h *findings) list() []finding {
	all := make([]finding, 0, len(h.all))
	for _, f := range h.all {
		one := *f
		one.Changes = slices.Clone(f.Changes)
		all = append(all, one)
	}
	rank := map[string]int{present: 0, unheard: 1, gone: 2}
	slices.SortFunc(all, func(a, b finding) int {
		return cmp.Or(cmp.Compare(rank[a.State], rank[b.State]), b.Last.Compare(a.Last), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.By, b.By))
	})
	return all
}
