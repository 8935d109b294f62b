package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Create makes a fabric in dir: keys of everybody, the local issuer, genesis and
// release 1. It appears whole or not at all. Where dir holds a fabric of the
// same trust domain and zone already, that one is opened and nothing is made;
// any other folder that is not empty is refused.
func Create(dir string, p Params) (*Fabric, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	taken, err := occupied(dir)
	if err != nil {
		return nil, err
	}
	if !taken {
		err = addDir(dir, func(temp string) error { return p.build(temp) })
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	// Somebody may have been faster; what counts is what stands there now.
	return p.open(dir)
}

// open opens the fabric in dir if it is the one that is asked for.
func (p *Params) open(dir string) (*Fabric, error) {
	f, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if f.TrustDomain != p.TrustDomain || f.Zone != p.Zone {
		return nil, fmt.Errorf("fabric: %s holds trust domain %s, zone %s already; choose another folder for %s, zone %s", dir, f.TrustDomain, f.Zone, p.TrustDomain, p.Zone)
	}
	f.Clock = p.Clock
	return f, nil
}

// occupied reports whether dir holds a fabric; it refuses a folder that holds
// something else.
func occupied(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("fabric: %w", err)
	case len(entries) == 0:
		return false, nil
	case !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == configFile }):
		return false, fmt.Errorf("fabric: %s is not empty and holds no fabric; choose another folder", dir)
	default:
		return true, nil
	}
}

// build makes the whole fabric in a folder that nobody looks at yet.
func (p *Params) build(dir string) error {
	now := p.Clock().UTC().Truncate(time.Second)
	f := &Fabric{Dir: dir, TrustDomain: p.TrustDomain, Zone: p.Zone, NATS: p.broker(), Created: now, Clock: p.Clock}
	var err error
	if p.recorders, err = makeRecorders(p.wantedRecorders()); err != nil {
		return err
	}
	source, err := p.writeSource(f)
	if err != nil {
		return err
	}
	ca, err := f.addIssuer(now)
	if err != nil {
		return err
	}
	governors, err := f.addGovernors(max(p.Governors, 1))
	if err != nil {
		return err
	}
	genesis := &pb.Genesis{Governors: governors, Thresholds: source.body.GetThresholds()}
	if err := f.addGenesis(genesis); err != nil {
		return err
	}
	if err := f.addFirstRelease(source, governors, ca); err != nil {
		return err
	}
	for _, entry := range source.body.GetDirectory() {
		if !hasFolder(entry.GetRole()) {
			continue
		}
		files, err := f.memberFiles(f.identity(entry.GetRole(), entry.GetName()), ca, p.recorders...)
		if err != nil {
			return err
		}
		if err := writeFiles(f.MemberDir(entry.GetRole(), entry.GetName()), files...); err != nil {
			return err
		}
	}
	return errors.Join(f.addEvidence(), f.addConfig())
}

// writeSource writes the release's source as the parameters want it, and reads
// it back.
func (p *Params) writeSource(f *Fabric) (*ReleaseSource, error) {
	tree := p.Release
	if tree == nil {
		var err error
		if tree, err = Template(); err != nil {
			return nil, err
		}
		samples, err := fs.Sub(story, "template/files")
		if err != nil {
			return nil, fmt.Errorf("fabric: %w", err)
		}
		if err := f.writeTree(samples, filesDir); err != nil {
			return nil, err
		}
	}
	if err := f.writeTree(tree, releaseDir); err != nil {
		return nil, err
	}
	return p.adapt(f.ReleaseDir())
}

func (f *Fabric) writeTree(tree fs.FS, under string) error {
	files, err := treeFiles(tree, under)
	if err != nil {
		return err
	}
	return writeFiles(f.Dir, files...)
}

func (f *Fabric) addIssuer(now time.Time) (*issuer, error) {
	ca, err := newIssuer(f.TrustDomain, now)
	if err != nil {
		return nil, err
	}
	files, err := ca.files()
	if err != nil {
		return nil, err
	}
	return ca, writeFiles(f.path(issuerDir), files...)
}

func (f *Fabric) addGovernors(n int) ([]*pb.Governor, error) {
	var all []*pb.Governor
	for i := range n {
		name := fmt.Sprintf("g%d", i+1)
		key, files, err := keyFiles()
		if err != nil {
			return nil, err
		}
		if err := writeFiles(f.path(governorsDir, name), files...); err != nil {
			return nil, err
		}
		all = append(all, &pb.Governor{Name: name, PublicKey: key.Public().Bytes()})
	}
	return all, nil
}

// addGenesis makes the record whose digest is the ledger's identity: what the
// caller says, with where and when.
func (f *Fabric) addGenesis(genesis *pb.Genesis, governors ...string) error {
	genesis.TrustDomain, genesis.Zone, genesis.Created = f.TrustDomain, f.Zone, timestamppb.New(f.Created)
	data, err := f.SignGovernance(&pb.Governance{Record: &pb.Governance_Genesis{Genesis: genesis}}, governors...)
	if err != nil {
		return err
	}
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return err
	}
	f.Ledger = trust.DigestOf(env.Payload)
	if err := makeDir(f.path(recordsDir)); err != nil {
		return err
	}
	return addFile(f.path(recordsDir, genesisRecordName), data)
}

func (f *Fabric) addFirstRelease(source *ReleaseSource, governors []*pb.Governor, ca *issuer) error {
	if err := checkNames(source.body.GetDirectory(), governors); err != nil {
		return err
	}
	release, err := source.Build(BuildParams{
		Version: 1, Replaces: f.Ledger, Now: f.Created, Governors: governors, Issuers: [][]byte{ca.cert.Raw},
	})
	if err != nil {
		return fmt.Errorf("fabric: the first release:\n%w", err)
	}
	_, err = f.addRelease(release)
	return err
}

// checkNames demands that no governor is called like someone in the directory:
// names are unique in a zone, because the broker knows people by them.
func checkNames(directory []*pb.Identity, governors []*pb.Governor) error {
	for _, g := range governors {
		for _, p := range directory {
			if p.GetName() == g.GetName() {
				return fmt.Errorf("fabric: %s %q is called like a governor; names are unique in a zone, choose another", trust.RoleName(p.GetRole()), p.GetName())
			}
		}
	}
	return nil
}

// hasFolder reports whether a participant of this role has keys of this house: a
// witness has its own program and its own keys, and only cosigns.
func hasFolder(role pb.Role) bool { return role != pb.Role_ROLE_WITNESS }

func (f *Fabric) addEvidence() error {
	text, err := story.ReadFile("template/" + evidenceFile)
	if err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	return writeNew(f.path(evidenceFile), text)
}

func (f *Fabric) addConfig() error {
	for _, name := range []string{serverDir, filesDir, runDir, participantsDir} {
		if err := makeDir(f.path(name)); err != nil {
			return err
		}
	}
	if f.NATS.CA != "" {
		if err := writeNew(f.path(brokerCA), []byte(f.NATS.CA)); err != nil {
			return err
		}
	}
	data, err := f.config()
	if err != nil {
		return err
	}
	return writeNew(f.path(configFile), data)
}
