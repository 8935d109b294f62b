package zone

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Adoption is a participant's first heartbeat that names a release as the one in
// force.
type Adoption struct {
	ID       trust.Identity
	Position uint64        // that it had folded then
	After    time.Duration // from when the watch began until the heartbeat was stored, by the broker's clock
}

// AdoptionWatch hears heartbeats, so that it can be told who has adopted a
// release and when. Begin it before the release is appended.
type AdoptionWatch struct {
	stop func()
	news chan struct{} // one waits when something was heard

	mu    sync.Mutex
	heard []streams.Raw // guarded by mu; not yet looked into
}

// maxHeard bounds what waits to be looked into.
const maxHeard = 1 << 16

// WatchAdoptions begins to hear heartbeats.
func (g *Governing) WatchAdoptions() (*AdoptionWatch, error) {
	w := &AdoptionWatch{news: make(chan struct{}, 1)}
	stop, err := g.conn.SubscribeHeartbeats(w.hear)
	if err != nil {
		return nil, fmt.Errorf("zone: hearing heartbeats: %w", err)
	}
	w.stop = stop
	return w, nil
}

// Close ends the watch.
func (w *AdoptionWatch) Close() { w.stop() }

func (w *AdoptionWatch) hear(raw streams.Raw) {
	w.mu.Lock()
	if len(w.heard) < maxHeard {
		w.heard = append(w.heard, raw)
	}
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

func (w *AdoptionWatch) take() []streams.Raw {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := w.heard
	w.heard = nil
	return heard
}

// Await calls adopted with each participant of the release's directory as soon
// as an authentic heartbeat of its says that the release is in force for it. It
// ends when nobody is missing or ctx ends, and returns those that stayed silent
// or stayed behind, sorted. From is the log time of the release.
func (w *AdoptionWatch) Await(ctx context.Context, g *Governing, release *governance.Release, from time.Time, adopted func(Adoption)) (missing []trust.Identity, err error) {
	records, err := feed.Rest(ctx, g.conn, g.f.Zone, 0)
	if err != nil {
		return nil, fmt.Errorf("zone: reading credentials: %w", err)
	}
	fold, _ := foldOf(g.f, records)
	waiting := beating(g.f, release)
	for len(waiting) > 0 {
		for _, raw := range w.take() {
			beat, cred, err := fold.Heartbeat(raw.Subject, raw.Data)
			if err != nil || !waiting[cred.ID] || trust.DigestIn(beat.GetRelease()) != release.Digest {
				continue // not authentic, or not news
			}
			delete(waiting, cred.ID)
			adopted(Adoption{ID: cred.ID, Position: beat.GetPosition(), After: max(raw.Time.Sub(from), 0)})
		}
		if len(waiting) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return sortedIdentities(waiting), nil
		case <-w.news:
		}
	}
	return nil, nil
}

// beating are those of a release's directory that follow the ledger while they
// run: the services.
func beating(f *fabric.Fabric, release *governance.Release) map[trust.Identity]bool {
	all := map[trust.Identity]bool{}
	for _, p := range release.Proto.GetDirectory() {
		switch p.GetRole() {
		case pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR, pb.Role_ROLE_SENTINEL:
			all[trust.Identity{TrustDomain: f.TrustDomain, Zone: f.Zone, Role: p.GetRole(), Name: p.GetName()}] = true
		case pb.Role_ROLE_UNSPECIFIED, pb.Role_ROLE_AGENT, pb.Role_ROLE_GOVERNOR, pb.Role_ROLE_APPROVER, pb.Role_ROLE_RECORDER,
			pb.Role_ROLE_WITNESS, pb.Role_ROLE_AUDITOR:
		}
	}
	return all
}

func sortedIdentities(all map[trust.Identity]bool) []trust.Identity {
	ids := make([]trust.Identity, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b trust.Identity) int { return cmp.Compare(a.String(), b.String()) })
	return ids
}
