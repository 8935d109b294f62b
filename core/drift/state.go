package drift

import (
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// states holds the verdict states that were named first, by position.
type states struct {
	first map[uint64]namedState
	order []uint64 // the positions, ascending
}

type namedState struct {
	digest   trust.Digest
	by       trust.Identity
	mismatch bool // raised already
}

// maxStates bounds the positions whose states are remembered: the newest.
const maxStates = 256

func newStates() states { return states{first: make(map[uint64]namedState)} }

// compare takes a state at a position, and names who said otherwise; once for
// each position.
func (s *states) compare(at uint64, digest trust.Digest, by trust.Identity) (other trust.Identity, differs bool) {
	held, known := s.first[at]
	if known {
		if held.digest == digest || held.mismatch {
			return trust.Identity{}, false
		}
		held.mismatch = true
		s.first[at] = held
		return held.by, true
	}
	i, _ := slices.BinarySearch(s.order, at)
	s.order = slices.Insert(s.order, i, at)
	s.first[at] = namedState{digest: digest, by: by}
	if len(s.order) > maxStates {
		delete(s.first, s.order[0])
		s.order = s.order[1:]
	}
	return trust.Identity{}, false
}

// compareState raises state.mismatch: two participants that derive verdicts, or
// two lives of one, name different states at one position. What a life says of
// positions before it had read the ledger is not compared: it need not have read
// all that the state there depends on.
func (w *Watch) compareState(f *ledger.Fold, m *member, beat *pb.Heartbeat) {
	digest, ok := trust.DigestFrom(beat.GetStateDigest())
	replays := m.id.Role == pb.Role_ROLE_ENFORCER || m.id.Role == pb.Role_ROLE_SENTINEL
	started, at := m.lives[len(m.lives)-1].started, beat.GetStatePosition()
	if !ok || !replays || started == 0 || at <= started || at > f.Seq() {
		return
	}
	if other, differs := w.states.compare(at, digest, m.id); differs {
		w.raise(f, schemas.DriftStateMismatch, symptom{
			subject: fmt.Sprint(at), alike: true, since: f.LogTime(),
			detail: fmt.Sprintf("at position %d %s has another verdict state than %s", at, m.id, other),
		})
	}
}
