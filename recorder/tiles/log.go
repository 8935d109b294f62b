package tiles

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

const checkpointName = "checkpoint"

// Log is the tree that grows. It belongs to one goroutine, but for the readers
// that Hashes gives out. After an error of Append, Commit or SetCheckpoint the
// log is of no use: open it again, and what is not covered is written again.
type Log struct {
	disk       *disk
	read       reader
	note       []byte             // the signed note on disk; nil before the first
	checkpoint lineage.Checkpoint // its text; the zero value before the first

	edge    *lineage.Edge
	right   [][]byte // by level: the hashes in the tile on the right edge, never a full one
	bundle  []byte   // the same, of entries
	waiting []file   // full tiles and bundles, not on disk yet
	outgrew []string // folders of partial tiles that became full since the last Commit
	durable uint64   // the tree of this size is on disk

	tile int64          // the tile that leaves and entries are of; -1 for none
	leaf []lineage.Hash // hashes that the checkpoint covers
	data [][]byte       // entries, the same
}

// file is one to be written, below the tree's folder.
type file struct {
	name string
	data []byte
}

// Open opens the tree of the folder at its checkpoint, or an empty one where
// there is none. It checks that the tiles on the right edge belong to the root
// that the checkpoint names, and entries to tiles; errors of these wrap ErrDisk.
// Whose signatures the checkpoint bears is the caller's to check.
func (f *Folder) Open() (*Log, error) { return open(newDisk(f.Tree())) }

func open(d *disk) (*Log, error) {
	l := &Log{disk: d, read: reader{d.root}, edge: new(lineage.Edge), tile: -1}
	note, err := l.read.file(checkpointName)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	if l.checkpoint, err = TextOf(note); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	l.note, l.durable = note, l.checkpoint.Size
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("%w (below %s); move that folder elsewhere and keep it, and the tree is built again from the ledger and compared with the checkpoints that were published", err, d.root)
	}
	return l, nil
}

// TextOf reads the checkpoint in a signed note without verifying anything.
func TextOf(note []byte) (lineage.Checkpoint, error) {
	text, _, found := strings.Cut(string(note), "\n\n")
	if !found {
		return lineage.Checkpoint{}, fmt.Errorf("%w: %s is no signed note", lineage.ErrCheckpoint, checkpointName)
	}
	return lineage.ParseCheckpoint(text + "\n")
}

// load reads the right edge, from which the tree grows.
func (l *Log) load() error {
	size, hashes := l.checkpoint.Size, l.Hashes(l.checkpoint)
	var err error
	if l.edge, err = lineage.NewEdge(size, hashes); err != nil {
		return diskFault(err)
	}
	if l.Root() != l.checkpoint.Root {
		return fmt.Errorf("%w: its root is %v, not %v", ErrDisk, l.Root(), l.checkpoint.Root)
	}
	for level := 0; size>>(height*level) > 0; level++ {
		tile, err := hashes.ReadHashes(rightmost(level, size))
		if err != nil {
			return diskFault(err)
		}
		l.right = append(l.right, nil)
		for _, h := range tile {
			l.right[level] = append(l.right[level], h[:]...)
		}
	}
	return l.loadBundle(size)
}

// rightmost are the indexes of the hashes in the partial tile on the right edge.
func rightmost(level int, size uint64) []int64 {
	end := int64(size >> (height * level)) //nolint:gosec // at most 2^62
	var indexes []int64
	for n := end &^ (width - 1); n < end; n++ {
		indexes = append(indexes, tlog.StoredHashIndex(height*level, n))
	}
	return indexes
}

func (l *Log) loadBundle(size uint64) error {
	if size%width == 0 {
		return nil
	}
	if err := l.turnTo(int64(size / width)); err != nil { //nolint:gosec // at most 2^54
		return err
	}
	for _, entry := range l.data {
		l.bundle = appendEntry(l.bundle, entry)
	}
	return nil
}

// diskFault: the library's reader found tiles that do not belong to the root.
func diskFault(err error) error {
	if errors.Is(err, ErrDisk) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDisk, err)
}

// Checkpoint is the newest checkpoint on disk, zero before the first, and Note
// the signed note of it.
func (l *Log) Checkpoint() lineage.Checkpoint { return l.checkpoint }

// Note is the newest signed note on disk; nil before the first.
func (l *Log) Note() []byte { return l.note }

// Size is how many entries the tree has, on disk or not.
func (l *Log) Size() uint64 { return l.edge.Size() }

// Root is the tree's root.
func (l *Log) Root() lineage.Hash { return l.edge.Root() }

// Hashes reads the hashes of a tree that this log had at a Commit, each proved
// to be that tree's. It may be used at any time, from anywhere.
func (l *Log) Hashes(c lineage.Checkpoint) tlog.HashReader { return l.read.hashes(c) }

