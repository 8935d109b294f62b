package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
)

// private is the mode of a new file: the executor's user only. A file that is
// replaced keeps its permission bits, without set-user-id and its kin.
const private fs.FileMode = 0o600

// Write creates, replaces or extends the file that resource names and describes
// it as it is afterwards:
//
//	{"path": string, "bytes": number, "sha256": hex, "content"?: string, "base64"?: true}
//
// (content and base64 are in the answer to a read only). arguments is {"path":
// string, "content": string, "mode"?: "create" | "replace" | "append"} with the
// path equal to resource; the mode is replace if absent; directories are not
// made. token is the fencing token: not zero, and higher than that of any
// earlier write to this path.
//
// A file whose owner may not write it is left alone. An error means that the
// file is as it was, but for an [ErrUncertain].
func (f *Files) Write(ctx context.Context, resource string, arguments []byte, token uint64) ([]byte, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	w, err := f.writing(resource, arguments, token)
	if err != nil {
		return nil, err
	}
	state, err := f.state()
	if err != nil {
		return nil, err
	}
	defer state.Close()
	release, err := f.lock(ctx, state)
	if err != nil {
		return nil, err
	}
	defer release()
	data, err := f.apply(ctx, state, w)
	if err != nil {
		return nil, err
	}
	return encode(describe(w.path, data))
}

// apply carries out a write in its turn and returns the file's new content. The
// fence is passed once nothing but the disk and the context can still stop it:
// a refused write spends no token.
func (f *Files) apply(ctx context.Context, state *os.Root, w writing) ([]byte, error) {
	dir, err := f.parent(w.segments)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	name := w.segments[len(w.segments)-1]
	seen, err := look(dir, name)
	if err != nil {
		return nil, err
	}
	if err := writable(name, seen, w.mode); err != nil {
		return nil, err
	}
	data, err := f.compose(ctx, dir, name, seen, w)
	if err != nil {
		return nil, err
	}
	if err := pass(ctx, state, w.path, w.token); err != nil {
		return nil, err
	}
	s := staging{dir: dir, name: name, temp: tempName(name), perm: private, fresh: w.mode == create}
	if seen != nil {
		s.perm = seen.Mode().Perm()
	}
	if err := s.publish(ctx, data); err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, fmt.Errorf("files: %w: %q is written, but its directory could not be synced, so a loss of power may undo it; read it back: %w", ErrUncertain, w.path, err)
	}
	return data, nil
}

// writable refuses to touch what the mode or the file's owner protects: a rename
// would not ask the file's permission bits, so this does.
func writable(name string, seen fs.FileInfo, how mode) error {
	switch {
	case seen == nil:
		return nil
	case how == create:
		return exists(name, fs.ErrExist)
	case seen.Mode().Perm()&0o200 == 0:
		return refusef("%q is read-only (mode %v); let its owner make it writable", name, seen.Mode().Perm())
	}
	return nil
}

// compose is the whole content that the file shall have.
func (f *Files) compose(ctx context.Context, dir *os.Root, name string, seen fs.FileInfo, w writing) ([]byte, error) {
	if w.mode != extend || seen == nil {
		return w.content, nil
	}
	old, err := f.contents(ctx, dir, name, seen)
	if err != nil {
		return nil, err
	}
	if len(old)+len(w.content) > f.limits.Read {
		return nil, tooLarge(name, f.limits.Read)
	}
	return append(old, w.content...), nil
}

// tempName is the staging name for a target: always the same, so that what a
// crash leaves behind is cleared away by the next write.
func tempName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return reserved + "-" + hex.EncodeToString(sum[:16])
}

func exists(name string, err error) error {
	return refusef("%q exists already; use the mode %q or %q, or another name: %w", name, replace, extend, err)
}

func diskError(what, name string, err error) error {
	return fmt.Errorf("files: cannot %s %q, which stays as it was; see that the disk has room and that the executor's user may write here: %w", what, name, err)
}
