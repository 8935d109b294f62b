package trust

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// maxLogName is the longest name of a log in an ML-DSA-44 signature, in bytes
// (C2SP tlog-cosignature: one byte holds its length).
const maxLogName = 255

// LogSigner signs the checkpoints of one tree. The zero value signs nothing; see
// Signer. It may be shared.
type LogSigner struct {
	origin  string
	ed25519 note.Signer
	mldsa44 *cosignature.SubtreeSigner
}

// Signer is the signer of a tree with this origin: a recorder signs in its tree's
// name.
func (k *LogKeys) Signer(origin string) (*LogSigner, error) {
	if k.ed25519.seed == nil {
		return nil, errors.New("trust: there are no log keys; make them with GenerateLogKeys")
	}
	if len(origin) > maxLogName {
		return nil, fmt.Errorf("trust: the origin %.80q… has %d bytes; a signature of ML-DSA-44 names at most %d. Choose a shorter trust domain or zone", origin, len(origin), maxLogName)
	}
	plain, err := note.NewSigner(k.ed25519.signerText(origin))
	if err != nil {
		return nil, fmt.Errorf("trust: an Ed25519 key for checkpoints of %q: %w", origin, err)
	}
	quantum, err := cosignature.NewMLDSASigner(k.mldsa44.signerText(origin))
	if err != nil {
		return nil, fmt.Errorf("trust: an ML-DSA-44 key for checkpoints of %q: %w", origin, err)
	}
	return &LogSigner{origin, plain, quantum}, nil
}

// Origin is the origin of the tree.
func (s *LogSigner) Origin() string { return s.origin }

// Sign makes the signed note of a checkpoint's text (C2SP tlog-checkpoint), with
// both keys. The signature of ML-DSA-44 states the time of signing, in seconds.
func (s *LogSigner) Sign(text string, at time.Time) ([]byte, error) {
	if s.ed25519 == nil {
		return nil, errors.New("trust: there is no key that would sign the checkpoint")
	}
	if !strings.HasPrefix(text, s.origin+"\n") {
		return nil, fmt.Errorf("trust: the keys sign for %q, and the checkpoint is another tree's", s.origin)
	}
	signed, err := note.Sign(&note.Note{Text: text}, s.ed25519, timed{s.mldsa44, at})
	if err != nil {
		return nil, fmt.Errorf("trust: signing a checkpoint of %q: %w", s.origin, err)
	}
	return signed, nil
}

// timed states a time that comes from the caller, where the library's own signer
// would read the clock.
type timed struct {
	*cosignature.SubtreeSigner
	at time.Time
}

// Sign implements note.Signer. A checkpoint is the subtree from 0 to its size
// (C2SP tlog-cosignature).
func (s timed) Sign(message []byte) ([]byte, error) {
	lines := strings.Split(string(message), "\n")
	if len(lines) != 4 || lines[3] != "" {
		return nil, errors.New("a checkpoint has three lines: origin, size, root")
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the size of a checkpoint: %w", err)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != sha256.Size {
		return nil, fmt.Errorf("the root of a checkpoint is %.60q, not a SHA-256 in base64", lines[2])
	}
	if s.at.Unix() < 0 {
		return nil, fmt.Errorf("%s is no time to sign at", s.at)
	}
	return s.SignSubtree(uint64(s.at.Unix()), lines[0], 0, size, root) //nolint:gosec // not negative
}
