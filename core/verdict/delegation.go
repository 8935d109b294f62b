package verdict

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// delegator walks an intent's delegation chain and returns the root principal
// on whose behalf the agent acts. Each link is signed by its delegator, the
// links connect, each narrows the tools of the one before, and the last one
// ends at the agent. ok is false if any of it does not hold, or there is none.
func delegator(f *ledger.Fold, in *pb.Intent) (root trust.Identity, ok bool) {
	var previous *pb.Delegation
	for i, raw := range in.GetDelegation() {
		link, signer, ok := openLink(f, raw)
		if !ok || !continues(previous, link) || !link.GetExpires().AsTime().After(f.LogTime()) || !slices.Contains(link.GetTools(), in.GetTool()) {
			return trust.Identity{}, false
		}
		if i == 0 {
			root = signer
		}
		previous = link
	}
	return root, previous != nil && previous.GetDelegate() == in.GetAgent()
}

func openLink(f *ledger.Fold, raw []byte) (*pb.Delegation, trust.Identity, bool) {
	env, err := trust.ParseEnvelope(raw)
	if err != nil || env.PayloadType != schemas.KindDelegation.PayloadType() || len(env.Signatures) != 1 {
		return nil, trust.Identity{}, false
	}
	link := new(pb.Delegation)
	if err := schemas.Decode(env.Payload, schemas.MaxItem, link); err != nil {
		return nil, trust.Identity{}, false
	}
	cred, known := f.Credential(env.Signatures[0].KeyID)
	if !known || !env.VerifiedBy(0, cred.Key) || !schemas.KindDelegation.MayWrite(cred.ID.Role) {
		return nil, trust.Identity{}, false
	}
	if _, standing := f.Standing(cred); !standing || link.GetDelegator() != cred.ID.String() || trust.DigestIn(link.GetLedger()) != f.Governance().Ledger() {
		return nil, trust.Identity{}, false
	}
	entry, _ := f.Governance().Release().Identity(cred.ID)
	return link, cred.ID, slices.IndexFunc(link.GetTools(), func(t string) bool { return !entry.MayUse(t) }) < 0
}

// continues reports whether link follows previous and grants no more than it.
func continues(previous, link *pb.Delegation) bool {
	if previous == nil {
		return true
	}
	narrower := !slices.ContainsFunc(link.GetTools(), func(t string) bool { return !slices.Contains(previous.GetTools(), t) })
	return link.GetDelegator() == previous.GetDelegate() && narrower && link.GetDepth() < previous.GetDepth() &&
		!link.GetExpires().AsTime().After(previous.GetExpires().AsTime())
}
