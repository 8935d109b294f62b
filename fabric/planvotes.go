package fabric

import (
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Vote is how far a plan has come with one set of governors.
type Vote struct {
	Needed  int
	Signed  []string // names, in the order of the release that names them
	Missing []string // who may sign and has not
}

// Enough reports whether as many have signed as must.
func (v Vote) Enough() bool { return v.Needed > 0 && len(v.Signed) >= v.Needed }

// Votes counts the plan's signatures by the governors in force and by those that
// the plan itself names: a release needs the threshold of both.
func (p *Plan) Votes(state *governance.State) (old, next Vote) {
	return p.vote(state, state.Release().Proto), p.vote(state, p.Release.Proto)
}

// vote counts the governors of a release but for those whose key was revoked.
func (p *Plan) vote(state *governance.State, r *pb.Release) Vote {
	v := Vote{Needed: int(r.GetThresholds().GetRelease())}
	keys := governorsOf(r)
	signed := p.signers(keys)
	for _, g := range r.GetGovernors() {
		id := trust.DigestOf(g.GetPublicKey())
		switch {
		case state.Revoked(id, ""):
		case signed[id]:
			v.Signed = append(v.Signed, g.GetName())
		default:
			v.Missing = append(v.Missing, g.GetName())
		}
	}
	return v
}

func (p *Plan) signers(keys map[trust.KeyID]trust.PublicKey) map[trust.KeyID]bool {
	all := map[trust.KeyID]bool{}
	if p.signed == nil {
		return all
	}
	for id := range p.signed.Signers(keys) {
		all[id] = true
	}
	return all
}

// governorsOf are a release's governors by key.
func governorsOf(r *pb.Release) map[trust.KeyID]trust.PublicKey {
	all := make(map[trust.KeyID]trust.PublicKey, len(r.GetGovernors()))
	for _, g := range r.GetGovernors() {
		if key, err := trust.NewPublicKey(g.GetPublicKey()); err == nil { // releases in force hold good keys only
			all[key.ID()] = key
		}
	}
	return all
}

// Governor returns the name under which a key may sign the plan: as a governor
// of the release in force, or of the planned one. A revoked key may not.
func (p *Plan) Governor(state *governance.State, key trust.KeyID) (name string, ok bool) {
	if state.Revoked(key, "") {
		return "", false
	}
	for _, r := range []*pb.Release{state.Release().Proto, p.Release.Proto} {
		i := slices.IndexFunc(r.GetGovernors(), func(g *pb.Governor) bool { return trust.DigestOf(g.GetPublicKey()) == key })
		if i >= 0 {
			return r.GetGovernors()[i].GetName(), true
		}
	}
	return "", false
}

// CheckSignatures refuses a plan with a signature that is nobody's or does not
// verify: what was signed is not what stands here, or somebody else signed.
func (p *Plan) CheckSignatures(state *governance.State) error {
	if p.signed == nil {
		return nil
	}
	old, next := p.signers(governorsOf(state.Release().Proto)), p.signers(governorsOf(p.Release.Proto))
	for _, s := range p.signed.Signatures {
		name, known := p.Governor(state, s.KeyID)
		switch {
		case !known:
			return fmt.Errorf("%w: key %s signed it, which is no governor's; get it again from who planned it", ErrPlan, s.KeyID.Short())
		case !old[s.KeyID] && !next[s.KeyID]:
			return fmt.Errorf("%w: the signature of %s does not fit it, so it was altered after it was signed; get it again from who planned it", ErrPlan, name)
		}
	}
	return nil
}

// CheckPlace refuses a plan that does not continue what is in force: one for
// another ledger, one that was overtaken, or one that follows a release which
// is not known here.
func (p *Plan) CheckPlace(state *governance.State) error {
	current := state.Release()
	version, replaces := current.Proto.GetVersion(), trust.DigestIn(p.Release.Proto.GetReplaces())
	switch {
	case p.Ledger != state.Ledger():
		return fmt.Errorf("%w for this ledger: it is for %s, and this is %s; use the data folder that it was planned in", ErrPlan, p.Ledger.Short(), state.Ledger().Short())
	case p.Version() <= version:
		return fmt.Errorf("fabric: the plan of release %d was overtaken: release %d (%s) is in force; plan again", p.Version(), version, current.Digest.Short())
	case p.Version() > version+1:
		return fmt.Errorf("fabric: the plan of release %d follows one that is not known here, where release %d is the newest; learn it where the ledger can be reached with: portcullis release show --keep", p.Version(), version)
	case replaces != current.Digest:
		return fmt.Errorf("fabric: the plan of release %d was overtaken: it replaces %s, and release %d in force is %s; plan again", p.Version(), replaces.Short(), version, current.Digest.Short())
	}
	return nil
}

// CheckTime refuses a plan that does not hold at a time; whose is the clock that
// says so.
func (p *Plan) CheckTime(at time.Time, whose string) error {
	from, until := p.Release.Proto.GetNotBefore().AsTime(), p.Release.Proto.GetExpires().AsTime()
	switch {
	case at.Before(from):
		return fmt.Errorf("fabric: release %d holds from %s, and %s says %s, %s earlier: the clock of the machine that planned it is ahead, or that one is behind; set the clocks right and plan again",
			p.Version(), clockText(from), whose, clockText(at), from.Sub(at).Round(time.Second))
	case !at.Before(until):
		return fmt.Errorf("fabric: the plan of release %d has expired: it holds until %s, and %s says %s; plan again", p.Version(), clockText(until), whose, clockText(at))
	}
	return nil
}

func clockText(t time.Time) string { return t.UTC().Format(time.RFC3339) }
