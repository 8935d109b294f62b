package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	lockName  = "lock"
	lockRetry = 2 * time.Millisecond // between two attempts at a lock that another process holds
)

// state opens the directory that keeps the root's lock and tokens.
func (f *Files) state() (*os.Root, error) {
	if err := f.root.Mkdir(reserved, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, diskError("make the directory", reserved, err)
	}
	if _, err := f.root.Lstat(strings.ToUpper(reserved)); err == nil {
		return nil, refusef("the root's file system does not tell upper from lower case (or holds %s), so that one file would have several names; choose another root", strings.ToUpper(reserved))
	}
	return enter(f.root, reserved)
}

// lock waits for this write's turn: first among the goroutines of this process,
// then among the processes that share the root. A process that dies gives its
// turn back.
func (f *Files) lock(ctx context.Context, state *os.Root) (release func(), err error) {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, alive(ctx)
	}
	file, err := state.OpenFile(lockName, os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		<-f.turn
		return nil, diskError("open the lock", reserved+"/"+lockName, err)
	}
	release = func() {
		_ = file.Close() // gives the lock back; nothing was written
		<-f.turn
	}
	if err := flock(ctx, file); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// flock takes the lock of an open file, trying until the context ends.
func flock(ctx context.Context, file *os.File) error {
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for {
		taken, err := tryLock(file)
		if err != nil {
			return fmt.Errorf("files: the root cannot be locked, so writes could overtake each other; choose a root on a file system with locks: %w", err)
		}
		if taken {
			return alive(ctx)
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return alive(ctx)
		}
	}
}

// pass lets a token through that is higher than all before it for this path, and
// remembers it durably. It runs under the lock.
func pass(ctx context.Context, state *os.Root, path string, token uint64) error {
	sum := sha256.Sum256([]byte(path))
	name := hex.EncodeToString(sum[:])
	last, err := highest(ctx, state, name)
	if err != nil {
		return err
	}
	if token <= last {
		return refusef("the fencing token %d is not higher than %d, the last to write %q: a later action was here first; propose again (after a change of ledger, remove %s/%s)", token, last, path, reserved, name)
	}
	s := staging{dir: state, name: name, temp: tempName(name), perm: private}
	if err := s.publish(ctx, strconv.AppendUint(nil, token, 10)); err != nil {
		return fmt.Errorf("files: the fencing token of %q could not be remembered, so it was not written: %w", path, err)
	}
	if err := syncDir(state); err != nil {
		return diskError("remember the fencing token of", path, err)
	}
	return nil
}

// highest is the last token of a path, 0 if none has passed. An unreadable one
// refuses: it may be higher than ours.
func highest(ctx context.Context, state *os.Root, name string) (uint64, error) {
	seen, err := look(state, name)
	if seen == nil || err != nil {
		return 0, err
	}
	file, err := open(state, name, seen)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if err := alive(ctx); err != nil {
		return 0, err
	}
	text := make([]byte, 21) // one more than the longest token
	n, err := file.Read(text)
	if err == nil {
		var last uint64
		if last, err = strconv.ParseUint(string(text[:n]), 10, 64); err == nil {
			return last, nil
		}
	}
	return 0, refusef("the last fencing token in %s/%s cannot be read; remove the file when no executor is paused: %w", reserved, name, err)
}
