package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Enrollment says who is to be enrolled.
type Enrollment struct {
	Role   pb.Role // any but governor
	Name   string
	Groups []string // agents
	Tools  []string // agents and executors
	// Verifier is the key of a witness's cosignatures, as C2SP signed-note writes
	// it. Witnesses must have one, nobody else has.
	Verifier string
	Gateway  bool // executors: a gateway runs it
}

// Enrolled says what enrolling did.
type Enrolled struct {
	Dir     string // the participant's folder; "" for a witness, which keeps its own keys
	Version uint64 // the release that has it
	Record  []byte // that release's envelope; nil when it had been enrolled before
}

// Enroll makes a participant's keys and a next release that has it in the
// directory, signed by every governor whose key is here. The release is the one
// in force and that one entry: what else may have changed in release/ waits for
// Publish. The entry is added to release/directory.yaml as well.
//
// The same enrollment again does nothing but finish what a crash interrupted. A
// name that is taken, by another role or with other grants, is refused. An error
// together with an answer means that all is done but the note in directory.yaml.
func (f *Fabric) Enroll(e Enrollment) (*Enrolled, error) {
	if err := f.checkEnrollment(e); err != nil {
		return nil, err
	}
	unlock, err := f.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	current, err := f.Release()
	if err != nil {
		return nil, err
	}
	entry, known, err := e.entry(current.Proto)
	if err != nil {
		return nil, err
	}
	done := &Enrolled{Version: current.Proto.GetVersion()}
	if hasFolder(e.Role) {
		done.Dir = f.MemberDir(e.Role, e.Name)
		if err := f.ensureMember(entry, known); err != nil {
			return nil, err
		}
	}
	if !known {
		done.Record, err = f.publish(withEntry(successor(current), entry))
		if errors.Is(err, fs.ErrNotExist) { // what matters is not which file
			return nil, fmt.Errorf("fabric: the keys of %s are in %s, and a governor's key that must sign is not here (%w); add the entry to directory.yaml and have governors sign it: portcullis release plan", e.Name, done.Dir, err)
		}
		if err != nil {
			return nil, err
		}
		done.Version++
	}
	return done, f.noteEntry(entry)
}

func (f *Fabric) checkEnrollment(e Enrollment) error {
	if trust.RoleName(e.Role) == "" || e.Role == pb.Role_ROLE_GOVERNOR {
		return fmt.Errorf("fabric: role %q cannot be enrolled; governors change with a release", e.Role)
	}
	if err := schemas.CheckName(e.Name); err != nil {
		return err
	}
	if witness := e.Role == pb.Role_ROLE_WITNESS; witness != (e.Verifier != "") {
		return errors.New("fabric: a witness is known by its verifier key, and nobody else has one; give what portcullis witness keygen prints")
	}
	if there, err := exists(f.path(governorsDir, e.Name)); err != nil || there {
		return errors.Join(fmt.Errorf("fabric: a governor is called %q; names are unique in a zone, choose another", e.Name), err)
	}
	return nil
}

// entry is the directory's entry, known when the release has it already.
func (e Enrollment) entry(r *pb.Release) (entry *pb.Identity, known bool, err error) {
	for _, p := range r.GetDirectory() {
		switch {
		case p.GetName() != e.Name:
		case p.GetRole() != e.Role || !slices.Equal(p.GetGroups(), e.Groups) || !slices.Equal(p.GetTools(), e.Tools) || p.GetVerifier() != e.Verifier || p.GetGateway() != e.Gateway:
			return nil, false, fmt.Errorf("fabric: %s %q is enrolled with groups %q and tools %q; choose another name, or change directory.yaml and publish", trust.RoleName(p.GetRole()), e.Name, p.GetGroups(), p.GetTools())
		default:
			return p, true, nil
		}
	}
	entry = &pb.Identity{Name: e.Name, Role: e.Role, Groups: e.Groups, Tools: e.Tools, Verifier: e.Verifier, Gateway: e.Gateway}
	if e.Role == pb.Role_ROLE_ENFORCER {
		entry.Rank = nextRank(r.GetDirectory())
	}
	return entry, false, nil
}

func withEntry(r *pb.Release, entry *pb.Identity) *pb.Release {
	r.Directory = append(r.Directory, entry)
	return r
}

// successor is a copy of a release as the one that follows it.
func successor(r *governance.Release) *pb.Release {
	next := proto.CloneOf(r.Proto)
	next.Version = r.Proto.GetVersion() + 1
	next.Replaces = r.Digest[:]
	return next
}

