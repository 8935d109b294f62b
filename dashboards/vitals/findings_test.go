package vitals

import (
	"fmt"
	"slices"
	"testing"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// looked is a status in which a sentinel is heard, or silent, and says what drifts.
func looked(at time.Time, silent bool, level pb.Level, subjects ...string) *zone.Status {
	s1 := someone(pb.Role_ROLE_SENTINEL, "s1")
	s := &zone.Status{At: at, Participants: []zone.Participant{{ID: s1, Beat: &pb.Heartbeat{}, Silent: silent}}}
	for _, subject := range subjects {
		s.Findings = append(s.Findings, zone.Finding{Finding: &pb.Finding{Rule: "heartbeat.missing", Level: level, Subject: subject, Detail: "at " + at.String()}, By: s1, Beat: at})
	}
	return s
}

func whatOf(f finding) (all []string) {
	for _, c := range f.Changes {
		all = append(all, c.What+" "+c.Level)
	}
	return all
}

// TestHistoryOfAFinding: it appears, grows worse, is over, and comes again; and while
// whoever told it is silent nobody knows.
func TestHistoryOfAFinding(t *testing.T) {
	h := newFindings()
	warn, trip := pb.Level_LEVEL_WARN, pb.Level_LEVEL_TRIP
	for i, s := range []*zone.Status{
		looked(epoch, false, warn), looked(epoch, false, warn, "x1"), looked(epoch, false, warn, "x1"), looked(epoch, false, trip, "x1"),
		looked(epoch, true, warn), looked(epoch, true, warn), looked(epoch, false, warn), looked(epoch, true, warn), looked(epoch, false, warn, "x1"),
	} {
		s.At = epoch.Add(time.Duration(i) * time.Second)
		h.take(s)
	}
	all := h.list()
	if len(all) != 1 {
		t.Fatalf("%d findings", len(all))
	}
	want := []string{"appeared warn", "changed trip", "unheard trip", "gone trip", "appeared warn"}
	if got := whatOf(all[0]); !slices.Equal(got, want) {
		t.Errorf("it %q, want %q", got, want)
	}
	f := all[0]
	if f.State != present || f.By != "sentinel/s1" || !f.First.Equal(epoch.Add(time.Second)) || !f.Last.Equal(epoch.Add(8*time.Second)) {
		t.Errorf("%+v", f)
	}
}

// TestNobodyLeftToTellIsUnheard: a sentinel that left the directory says nothing was over.
func TestNobodyLeftToTellIsUnheard(t *testing.T) {
	h := newFindings()
	h.take(looked(epoch, false, pb.Level_LEVEL_WARN, "x1"))
	h.take(&zone.Status{At: epoch.Add(time.Second)})
	if got := h.list()[0].State; got != unheard {
		t.Errorf("it is %s, want %s", got, unheard)
	}
}

// TestAMillionFindings do not make the history grow, nor hide what drifts now.
func TestAMillionFindings(t *testing.T) {
	h := newFindings()
	const each = 64
	for i := range 1_000_000 / each {
		subjects := make([]string, each)
		for j := range subjects {
			subjects[j] = fmt.Sprintf("x%d", i*each+j)
		}
		h.take(looked(epoch.Add(time.Duration(i)*time.Second), false, pb.Level_LEVEL_WARN, subjects...))
		if len(h.all) > maxFindings {
			t.Fatalf("%d findings are kept", len(h.all))
		}
	}
	if got := h.list(); got[0].State != present || got[each-1].State != present || got[each].State != gone {
		t.Errorf("what drifts now is not first: %s, %s, %s", got[0].State, got[each-1].State, got[each].State)
	}
	if h.dropped == 0 {
		t.Error("nobody is told that findings were forgotten")
	}
	for i := range 100 * maxChanges {
		h.take(looked(epoch.Add(time.Duration(i)*time.Second), false, pb.Level(1+i%2), "x1"))
	}
	for _, f := range h.list() {
		if len(f.Changes) > maxChanges {
			t.Fatalf("%d changes of one finding are kept", len(f.Changes))
		}
	}
}

// TestWhatIsPresentIsNotForgotten: with no room left the new finding is not kept, and that
// is told.
func TestWhatIsPresentIsNotForgotten(t *testing.T) {
	h := newFindings()
	subjects := make([]string, maxFindings+1)
	for i := range subjects {
		subjects[i] = fmt.Sprintf("x%d", i)
	}
	h.take(looked(epoch, false, pb.Level_LEVEL_WARN, subjects...))
	if len(h.all) != maxFindings || h.dropped != 1 {
		t.Errorf("%d are kept and %d dropped", len(h.all), h.dropped)
	}
}

// TestLags: the most of a second counts; silence, and time in which nobody looked, are
// unknown; and no more followers are kept than there is room for.
func TestLags(t *testing.T) {
	l := make(lags)
	e1 := zone.Participant{ID: someone(pb.Role_ROLE_ENFORCER, "e1"), Beat: &pb.Heartbeat{}, Behind: 3}
	e2 := zone.Participant{ID: someone(pb.Role_ROLE_ENFORCER, "e2"), Beat: &pb.Heartbeat{}, Silent: true, Behind: 9}
	e3 := zone.Participant{ID: someone(pb.Role_ROLE_ENFORCER, "e3"), Beat: &pb.Heartbeat{}, Fault: "noise.revoked"}
	second := epoch.Unix()
	l.take(second, []zone.Participant{e1, e2, e3, {ID: someone(pb.Role_ROLE_ENFORCER, "e4")}})
	e1.Behind = 1
	l.take(second, []zone.Participant{e1})
	l.take(second+5, []zone.Participant{e1})
	if len(l) != 1 {
		t.Fatalf("%d followers are kept, want the one that was heard", len(l))
	}
	f := l["enforcer/e1"]
	for from, want := range map[int64]number{second: known(3), second + 1: unknown, second + 5: known(1), second - window: unknown, second + window: unknown} {
		if got := f.most(from, from+1); got != want {
			t.Errorf("lag at %+d is %v, want %v", from-second, got, want)
		}
	}
	if got := f.most(second, second+6); got != known(3) {
		t.Errorf("the most of six seconds is %v", got)
	}
	for i := range 3 * maxFollowers {
		l.take(second+6, []zone.Participant{{ID: someone(pb.Role_ROLE_EXECUTOR, fmt.Sprint(i)), Beat: &pb.Heartbeat{}}})
	}
	if len(l) != maxFollowers {
		t.Errorf("%d followers are kept", len(l))
	}
	l.take(second+6+window, nil)
	if len(l) != 0 {
		t.Errorf("%d followers are kept that nobody has heard for the whole window", len(l))
	}
}
