package fabric

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

const (
	brakeFile    = "brake"
	brakeVersion = "portcullis-brake-v1"

	// maxBrake bounds what is read of a brake file, maxBrakeReason what is told
	// of the reason in it, both in bytes.
	maxBrake       = 4 << 10
	maxBrakeReason = 512
)

// Brake is the kill switch of one host: while the file DATA/run/brake is there,
// the executors of that data folder are disarmed. It needs no broker, no key and
// no ledger. Whatever stands in the file's place counts as a pulled brake, an
// empty file made by hand too. Safe for concurrent use.
type Brake struct {
	fabric  *Fabric // its folder only: a damaged fabric can be braked too
	latched atomic.Pointer[string]
}

// brakeNote is the content of a brake file.
type brakeNote struct {
	Brake   string    `json:"brake"` // brakeVersion
	Reason  string    `json:"reason"`
	Engaged time.Time `json:"engaged"`
}

// BrakePath is the file that keeps the executors of this data folder disarmed.
func (f *Fabric) BrakePath() string { return f.path(runDir, brakeFile) }

// Brake is the brake of this fabric's executors.
func (f *Fabric) Brake() *Brake { return &Brake{fabric: &Fabric{Dir: f.Dir}} }

// OpenBrake finds the brake of the data folder dir. It asks no more of the
// folder than that it was once a fabric's.
func OpenBrake(dir string) (*Brake, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	if there, err := exists(filepath.Join(dir, configFile)); err != nil || !there {
		return nil, errors.Join(fmt.Errorf("%w in %s; name the data folder of the executors with --data", ErrNoFabric, dir), err)
	}
	return &Brake{fabric: &Fabric{Dir: dir}}, nil
}

// Path is the brake's file.
func (b *Brake) Path() string { return b.fabric.BrakePath() }

// Engaged says why the brake is pulled; "" if it is not. Only a file that does
// not exist, in a folder that does, is no brake: whatever cannot be looked at
// counts as one. It costs two system calls.
func (b *Brake) Engaged() (why string) {
	if why := b.latched.Load(); why != nil {
		return *why
	}
	if _, err := os.Lstat(b.Path()); !errors.Is(err, fs.ErrNotExist) {
		return b.told()
	}
	if info, err := os.Stat(filepath.Dir(b.Path())); err != nil || !info.IsDir() {
		return fmt.Sprintf("the brake is on: the folder of %s cannot be looked into; mend it, and restart the executors", b.Path())
	}
	return ""
}

// told is what a pulled brake says of itself.
func (b *Brake) told() string {
	const mend = "lift it with: portcullis resume --local --reason TEXT"
	note, err := b.note()
	if err != nil {
		return fmt.Sprintf("the brake is on, and %s does not say why (%v); %s", b.Path(), err, mend)
	}
	return fmt.Sprintf("the brake is on since %s: %q; %s", note.Engaged.UTC().Format(time.RFC3339), note.Reason, mend)
}

func (b *Brake) note() (brakeNote, error) {
	f, err := openNoFollow(b.Path())
	if err != nil {
		return brakeNote{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBrake))
	if err != nil {
		return brakeNote{}, err
	}
	var note brakeNote
	if err := decodeJSON(data, &note); err != nil {
		return brakeNote{}, err
	}
	if note.Brake != brakeVersion {
		return brakeNote{}, fmt.Errorf("it is of version %.40q", note.Brake)
	}
	note.Reason = note.Reason[:min(len(note.Reason), maxBrakeReason)]
	return note, nil
}

// Engage pulls the brake and makes that last; reason must not be empty. A brake
// that is pulled already stays as it is. Where the note cannot be written, an
// empty file is: that needs less of a disk that is full.
func (b *Brake) Engage(reason string, now time.Time) error {
	if reason == "" {
		return errors.New("fabric: a brake needs a reason")
	}
	text, err := encodeJSON(brakeNote{Brake: brakeVersion, Reason: reason[:min(len(reason), maxBrakeReason)], Engaged: now.UTC()})
	if err != nil {
		return err
	}
	if err := b.put(text); err != nil {
		return err
	}
	// Whoever lifted the earlier brake meanwhile did not mean this one. It is on
	// already: waiting for the lock delays nothing but the answer.
	unlock, err := b.fabric.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return b.put(text)
}

// put makes the brake's file unless something stands there.
func (b *Brake) put(text []byte) error {
	if err := makeDir(filepath.Dir(b.Path())); err != nil {
		return err
	}
	if there, err := exists(b.Path()); there || err != nil {
		return err
	}
	if err := replaceFile(b.Path(), text); err != nil {
		return errors.Join(err, unlessExists(writeSynced(b.Path(), nil)))
	}
	return nil
}

func unlessExists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Latch pulls the brake for this process alone, until it ends: for whoever must
// stop and cannot write. The first reason stays.
func (b *Brake) Latch(reason string) {
	why := fmt.Sprintf("the brake of this process is on: %q; restart it", reason[:min(len(reason), maxBrakeReason)])
	b.latched.CompareAndSwap(nil, &why)
}
