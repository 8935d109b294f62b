package recorder

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// governed is what governance has said so far: how often the ledger lost records,
// and whose signatures ever made a checkpoint of it worth something. A ledger that
// was brought back to an earlier state says less than it once did, so this
// recorder's own keys count beside those, for every tree.
type governed struct {
	losses []*pb.Loss
	keys   []*lineage.Keys // of each release, with the tree that there was then
	now    []*pb.Identity  // recorders of the release in force
	own    []*pb.Identity  // this recorder, with its keys
	origin func(losses int) string
}

// governedSoFar folds governance up to the ledger's end.
func (r *Recorder) governedSoFar(ctx context.Context) (*governed, error) {
	records, err := feed.Rest(ctx, r.cfg.Conn, r.cfg.ID.Zone, 0)
	if err != nil {
		return nil, err
	}
	parser, fold := ledger.Parser{Zone: r.cfg.ID.Zone, Keys: r.cfg.Keys}, ledger.NewFold(r.cfg.Ledger, r.cfg.Keys)
	g := &governed{
		own: []*pb.Identity{{Role: pb.Role_ROLE_RECORDER, Name: r.cfg.ID.Name, LogKeys: r.cfg.LogKeys.Public()}},
		origin: func(losses int) string {
			return lineage.Origin(r.cfg.ID.TrustDomain, r.cfg.ID.Zone, r.cfg.Ledger, losses)
		},
	}
	var release *governance.Release
	losses := -1
	for _, raw := range records {
		if _, err := fold.Step(parser.Parse(raw)); err != nil {
			continue // noise
		}
		gov := fold.Governance()
		if gov.Release() == release && len(gov.Losses()) == losses {
			continue
		}
		release, losses = gov.Release(), len(gov.Losses())
		keys, err := gov.LogKeys()
		if err != nil {
			return nil, err
		}
		g.keys = append(g.keys, keys)
	}
	g.losses, g.now = fold.Governance().Losses(), r.recorders(fold.Governance())
	return g, nil
}

// recorders are those of the release in force that are not revoked.
func (r *Recorder) recorders(gov *governance.State) (all []*pb.Identity) {
	if gov.Release() == nil {
		return nil
	}
	for _, p := range gov.Release().Proto.GetDirectory() {
		id := trust.Identity{TrustDomain: r.cfg.ID.TrustDomain, Zone: r.cfg.ID.Zone, Role: p.GetRole(), Name: p.GetName()}
		if p.GetRole() == pb.Role_ROLE_RECORDER && !gov.RevokedID(id.String()) {
			all = append(all, p)
		}
	}
	return all
}

// number says how many losses an origin counts; ok is false of another ledger's.
func (g *governed) number(origin string) (losses int, ok bool) {
	if origin == g.origin(0) {
		return 0, true
	}
	i := strings.LastIndexByte(origin, '-') // of /loss-n, if it is one of this ledger's
	losses, err := strconv.Atoi(origin[i+1:])
	return losses, err == nil && losses > 0 && origin == g.origin(losses)
}

// keysOf are those by which checkpoints of a tree are checked: this recorder's
// own, and those of the releases that were in force while there was that tree; of
// a tree that governors do not count any more, those of the release in force.
func (g *governed) keysOf(losses int) ([]*lineage.Keys, error) {
	origin := g.origin(losses)
	own, err := lineage.NewKeys(origin, g.own, 0)
	if err != nil {
		return nil, fmt.Errorf("recorder: its own log keys: %w", err)
	}
	all := []*lineage.Keys{own}
	if losses > len(g.losses) {
		now, err := lineage.NewKeys(origin, g.now, 0)
		if err != nil {
			return nil, fmt.Errorf("recorder: the log keys of the release in force: %w", err)
		}
		return append(all, now), nil
	}
	for _, keys := range slices.Backward(g.keys) {
		if keys.Origin() == origin {
			all = append(all, keys)
		}
	}
	return all, nil
}
