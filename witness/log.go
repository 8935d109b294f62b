package witness

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrLog reports a log that cannot be followed as it is described.
var ErrLog = errors.New("witness: the log")

// maxOrigin is the longest origin in a signature of ML-DSA-44, in bytes (C2SP
// tlog-cosignature: one byte holds its length).
const maxOrigin = 255

// Log is a log to follow. Of the same origin there may be several, one for each
// recorder; a checkpoint counts when one recorder signed it with all its keys.
type Log struct {
	Origin string   `yaml:"origin"`
	Keys   []string `yaml:"keys"` // C2SP verifier keys in the origin's name: Ed25519, ML-DSA-44 or both
}

// ParseLog reads ORIGIN=KEY[,KEY]….
func ParseLog(text string) (Log, error) {
	origin, keys, found := strings.Cut(text, "=")
	if !found {
		return Log{}, fmt.Errorf("%w %.80q has no keys; write ORIGIN=KEY[,KEY]", ErrLog, text)
	}
	l := Log{Origin: origin, Keys: strings.Split(keys, ",")}
	_, err := l.verifiers()
	return l, err
}

// verifiers reads the keys.
func (l Log) verifiers() ([]note.Verifier, error) {
	if l.Origin == "" || len(l.Origin) > maxOrigin {
		return nil, fmt.Errorf("%w %.80q: its origin has 1 to %d bytes", ErrLog, l.Origin, maxOrigin)
	}
	var all []note.Verifier
	for _, text := range l.Keys {
		v, err := logVerifier(l.Origin, text)
		if err != nil {
			return nil, fmt.Errorf("%w %s: %w", ErrLog, l.Origin, err)
		}
		if slices.ContainsFunc(all, func(o note.Verifier) bool { return sameKey(o, v) }) {
			return nil, fmt.Errorf("%w %s: the key %.120q stands there twice", ErrLog, l.Origin, text)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w %s has no keys; copy them from its release", ErrLog, l.Origin)
	}
	return all, nil
}

// logVerifier reads a verifier key. Its one spelling counts: a damaged key must
// not become another.
func logVerifier(origin, text string) (note.Verifier, error) {
	parts := strings.SplitN(text, "+", 3) // name, hash, key
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("%.120q is no C2SP verifier key", text)
	}
	key, open := &pb.LogKey{PublicKey: raw[1:]}, note.NewVerifier
	switch raw[0] {
	case 0x01:
		key.Algorithm = pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519
	case algMLDSA44:
		key.Algorithm, open = pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ML_DSA_44, cosignature.NewVerifierForCosignatureV1
	default:
		return nil, fmt.Errorf("%.120q is a key of algorithm %d; logs sign with Ed25519 (1) and ML-DSA-44 (6)", text, raw[0])
	}
	if canonical, err := lineage.VerifierKey(origin, key); err != nil || canonical != text {
		return nil, fmt.Errorf("%.120q is no key in this log's name, or a damaged one", text)
	}
	return open(text)
}

func sameKey(a, b note.Verifier) bool { return a.Name() == b.Name() && a.KeyHash() == b.KeyHash() }
