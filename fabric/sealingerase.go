package fabric

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// SealingErased says what erasing a sealing key did.
type SealingErased struct {
	Erased    []string        // files that were shredded
	Elsewhere []SealingHolder // who may hold copies on other machines
}

// EraseSealingKey shreds the private half of a sealing key in every folder here.
// What was sealed to it is then beyond anybody's reach, once every copy is gone:
// on other machines, in backups, and in the memory of services that still run.
//
// Enforcers need the key for as long as a verdict can rest on what was sealed to
// it: while the newest release lists it, and W after that. Until then it is
// refused with ErrSealingKey, unless despite is set.
func (f *Fabric) EraseSealingKey(id string, despite bool) (*SealingErased, error) {
	unlock, err := f.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	holders, err := f.SealingHolders(id)
	if err != nil {
		return nil, err
	}
	if err := f.checkUnused(id); err != nil && !despite {
		return nil, err
	}
	erased := &SealingErased{Elsewhere: elsewhere(holders)}
	for _, h := range holders {
		paths, err := sealingFiles(h.Path)
		if err != nil {
			return erased, err
		}
		for _, path := range paths {
			if err := shred(path); err != nil {
				return erased, fmt.Errorf("fabric: erasing %s: %w", path, err)
			}
			erased.Erased = append(erased.Erased, path)
		}
	}
	return erased, nil
}

// checkUnused demands that no release has listed the key for W. A release's
// not_before is before it was published: what is too early by that is too early.
func (f *Fabric) checkUnused(id string) error {
	releases, err := f.releases()
	if err != nil {
		return err
	}
	var without time.Time
	var memory time.Duration
	for _, r := range slices.Backward(releases) {
		memory = max(memory, r.GetBounds().GetMemory().AsDuration())
		if !slices.ContainsFunc(r.GetSealingKeys(), func(k *pb.SealingKey) bool { return k.GetId() == id }) {
			without = r.GetNotBefore().AsTime()
			continue
		}
		if without.IsZero() {
			return fmt.Errorf("%w: release %d lists %s, and enforcers without it fall silent; publish a release without it, wait for bounds.memory (%v), then erase it", ErrSealingKey, r.GetVersion(), id, memory)
		}
		if left := without.Add(memory).Sub(f.Clock()); left > 0 {
			return fmt.Errorf("%w: release %d listed %s until %s, and verdicts rest on what was sealed to it for bounds.memory (%v); wait for %v more", ErrSealingKey, r.GetVersion(), id, without.Format(time.RFC3339), memory, left.Round(time.Second))
		}
		return nil
	}
	return nil // no release ever listed it
}

// sealingFiles are a key's file and what a crash left of writing it.
func sealingFiles(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	var all []string
	for _, e := range entries {
		name, base := e.Name(), filepath.Base(path)
		if name == base || strings.HasPrefix(name, "."+base+".") && strings.HasSuffix(name, leftover) {
			all = append(all, filepath.Join(filepath.Dir(path), name))
		}
	}
	return all, nil
}

// shred overwrites a file with random bytes, makes that last, and removes it.
// What the file system or the disk keeps of older content is beyond its reach.
func shred(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is not a regular file; find out what it stands for, and erase that", ErrExposed)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.CopyN(file, rand.Reader, info.Size())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return errors.Join(os.Remove(path), syncPath(filepath.Dir(path)))
}
