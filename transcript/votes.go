package transcript

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// votes counts who signed which decision. permit.Book counts too, but only what
// a claim could still rest on; people also want to see the quorum of a denial.
type votes struct{ polls aged.Map[question, *poll] }

// question is what is voted on: one intent, in one round.
type question verdict.Round

type poll struct {
	voters map[trust.Digest]map[trust.Identity]bool // decision bytes → enforcers
	quorum bool
}

// add counts one decision and completes d with what the count says.
func (v *votes) add(d *Decision, said *pb.Decision, bytes trust.Digest, signer trust.Identity, needed int, at time.Time) {
	q := question(verdict.RoundOf(said))
	p, known := v.polls.Get(q)
	if !known {
		p = &poll{voters: make(map[trust.Digest]map[trust.Identity]bool, 1)}
		v.polls.Add(q, p, at)
	}
	if p.voters[bytes] == nil {
		d.Differs = len(p.voters) > 0
		p.voters[bytes] = make(map[trust.Identity]bool, 1)
	}
	p.voters[bytes][signer] = true
	d.Votes, d.Needed = len(p.voters[bytes]), needed
	d.Quorum = !p.quorum && d.Votes >= needed
	p.quorum = p.quorum || d.Quorum
}

func (v *votes) forget(before time.Time) { v.polls.Forget(before, func(question) {}) }
