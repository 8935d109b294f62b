package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// followed is a log and what the witness knows of it.
type followed struct {
	path    string            // of the file that keeps last
	signers [][]note.Verifier // one of these sets must have signed, all of it
	all     note.Verifiers    // the keys of the sets, each once

	mu     sync.Mutex // held from the comparison with last until the new one is on disk
	last   cosigned
	warned lineage.Checkpoint // the newest that the operator was warned of: repeats do not flood the log
}

// cosigned is what the witness cosigned last; the zero value, with the empty
// tree's root, is of a log of which it cosigned nothing.
type cosigned struct {
	lineage.Checkpoint
	note []byte    // the log's signatures and the witness's; nil: nothing yet
	at   time.Time // the time in the cosignatures
}

// follow reads the sets of keys and what was cosigned last of each log.
func follow(dir string, logs []Log, own note.Verifier) (map[string]*followed, error) {
	all := make(map[string]*followed)
	keys := make(map[string][]note.Verifier)
	for _, l := range logs {
		set, err := l.verifiers()
		if err != nil {
			return nil, err
		}
		f := all[l.Origin]
		if f == nil {
			name := sha256.Sum256([]byte(l.Origin))
			f = &followed{path: filepath.Join(dir, logsDir, hex.EncodeToString(name[:]))}
			all[l.Origin] = f
			if f.last, err = readLast(f.path, l.Origin, own); err != nil {
				return nil, err
			}
		}
		f.signers = append(f.signers, set)
		for _, v := range set {
			if !slices.ContainsFunc(keys[l.Origin], func(o note.Verifier) bool { return sameKey(o, v) }) {
				keys[l.Origin] = append(keys[l.Origin], v)
			}
		}
		f.all = note.VerifierList(keys[l.Origin]...)
	}
	return all, nil
}

// readLast reads what was cosigned last. The witness's own signature must be on
// it: anything else was not written by it.
func readLast(path, origin string, own note.Verifier) (cosigned, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		empty := lineage.Checkpoint{Origin: origin, Root: new(lineage.Edge).Root()}
		return cosigned{Checkpoint: empty}, nil
	}
	if err != nil {
		return cosigned{}, fmt.Errorf("witness: %w", err)
	}
	last, err := openLast(data, own)
	if err != nil || last.Origin != origin {
		return cosigned{}, fmt.Errorf("%w has in %s no note of %s that this witness cosigned (%w); retire this witness and make another one", ErrFolder, path, origin, orForeign(err))
	}
	return last, nil
}

var errForeign = errors.New("it is another log's")

func orForeign(err error) error {
	if err == nil {
		return errForeign
	}
	return err
}

func openLast(data []byte, own note.Verifier) (cosigned, error) {
	n, err := note.Open(data, note.VerifierList(own))
	if err != nil {
		return cosigned{}, err
	}
	c, err := lineage.ParseCheckpoint(n.Text)
	if err != nil {
		return cosigned{}, err
	}
	at, err := cosignature.CoSigV1Timestamp(n.Sigs[0])
	return cosigned{c, data, at}, err
}

// open checks the log's signatures on a note.
func (f *followed) open(signed []byte) (*note.Note, error) {
	n, err := note.Open(signed, f.all)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	complete := func(set []note.Verifier) bool {
		return !slices.ContainsFunc(set, func(v note.Verifier) bool {
			return !slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Name == v.Name() && s.Hash == v.KeyHash() })
		})
	}
	if !slices.ContainsFunc(f.signers, complete) {
		return nil, fmt.Errorf("%w: %d of them verified", ErrUnsigned, len(n.Sigs))
	}
	return n, nil
}
