package governing

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// object is a JSON object.
type object = map[string]any

// state tells what is in force.
func (g *Governing) state(w http.ResponseWriter, r *http.Request) error {
	return g.look(w, r, func(ctx context.Context, from reading) (any, error) {
		found, err := zone.ReadReleases(ctx, g.cfg.Fabric, from.conn)
		if err != nil {
			return nil, err
		}
		halts, err := inForce(ctx, from, found.State)
		if err != nil {
			return nil, err
		}
		told := object{
			"ledger": g.cfg.Fabric.Ledger.String(), "trust_domain": g.cfg.Fabric.TrustDomain, "zone": g.cfg.Fabric.Zone,
			"position": found.Last, "log_time": stamp(found.LogTime), "epoch": found.State.Epoch(), "head": found.State.Head().Digest.String(),
			"sealed": found.State.Sealed(), "release": releaseObject(found.State, found.InForce()), "halts": halts,
			"carries": g.carries(),
		}
		if n := len(found.All); n > 1 {
			before := found.All[n-2]
			told["previous"] = object{"version": before.Proto.GetVersion(), "digest": before.Digest.String()}
			told["differences"] = orEmpty(fabric.Differences(before.Proto, found.InForce().Proto))
		}
		return told, nil
	})
}

// carries says whether the console can carry a governor's record, and how to mend it if
// not.
func (g *Governing) carries() object {
	names, err := g.cfg.Fabric.Governors()
	for _, name := range names {
		_, unusable := g.cfg.Fabric.Seat(pb.Role_ROLE_GOVERNOR, name)
		if unusable == nil {
			return object{"able": true, "as": name}
		}
		err = errors.Join(err, unusable)
	}
	why := "no governor's folder is in " + g.cfg.Fabric.Dir
	if err != nil {
		why = err.Error()
	}
	return object{"able": false, "why": why, "mend": mendSeat}
}

const mendSeat = "put a governor's folder with nats.nk and nats.pub into the console's data folder (signing.pem stays with the governor), or use: portcullis halt"

// inForce are the halts, with the bytes that a resume shows to whoever signs it.
func inForce(ctx context.Context, from reading, state *governance.State) ([]object, error) {
	all := []object{}
	for _, h := range state.Halts() {
		raw, err := from.conn.Get(ctx, h.Sequence)
		if err != nil {
			return nil, err
		}
		env, err := trust.ParseEnvelope(raw.Data)
		if err != nil {
			return nil, err
		}
		one := haltObject(h)
		one["stored"], one["payload"], one["signed_by"] = stamp(raw.Time), env.Payload, signers(from, state, env)
		all = append(all, one)
	}
	return all, nil
}

// signers names those whose signature on a record in force counts: governors by the
// release in force, or the sentinel that tripped. Others are named by their key.
func signers(from reading, state *governance.State, env *trust.Envelope) []string {
	names := []string{}
	good := env.Signers(state.Governors())
	for _, s := range env.Signatures {
		name := "key " + s.KeyID.Short()
		if _, ok := good[s.KeyID]; ok {
			name = governorNamed(state.Release(), s.KeyID)
		} else {
			from.observer.Look(func(f *ledger.Fold) {
				if cred, known := f.Credential(s.KeyID); known {
					name = trust.RoleName(cred.ID.Role) + " " + cred.ID.Name
				}
			})
		}
		names = append(names, name)
	}
	return names
}

func governorNamed(release *governance.Release, key trust.KeyID) string {
	for _, governor := range release.Proto.GetGovernors() {
		if trust.DigestOf(governor.GetPublicKey()) == key {
			return governor.GetName()
		}
	}
	return ""
}

func haltObject(h governance.Halt) object {
	return object{
		"halt": h.ID.String(), "scope": governance.ScopeString(h.Scope), "reason": h.Reason, "rule": h.Rule, "subject": h.Subject,
		"position": h.Sequence,
	}
}

// owner tells whose a key is by what is in force.
func (g *Governing) owner(w http.ResponseWriter, r *http.Request) error {
	key, err := trust.ParseDigest(r.PathValue("key"))
	if err != nil {
		return asked(err)
	}
	return g.look(w, r, func(_ context.Context, from reading) (any, error) {
		told := object{"key": key.String(), "known": false}
		from.observer.Look(func(f *ledger.Fold) { ownerOf(f, key, told) })
		return told, nil
	})
}

func ownerOf(f *ledger.Fold, key trust.KeyID, told object) {
	if release := f.Governance().Release(); release != nil {
		if name := governorNamed(release, key); name != "" {
			_, standing := f.Governance().Governors()[key]
			told["known"], told["role"], told["name"], told["standing"] = true, "governor", name, standing
			return
		}
	}
	if cred, known := f.Credential(key); known {
		_, standing := f.Standing(cred)
		told["known"], told["role"], told["name"], told["standing"] = true, trust.RoleName(cred.ID.Role), cred.ID.Name, standing
		told["expires"] = stamp(cred.Expires)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return slices.Clip(all)
}

func hexes(all [][]byte) []string {
	texts := make([]string, len(all))
	for i, b := range all {
		texts[i] = hex.EncodeToString(b)
	}
	return texts
}