// Holds reports whether an entry that the checkpoint covers is the one at an
// index, from 0. Errors wrap ErrDisk: nothing can be said then.
func (l *Log) Holds(index uint64, entry []byte) (bool, error) {
	if index >= l.checkpoint.Size {
		return false, fmt.Errorf("tiles: entry %d of a tree of %d", index, l.checkpoint.Size)
	}
	if err := l.turnTo(int64(index / width)); err != nil { //nolint:gosec // at most 2^54
		return false, err
	}
	return l.leaf[index%width] == tlog.RecordHash(entry), nil
}

// turnTo reads the leaves of a tile and its entries, and checks that they belong
// together and to the checkpoint.
func (l *Log) turnTo(tile int64) error {
	if l.tile == tile {
		return nil
	}
	first := tile * width
	w := min(width, int64(l.checkpoint.Size)-first) //nolint:gosec // at most 2^62
	indexes := make([]int64, w)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	leaves, err := l.Hashes(l.checkpoint).ReadHashes(indexes)
	if err != nil {
		return diskFault(err)
	}
	data, err := l.read.bundle(tlog.Tile{H: height, L: entries, N: tile, W: int(w)})
	if err != nil {
		return diskFault(err)
	}
	for i, entry := range data {
		if tlog.RecordHash(entry) != leaves[i] {
			return fmt.Errorf("%w: entry %d is not the one of its leaf", ErrDisk, first+int64(i))
		}
	}
	l.tile, l.leaf, l.data = tile, leaves, data
	return nil
}

// Append adds an entry. It is durable after the next Commit.
func (l *Log) Append(entry []byte) error {
	if len(entry) > math.MaxUint16 {
		return fmt.Errorf("tiles: an entry of %d bytes; a bundle holds entries of at most %d", len(entry), math.MaxUint16)
	}
	l.bundle = appendEntry(l.bundle, entry)
	for level, hash := range l.edge.Append(tlog.RecordHash(entry)) {
		if level%height == 0 {
			l.grow(level/height, hash)
		}
	}
	if l.Size()%width == 0 {
		l.filled(entries, l.bundle)
		l.bundle = nil
	}
	if len(l.waiting) >= maxWaiting {
		return l.flush()
	}
	return nil
}

// maxWaiting is how many full tiles wait in memory.
const maxWaiting = 64

// grow adds a hash to the right edge of a level.
func (l *Log) grow(level int, hash lineage.Hash) {
	if level == len(l.right) {
		l.right = append(l.right, nil)
	}
	l.right[level] = append(l.right[level], hash[:]...)
	if len(l.right[level]) == width*unit {
		l.filled(level, l.right[level])
		l.right[level] = nil
	}
}

// filled takes a tile on the right edge that has just become full.
func (l *Log) filled(level int, data []byte) {
	n := int64(l.Size()>>(height*(max(level, 0)+1))) - 1 //nolint:gosec // at most 2^62
	name := path(tlog.Tile{H: height, L: level, N: n, W: width})
	l.waiting = append(l.waiting, file{name, data})
	l.outgrew = append(l.outgrew, name+".p")
}

func (l *Log) flush() error {
	for _, f := range l.waiting {
		if err := l.disk.put(f.name, f.data); err != nil {
			return err
		}
	}
	l.waiting = nil
	return nil
}

// Commit makes all that was appended durable: full tiles first, then the partial
// ones on the right edge.
func (l *Log) Commit() error {
	if l.Size() == l.durable {
		return nil
	}
	if err := l.flush(); err != nil {
		return err
	}
	for level, data := range l.right {
		if err := l.putPartial(level, data, len(data)/unit); err != nil {
			return err
		}
	}
	if err := l.putPartial(entries, l.bundle, int(l.Size()%width)); err != nil {
		return err
	}
	if err := l.disk.settle(); err != nil {
		return err
	}
	l.durable = l.Size()
	return l.tidy()
}

func (l *Log) putPartial(level int, data []byte, w int) error {
	shift := height * max(level, 0)
	if w == 0 || l.Size()>>shift == l.durable>>shift {
		return nil
	}
	n := int64(l.Size() >> (shift + height)) //nolint:gosec // at most 2^62
	return l.disk.put(path(tlog.Tile{H: height, L: level, N: n, W: w}), data)
}

// tidy removes partial tiles whose full ones are durable: whoever asks for one
// of them takes the full one.
func (l *Log) tidy() error {
	for _, dir := range l.outgrew {
		if err := l.disk.drop(dir); err != nil {
			return err
		}
	}
	l.outgrew = nil
	return nil
}

// SetCheckpoint writes a signed note as the tree's checkpoint. What it covers
// must have been committed, and must not be less than what the one before does.
func (l *Log) SetCheckpoint(note []byte) error {
	c, err := TextOf(note)
	if err != nil {
		return err
	}
	if c.Size > l.durable || c.Size < l.checkpoint.Size {
		return fmt.Errorf("tiles: a checkpoint of %d, after one of %d and with %d entries on disk", c.Size, l.checkpoint.Size, l.durable)
	}
	if err := l.disk.put(checkpointName, note); err != nil {
		return err
	}
	if err := l.disk.settle(); err != nil {
		return err
	}
	l.note, l.checkpoint, l.tile = note, c, -1
	return nil
}