// publish checks a release as every enforcer will, and adds it to the records.
func (f *Fabric) publish(release *pb.Release) ([]byte, error) {
	if now := f.Clock(); !now.Before(release.GetExpires().AsTime()) {
		return nil, fmt.Errorf("fabric: the release expired on %s; publish a new one first", release.GetExpires().AsTime().Format(time.DateOnly))
	}
	if err := schemas.Validate(release); err != nil {
		return nil, fmt.Errorf("fabric: release %d: %w", release.GetVersion(), err)
	}
	checked, err := governance.NewRelease(trust.Digest{}, release)
	if err != nil {
		return nil, fmt.Errorf("fabric: release %d: %w", release.GetVersion(), err)
	}
	if rules := verdict.Compile(checked); rules.Err != nil {
		return nil, fmt.Errorf("fabric: release %d would deny everything:\n%w", release.GetVersion(), rules.Err)
	}
	return f.addRelease(release)
}

// ensureMember makes a participant's folder unless it is there. The entry of a
// recorder that is new gets its log keys; one that is known keeps them.
func (f *Fabric) ensureMember(entry *pb.Identity, known bool) error {
	dir := f.MemberDir(entry.GetRole(), entry.GetName())
	there, err := exists(dir)
	if err != nil {
		return err
	}
	recorder := entry.GetRole() == pb.Role_ROLE_RECORDER
	switch {
	case !there && known && recorder:
		return fmt.Errorf("fabric: recorder %s is enrolled and its folder is not in %s: its log keys cannot be made again; put the folder back, or enroll another", entry.GetName(), f.Dir)
	case !there:
		if err := f.addMember(entry.GetRole(), entry.GetName()); err != nil {
			return err
		}
	}
	if recorder && !known {
		_, keys, err := readLogKeys(dir)
		if err != nil {
			return err
		}
		entry.LogKeys = keys.Public()
	}
	return nil
}

func (f *Fabric) addMember(role pb.Role, name string) error {
	ca, err := f.issuer()
	if err != nil {
		return fmt.Errorf("fabric: making an SVID needs the issuer's key: %w", err)
	}
	files, err := f.memberFiles(f.identity(role, name), ca)
	if err != nil {
		return err
	}
	return addDir(f.MemberDir(role, name), func(dir string) error { return writeFiles(dir, files...) })
}

// noteEntry adds an entry to directory.yaml unless its name is there.
func (f *Fabric) noteEntry(entry *pb.Identity) error {
	source, err := LoadReleaseDir(f.ReleaseDir())
	if err != nil {
		return fmt.Errorf("fabric: %s is enrolled; add it to directory.yaml too, once this is mended:\n%w", entry.GetName(), err)
	}
	if slices.ContainsFunc(source.body.GetDirectory(), func(p *pb.Identity) bool { return p.GetName() == entry.GetName() }) {
		return nil
	}
	return source.addEntries(f.ReleaseDir(), []*pb.Identity{entry})
}

// Publish makes the next release of the source in release/, signed by every
// governor whose key is here. Governors and issuers stay as they are. It does
// nothing, and returns nil, when the source says what the release in force says
// and more than half of that one's validity is left.
func (f *Fabric) Publish() ([]byte, error) {
	unlock, err := f.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	source, err := LoadReleaseDir(f.ReleaseDir())
	if err != nil {
		return nil, err
	}
	current, err := f.Release()
	if err != nil {
		return nil, err
	}
	next, err := f.next(source, current)
	if err != nil || next == nil {
		return nil, err
	}
	return f.publish(next)
}

// Plan makes the release of a source that follows the one in force, as a plan
// that nobody has signed. Governors and issuers stay as they are. It returns nil
// when the source says what that release says and more than half of that one's
// validity is left.
func (f *Fabric) Plan(source *ReleaseSource, current *governance.Release) (*Plan, error) {
	next, err := f.next(source, current)
	if err != nil || next == nil {
		return nil, err
	}
	return f.newPlan(next)
}

// next is the release of a source that follows another, nil if there is no need
// for one.
func (f *Fabric) next(source *ReleaseSource, current *governance.Release) (*pb.Release, error) {
	next, err := source.Build(BuildParams{
		Version: current.Proto.GetVersion() + 1, Replaces: current.Digest, Now: f.Clock(),
		Governors: current.Proto.GetGovernors(), Issuers: current.Proto.GetIssuers(),
	})
	if err != nil {
		return nil, err
	}
	if err := checkNames(next.GetDirectory(), next.GetGovernors()); err != nil {
		return nil, err
	}
	if sameRules(current.Proto, next) && current.Proto.GetExpires().AsTime().Sub(f.Clock()) > source.validity/2 {
		return nil, nil
	}
	return next, nil
}

// sameRules reports whether two releases differ in their place and time only.
func sameRules(a, b *pb.Release) bool {
	a, b = proto.CloneOf(a), proto.CloneOf(b)
	for _, r := range []*pb.Release{a, b} {
		r.Version, r.Replaces, r.NotBefore, r.Expires = 0, nil, &timestamppb.Timestamp{}, nil
	}
	return proto.Equal(a, b)
}
