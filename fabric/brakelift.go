package fabric

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrNoBrake reports a brake that is not pulled.
var ErrNoBrake = errors.New("fabric: the brake is not on")

// brakeLifted is what stays of a brake: why it was on, and why it is not.
type brakeLifted struct {
	Was    string    `json:"was"`
	Reason string    `json:"reason"`
	Lifted time.Time `json:"lifted"`
}

// Lift lifts the brake and returns what it said. The file is moved to
// run/brake-<time>-<random> and a note with the reason is put beside it first,
// so that no brake is ever lifted without a trace.
func (b *Brake) Lift(reason string, now time.Time) (was, archive string, err error) {
	if reason == "" {
		return "", "", errors.New("fabric: lifting a brake needs a reason")
	}
	unlock, err := b.fabric.lock()
	if err != nil {
		return "", "", err
	}
	defer unlock()
	there, err := exists(b.Path())
	if err != nil {
		return "", "", fmt.Errorf("fabric: %w", err)
	}
	if !there {
		return "", "", fmt.Errorf("%w: there is no %s; nothing is to be lifted here", ErrNoBrake, b.Path())
	}
	was = b.told()
	if archive, err = b.archive(was, reason, now); err != nil {
		return "", "", err
	}
	if err := os.Rename(b.Path(), archive); err != nil {
		return "", "", fmt.Errorf("fabric: lifting the brake: %w", err)
	}
	return was, archive, syncPath(filepath.Dir(archive))
}

// archive writes the note and names the place where the brake's file goes.
func (b *Brake) archive(was, reason string, now time.Time) (path string, err error) {
	text, err := encodeJSON(brakeLifted{Was: was, Reason: reason, Lifted: now.UTC()})
	if err != nil {
		return "", err
	}
	id, err := randomName()
	if err != nil {
		return "", err
	}
	path = fmt.Sprintf("%s-%s-%s", b.Path(), now.UTC().Format("20060102T150405Z"), id)
	return path, addFile(path+".lifted", text)
}
