package files

import (
	"errors"
	"fmt"
	"os"
)

// Hard caps in bytes. [Limits] may lower them; nothing raises them.
const (
	MaxRead  = 256 << 10 // of a file that is read, or that an append leaves behind
	MaxWrite = 60 << 10  // of the content that one write brings
)

// ErrRefused reports a request that this tool does not carry out: malformed,
// out of bounds, or aimed at something that is not a plain file under the root.
// Nothing was changed.
var ErrRefused = errors.New("refused")

// ErrUncertain reports a write that took effect but may not survive a loss of
// power, because the directory could not be synced.
var ErrUncertain = errors.New("uncertain")

// Limits lowers the caps, in bytes; zero keeps [MaxRead] or [MaxWrite].
type Limits struct{ Read, Write int }

// Files is the tool. It is safe for concurrent use; writes take turns, also
// between processes that share a root. The zero value refuses.
type Files struct {
	root   *os.Root
	limits Limits
	turn   chan struct{} // holds one value while a write of this process has its turn
}

// New opens the directory root, which may itself be reached through a symbolic
// link: the operator chose it. Close releases it.
func New(root string) (*Files, error) { return NewLimited(root, Limits{}) }

// NewLimited is New with lower caps.
func NewLimited(root string, limits Limits) (*Files, error) {
	limits, err := limits.resolve()
	if err != nil {
		return nil, err
	}
	opened, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("files: cannot open the root; it must be a directory that exists: %w", err)
	}
	return &Files{root: opened, limits: limits, turn: make(chan struct{}, 1)}, nil
}

// Close releases the root. Later calls are refused.
func (f *Files) Close() error {
	if f == nil || f.root == nil {
		return nil
	}
	return f.root.Close()
}

func (f *Files) usable() error {
	if f == nil || f.root == nil {
		return refusef("no root is open; make the tool with New")
	}
	return nil
}

func (l Limits) resolve() (Limits, error) {
	if l.Read == 0 {
		l.Read = MaxRead
	}
	if l.Write == 0 {
		l.Write = MaxWrite
	}
	if l.Read < 0 || l.Read > MaxRead || l.Write < 0 || l.Write > MaxWrite {
		return Limits{}, fmt.Errorf("files: limits of %d bytes to read and %d to write; give 1 to %d and 1 to %d, or 0 for the most", l.Read, l.Write, MaxRead, MaxWrite)
	}
	return l, nil
}

// refusef makes an ErrRefused that says what, where and how to mend.
func refusef(format string, args ...any) error {
	return fmt.Errorf("files: %w: %w", ErrRefused, fmt.Errorf(format, args...))
}
