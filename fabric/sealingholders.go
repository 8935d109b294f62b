package fabric

import (
	"path/filepath"
	"slices"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// SealingHolder is a member who must hold the private half of a sealing key:
// enforcers, for policy sees what was sealed, and executors, who act on it.
type SealingHolder struct {
	Role  pb.Role
	Name  string
	Path  string // of the key's file in the member's folder
	Here  bool   // the member's keys are in this fabric
	Holds bool   // the file is there
}

// SealingHolders lists the enforcers and executors of the directory in force,
// and those whose folder is still here without an entry, by role and name.
func (f *Fabric) SealingHolders(id string) ([]SealingHolder, error) {
	if err := schemas.CheckName(id); err != nil {
		return nil, err
	}
	release, err := f.Release()
	if err != nil {
		return nil, err
	}
	var all []SealingHolder
	for _, role := range []pb.Role{pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR} {
		names, err := f.namesOf(role, release.Proto.GetDirectory())
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			h := SealingHolder{Role: role, Name: name, Path: filepath.Join(f.MemberDir(role, name), sealingDir, id+sealingSuffix)}
			if h.Here, err = exists(filepath.Join(f.MemberDir(role, name), signingFile)); err != nil {
				return nil, err
			}
			if h.Holds, err = exists(h.Path); err != nil {
				return nil, err
			}
			all = append(all, h)
		}
	}
	return all, nil
}

// namesOf are the members of a role, in the directory or with a folder here.
func (f *Fabric) namesOf(role pb.Role, directory []*pb.Identity) ([]string, error) {
	var names []string
	for _, p := range directory {
		if p.GetRole() == role {
			names = append(names, p.GetName())
		}
	}
	dir := f.path(participantsDir, trust.RoleName(role))
	if there, err := exists(dir); err != nil {
		return nil, err
	} else if there {
		folders, err := subfolders(dir)
		if err != nil {
			return nil, err
		}
		names = append(names, folders...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// SealingIDs lists the ids of the sealing keys that the release in force lists or
// that are in a folder here, ascending.
func (f *Fabric) SealingIDs() ([]string, error) {
	release, err := f.Release()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, k := range release.Proto.GetSealingKeys() {
		ids = append(ids, k.GetId())
	}
	for _, role := range []pb.Role{pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR} {
		names, err := f.namesOf(role, nil)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			keys, err := readSealingKeys(filepath.Join(f.MemberDir(role, name), sealingDir))
			if err != nil {
				return nil, err
			}
			ids = append(ids, keys.IDs()...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// elsewhere are the holders whose folder is on another machine: whether they have
// the key cannot be seen here.
func elsewhere(holders []SealingHolder) []SealingHolder {
	return slices.DeleteFunc(slices.Clone(holders), func(h SealingHolder) bool { return h.Here || h.Holds })
}
