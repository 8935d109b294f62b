package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrNotSealed reports a ledger that cannot be continued: it is not sealed, or
// nothing proves how it ended.
var ErrNotSealed = errors.New("fabric: the ledger cannot be continued")

// Sealed is how a ledger ended, as whoever continues it read it there.
type Sealed struct {
	State       *governance.State // at the end
	Seal        uint64            // position of the seal
	Checkpoint  []byte            // the last, a signed note
	Revocations []*pb.Revoke      // that took effect, in order
	Signers     []string          // governors of the old folder whose keys sign the new genesis
}

// Check refuses a ledger that is not sealed, and a checkpoint that does not
// verify by the release in force at the end, does not cover the seal, or has too
// few cosignatures. Errors wrap ErrNotSealed.
func (s Sealed) Check() (lineage.Signed, error) {
	if s.State == nil || !s.State.Sealed() || s.State.Release() == nil || s.Seal == 0 {
		return lineage.Signed{}, fmt.Errorf("%w: it is not sealed; seal it with: portcullis seal --reason TEXT", ErrNotSealed)
	}
	keys, err := s.State.LogKeys()
	if err != nil {
		return lineage.Signed{}, fmt.Errorf("%w: %w", ErrNotSealed, err)
	}
	signed, err := keys.Open(s.Checkpoint)
	switch {
	case err != nil:
		return lineage.Signed{}, fmt.Errorf("%w: its last checkpoint: %w", ErrNotSealed, err)
	case signed.Size < s.Seal:
		return lineage.Signed{}, fmt.Errorf("%w: its last checkpoint covers %d records, and the seal stands at %d; let its recorder run until it covers the seal", ErrNotSealed, signed.Size, s.Seal)
	case !keys.Witnessed(signed):
		return lineage.Signed{}, fmt.Errorf("%w: %d witnesses have cosigned its last checkpoint, %d must; let its recorder run until they have", ErrNotSealed, len(signed.Cosigned), keys.Threshold())
	}
	return signed, nil
}

// Continue makes a fabric in dir whose ledger continues a sealed one: the same
// trust domain, zone, governors, issuer and members, with their keys; release 1
// says what the release in force said at the seal. Revocations and halts in force
// are carried over; sessions and limit windows are not. Port 0 leaves the broker
// where it was. It appears whole or not at all.
//
// Not copied are files/, what was running, the broker's store and recorders'
// trees: they are the old ledger's.
func (f *Fabric) Continue(dir string, s Sealed, port int) (*Fabric, error) {
	if _, err := s.Check(); err != nil {
		return nil, err
	}
	if s.State.Ledger() != f.Ledger {
		return nil, fmt.Errorf("%w: it is %s, and the folder %s is of %s; name the folder of the sealed ledger", ErrNotSealed, s.State.Ledger().Short(), f.Dir, f.Ledger.Short())
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	taken, err := occupied(dir)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, fmt.Errorf("fabric: %s holds a fabric already; choose a new folder for the ledger that continues %s", dir, f.Ledger.Short())
	}
	unlock, err := f.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	next := &Fabric{TrustDomain: f.TrustDomain, Zone: f.Zone, NATS: f.NATS, Created: f.Clock().UTC().Truncate(time.Second), Clock: f.Clock}
	if port != 0 {
		next.NATS = (&Params{NATS: NATS{Port: port}}).broker()
	}
	err = addDir(dir, func(temp string) error {
		next.Dir = temp
		return next.continueFrom(f, s)
	})
	if err != nil {
		return nil, err
	}
	if next, err = Open(dir); err == nil {
		next.Clock = f.Clock
	}
	return next, err
}

// continueFrom fills a folder that nobody looks at yet.
func (f *Fabric) continueFrom(old *Fabric, s Sealed) error {
	for _, name := range []string{governorsDir, issuerDir, participantsDir, operatorDir} {
		if err := copyTree(old.path(name), f.path(name), ReadSecret); err != nil {
			return err
		}
	}
	if err := copyTree(old.ReleaseDir(), f.ReleaseDir(), os.ReadFile); err != nil {
		return err
	}
	if err := f.copySettings(old); err != nil {
		return err
	}
	standing := standingGovernors(s.State)
	thresholds := cappedThresholds(s.State.Release().Proto.GetThresholds(), len(standing))
	if n := signing(standing, s.Signers); n < int(thresholds.GetRelease()) {
		return fmt.Errorf("fabric: %d of the governors %s have their keys in %s, %d must sign the new genesis; continue where that many keys are", n, governorNames(standing), old.Dir, thresholds.GetRelease())
	}
	if err := f.addGenesis(&pb.Genesis{
		Governors: standing, Thresholds: thresholds, Continues: &pb.Continues{Ledger: old.Ledger[:], Checkpoint: s.Checkpoint},
	}, s.Signers...); err != nil {
		return err
	}
	if err := f.addCarried(heldAgainst(s.State, s.Revocations), s.Signers); err != nil {
		return err
	}
	if _, err := f.addRelease(f.firstAfter(s.State.Release().Proto, standing, thresholds), s.Signers...); err != nil {
		return err
	}
	return errors.Join(f.rebind(old), f.addConfig())
}

