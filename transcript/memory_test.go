package transcript

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestVotes walks through a poll of two of three, with a liar.
func TestVotes(t *testing.T) {
	type vote struct {
		by    string
		bytes byte
		round uint32
		want  Decision
	}
	votes, at := votes{}, time.Unix(1000, 0)
	for i, v := range []vote{
		{"e1", 1, 0, Decision{Votes: 1, Needed: 2}},
		{"e1", 1, 0, Decision{Votes: 1, Needed: 2}}, // the same once more counts once
		{"e3", 2, 0, Decision{Votes: 1, Needed: 2, Differs: true}},
		{"e2", 1, 0, Decision{Votes: 2, Needed: 2, Quorum: true}},
		{"e2", 2, 0, Decision{Votes: 2, Needed: 2}}, // no second quorum in a round
		{"e3", 1, 0, Decision{Votes: 3, Needed: 2}},
		{"e1", 3, 1, Decision{Votes: 1, Needed: 2}}, // another round is another poll
		{"e2", 3, 1, Decision{Votes: 2, Needed: 2, Quorum: true}},
	} {
		var got Decision
		said := &pb.Decision{Intent: &pb.Position{Sequence: 7}, Round: v.round}
		votes.add(&got, said, trust.Digest{v.bytes}, trust.Identity{Name: v.by}, 2, at)
		if got.Votes != v.want.Votes || got.Needed != v.want.Needed || got.Quorum != v.want.Quorum || got.Differs != v.want.Differs {
			t.Errorf("vote %d: got %+v, want %+v", i, got, v.want)
		}
	}
	votes.forget(at.Add(time.Second))
	var again Decision
	votes.add(&again, &pb.Decision{Intent: &pb.Position{Sequence: 7}}, trust.Digest{1}, trust.Identity{Name: "e3"}, 2, at)
	if again.Votes != 1 {
		t.Errorf("a forgotten poll has %d votes, want 1", again.Votes)
	}
}
