package fabric

import (
	"errors"
	"fmt"
	"os"

	"github.com/portcullis-dev/portcullis/schemas"
)

// ErrHeld reports a participant that another process on this machine runs.
var ErrHeld = errors.New("fabric: another process runs this participant")

// Hold makes sure that no other process that holds it runs a participant of this
// folder: two of one identity are drift, and trip. It ends with release, or with
// the process.
func (f *Fabric) Hold(name string) (release func(), err error) {
	if err := schemas.CheckName(name); err != nil {
		return nil, err
	}
	if err := makeDir(f.RunDir()); err != nil {
		return nil, err
	}
	path := f.path(runDir, name+".held")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	release = func() { _ = file.Close() } // closing drops the lock; nothing was written
	if err := tryLock(file); err != nil {
		release()
		return nil, fmt.Errorf("%w: %s; stop that one, or enroll another executor and name it", ErrHeld, name)
	}
	return release, nil
}