// firstAfter is a release as the first of a ledger that continues its own. It
// holds from now on for as long as it held then.
func (f *Fabric) firstAfter(r *pb.Release, governors []*pb.Governor, thresholds *pb.GovernorThresholds) *pb.Release {
	held := r.GetExpires().AsTime().Sub(r.GetNotBefore().AsTime())
	from := f.Created.Add(-clockSlack)
	r = proto.CloneOf(r)
	r.Version, r.Replaces, r.Governors, r.Thresholds = 1, f.Ledger[:], governors, thresholds
	r.NotBefore, r.Expires = timestamppb.New(from), timestamppb.New(from.Add(held))
	return r
}

// standingGovernors are the governors of the release in force whose key was not
// revoked.
func standingGovernors(state *governance.State) []*pb.Governor {
	var all []*pb.Governor
	for _, g := range state.Release().Proto.GetGovernors() {
		if _, may := state.Governors()[trust.DigestOf(g.GetPublicKey())]; may {
			all = append(all, proto.CloneOf(g))
		}
	}
	return all
}

// signing counts the governors whose names are among those that sign.
func signing(governors []*pb.Governor, names []string) (n int) {
	for _, g := range governors {
		if slices.Contains(names, g.GetName()) {
			n++
		}
	}
	return n
}

func governorNames(governors []*pb.Governor) string {
	names := make([]string, len(governors))
	for i, g := range governors {
		names[i] = g.GetName()
	}
	return strings.Join(names, ", ")
}

// cappedThresholds asks for all who are left where more were asked for: as many as
// that could not sign any more.
func cappedThresholds(t *pb.GovernorThresholds, left int) *pb.GovernorThresholds {
	n := uint32(left) //nolint:gosec // at most 16
	return &pb.GovernorThresholds{Release: min(t.GetRelease(), n), Resume: min(t.GetResume(), n)}
}

// copySettings copies the YAML files beside fabric.json.
func (f *Fabric) copySettings(old *Fabric) error {
	files, err := filepath.Glob(old.path("*.yaml"))
	if err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	for _, path := range files {
		data, err := ReadSecret(path)
		if err != nil {
			return err
		}
		if err := writeNew(f.path(filepath.Base(path)), data); err != nil {
			return err
		}
	}
	return nil
}

// rebind writes the members' bundles anew: they know the ledger by its genesis.
func (f *Fabric) rebind(old *Fabric) error {
	bundles, err := filepath.Glob(old.path(participantsDir, "*", "*", bundleFile))
	if err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	for _, path := range bundles {
		b, err := readBundle(path)
		if err != nil {
			return err
		}
		b.Ledger = f.Ledger
		if f.NATS != old.NATS {
			b.Servers, b.BrokerCA = f.NATS.Servers(), f.NATS.CA
		}
		bundle, err := b.file()
		if err != nil {
			return err
		}
		if err := writeFiles(f.MemberDir(b.ID.Role, b.ID.Name), bundle); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies a folder's files, but for bundles, which are written anew, and
// what a crash left behind. There need be no such folder.
func copyTree(from, to string, read func(path string) ([]byte, error)) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		hidden := path != from && entry != nil && entry.Name()[0] == '.'
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case hidden || entry.IsDir() || entry.Name() == bundleFile:
			return nil
		}
		data, err := read(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return writeFiles(to, file{name, data})
	})
	if errors.Is(err, fs.ErrNotExist) {
		if there, found := exists(from); found == nil && !there {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("fabric: copying %s: %w", from, err)
	}
	return nil
}

// KeepSealed keeps the last checkpoint of a sealed ledger beside its records. It
// returns where.
func (f *Fabric) KeepSealed(checkpoint []byte) (path string, err error) {
	path = f.path(sealedFile)
	return path, replaceFile(path, checkpoint)
}

// SealedCheckpoint reads what KeepSealed kept. Nothing about it is verified.
func (f *Fabric) SealedCheckpoint() ([]byte, error) { return ReadSecret(f.path(sealedFile)) }
