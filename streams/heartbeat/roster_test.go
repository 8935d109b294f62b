package heartbeat_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// seen is a beat of e1: of which incarnation, its counter, and the sender's and
// the broker's clock in seconds.
func seen(incarnation byte, counter uint64, clock, stored int) heartbeat.Seen {
	at := func(s int) time.Time { return trusttest.Start.Add(time.Duration(s) * time.Second) }
	return heartbeat.Seen{
		Beat: &pb.Heartbeat{
			Participant: enforcer.String(), Incarnation: append(make([]byte, 15), incarnation), Counter: counter, Clock: timestamppb.New(at(clock)),
		},
		From: enforcer, Stored: at(stored), Received: at(stored),
	}
}

func name(s heartbeat.Seen) string {
	return fmt.Sprintf("%d/%d", s.Beat.GetIncarnation()[15], s.Beat.GetCounter())
}

func TestRosterHoldsTheNewest(t *testing.T) {
	tests := []struct {
		name  string
		beats []heartbeat.Seen
		want  string
	}{
		{"one", []heartbeat.Seen{seen(1, 7, 0, 0)}, "1/7"},
		{"greater counter", []heartbeat.Seen{seen(1, 7, 0, 0), seen(1, 8, 1, 1)}, "1/8"},
		{"greater counter, clock set back", []heartbeat.Seen{seen(1, 7, 100, 100), seen(1, 8, 1, 101)}, "1/8"},
		{"stored again", []heartbeat.Seen{seen(1, 7, 0, 0), seen(1, 8, 1, 1), seen(1, 7, 0, 9)}, "1/8"},
		{"restarted", []heartbeat.Seen{seen(1, 7, 0, 0), seen(2, 1, 1, 1)}, "2/1"},
		{"restarted, the old one stored again", []heartbeat.Seen{seen(1, 7, 0, 0), seen(2, 1, 1, 1), seen(1, 7, 0, 9)}, "2/1"},
		{"restarted, clock had been ahead", []heartbeat.Seen{seen(1, 7, 9000, 0), seen(2, 1, 1, 1)}, "2/1"},
		{"restarted, clock is ahead", []heartbeat.Seen{seen(1, 7, 0, 0), seen(2, 1, 9000, 1)}, "2/1"},
		{"restarted, clock set back: old and growing older", []heartbeat.Seen{seen(1, 7, 100, 100), seen(2, 1, 50, 101)}, "1/7"},
		{"restarted, clock set back and caught up", []heartbeat.Seen{seen(1, 7, 100, 100), seen(2, 1, 50, 101), seen(2, 52, 101, 152)}, "2/52"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := heartbeat.NewRoster()
			for _, one := range tt.beats {
				r.Add(one)
			}
			if all := r.All(); len(all) != 1 || name(all[0]) != tt.want {
				t.Errorf("holds %d beats: %v, want %s", len(all), all, tt.want)
			}
		})
	}
}

// TestRosterIsNotKeptFresh: a broker that stores the newest beat of a dead
// participant over and over does not make it look alive.
func TestRosterIsNotKeptFresh(t *testing.T) {
	r, first := heartbeat.NewRoster(), seen(1, 7, 0, 0)
	for _, stored := range []int{0, 1, 500} {
		r.Add(seen(1, 7, 0, stored))
		if got := r.All(); len(got) != 1 || !got[0].Stored.Equal(first.Stored) || !got[0].Received.Equal(first.Received) {
			t.Errorf("holds %+v, want the beat of %v", got, first.Stored)
		}
	}
}

func TestRosterRefuses(t *testing.T) {
	other := seen(1, 9, 9, 9)
	other.From = trusttest.ID(pb.Role_ROLE_EXECUTOR, "x1")
	empty := seen(1, 9, 9, 9)
	empty.Beat = nil
	nobody := seen(1, 9, 9, 9)
	nobody.From = trust.Identity{}
	var r heartbeat.Roster // the zero value is empty
	if got := r.All(); len(got) != 0 {
		t.Errorf("an empty roster holds %v", got)
	}
	for _, s := range []heartbeat.Seen{{}, other, empty, nobody} {
		r.Add(s)
		if got := r.All(); len(got) != 0 {
			t.Errorf("after %+v it holds %v", s, got)
		}
	}
	r.Add(seen(1, 1, 1, 1))
	if got := r.All(); len(got) != 1 {
		t.Errorf("holds %v, want one", got)
	}
}

func TestRosterIsSorted(t *testing.T) {
	ids := []trust.Identity{
		trusttest.ID(pb.Role_ROLE_ENFORCER, "e1"), trusttest.ID(pb.Role_ROLE_ENFORCER, "e2"), trusttest.ID(pb.Role_ROLE_EXECUTOR, "a1"),
		trusttest.ID(pb.Role_ROLE_EXECUTOR, "x1"), trusttest.ID(pb.Role_ROLE_SENTINEL, "s1"), trusttest.ID(pb.Role_ROLE_RECORDER, "b1"),
	}
	rapid.Check(t, func(t *rapid.T) {
		r := heartbeat.NewRoster()
		for _, id := range rapid.Permutation(ids).Draw(t, "order") {
			one := seen(1, 1, 0, 0)
			one.From, one.Beat.Participant = id, id.String()
			r.Add(one)
		}
		var got []trust.Identity
		for _, one := range r.All() {
			got = append(got, one.From)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("listed as %v, want %v", got, ids)
		}
	})
}

// TestRosterWhateverTheOrder: honest beats, in whatever order and however often
// they come, leave the newest.
func TestRosterWhateverTheOrder(t *testing.T) {
	var honest []heartbeat.Seen
	for i := range 12 { // three incarnations of four beats, one a second
		honest = append(honest, seen(byte(i/4), uint64(i%4+1), i, i))
	}
	rapid.Check(t, func(t *rapid.T) {
		r := heartbeat.NewRoster()
		newest := -1
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(honest)-1), 1, 40).Draw(t, "order") {
			r.Add(honest[i])
			newest = max(newest, i)
			if got := r.All(); len(got) != 1 || name(got[0]) != name(honest[newest]) {
				t.Fatalf("holds %v, want %s", got, name(honest[newest]))
			}
		}
	})
}

func TestRosterIsSafeForConcurrentUse(t *testing.T) {
	r := heartbeat.NewRoster()
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 200 {
				r.Add(seen(1, uint64(4*i+worker+1), i, i))
				r.All()
			}
		})
	}
	all.Wait()
	if got := r.All(); len(got) != 1 || got[0].Beat.GetCounter() != 800 {
		t.Errorf("holds %v, want counter 800", got)
	}
}
