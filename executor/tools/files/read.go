package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// chunk is how many bytes move between two looks at the context.
const chunk = 16 << 10

// Read returns the file that resource names as JSON; see [Files.Write] for the
// shape. arguments is {"path": string}, with the path equal to resource.
// Content that is not plain text (UTF-8 without control characters other than
// tab and line ends) is in base64 and marked so.
func (f *Files) Read(ctx context.Context, resource string, arguments []byte) ([]byte, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	var args readArguments
	if err := decode(arguments, &args, `{"path"}`); err != nil {
		return nil, err
	}
	segments, err := target(resource, args.Path)
	if err != nil {
		return nil, err
	}
	data, err := f.load(ctx, segments)
	if err != nil {
		return nil, err
	}
	return encode(describe(resource, data).with(data))
}

func (f *Files) load(ctx context.Context, segments []string) ([]byte, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	dir, err := f.parent(segments)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	name := segments[len(segments)-1]
	seen, err := look(dir, name)
	if err != nil {
		return nil, err
	}
	if seen == nil {
		return nil, missing(os.ErrNotExist, "file", name)
	}
	return f.contents(ctx, dir, name, seen)
}

// contents reads a whole file within the cap. The size that was seen is no
// promise: files grow, and some report none.
func (f *Files) contents(ctx context.Context, dir *os.Root, name string, seen os.FileInfo) ([]byte, error) {
	if seen.Size() > int64(f.limits.Read) {
		return nil, tooLarge(name, f.limits.Read)
	}
	file, err := open(dir, name, seen)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := make([]byte, 0, seen.Size()+1)
	for {
		if err := alive(ctx); err != nil {
			return nil, err
		}
		part, err := io.ReadAll(io.LimitReader(file, chunk))
		data = append(data, part...)
		switch {
		case err != nil:
			return nil, fmt.Errorf("files: reading %q failed; nothing is returned: %w", name, err)
		case len(data) > f.limits.Read:
			return nil, tooLarge(name, f.limits.Read)
		case len(part) == 0:
			return data, nil
		}
	}
}

func tooLarge(name string, limit int) error {
	return refusef("%q has, or would have, more than %d bytes; split it", name, limit)
}

// alive turns the end of a context into an error that names the cause.
func alive(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return fmt.Errorf("files: stopped before anything changed: %w", err)
}
