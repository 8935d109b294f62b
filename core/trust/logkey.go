package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"filippo.io/mldsa"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const (
	// Algorithm bytes of C2SP signed-note and tlog-cosignature keys.
	noteEd25519 = 0x01
	noteMLDSA44 = 0x06

	logKeyLine = "PRIVATE+KEY+"
	logSeed    = 32 // bytes, of either algorithm
)

// LogKeys are the keys of one recorder, which sign the checkpoints of a ledger:
// Ed25519 (RFC 8032), which every reader of checkpoints knows, and ML-DSA-44
// (FIPS 204), which outlives Ed25519 if that falls to a quantum computer. The
// zero value signs nothing; see GenerateLogKeys and ParseLogKeys.
type LogKeys struct{ ed25519, mldsa44 logKey }

// logKey is one key as C2SP writes it: raw bytes, without its algorithm's byte.
type logKey struct {
	algorithm byte
	seed      Secret
	public    []byte
}

// GenerateLogKeys makes a recorder's keys from the operating system's randomness:
// the text that ParseLogKeys reads, to be kept secret, and the public halves for
// the recorder's entry in a release.
func GenerateLogKeys() (text []byte, public []*pb.LogKey, err error) {
	seeds := make([]byte, 2*logSeed)
	if _, err := rand.Read(seeds); err != nil {
		return nil, nil, fmt.Errorf("trust: no randomness for log keys: %w", err)
	}
	k, err := newLogKeys(seeds[:logSeed], seeds[logSeed:])
	if err != nil {
		return nil, nil, err
	}
	return k.text(), k.Public(), nil
}

func newLogKeys(edSeed, mlSeed []byte) (*LogKeys, error) {
	private, err := newSigningKey(ed25519.NewKeyFromSeed(edSeed))
	if err != nil {
		return nil, err
	}
	quantum, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), mlSeed)
	if err != nil {
		return nil, fmt.Errorf("trust: an ML-DSA-44 key: %w", err)
	}
	return &LogKeys{
		ed25519: logKey{noteEd25519, edSeed, private.public.Bytes()},
		mldsa44: logKey{noteMLDSA44, mlSeed, quantum.PublicKey().Bytes()},
	}, nil
}

// text is two lines, Ed25519 first: what C2SP writes for a signer's key, without
// the name and the hash, which depend on the tree that is signed for.
func (k *LogKeys) text() []byte {
	var b bytes.Buffer
	for _, key := range []logKey{k.ed25519, k.mldsa44} {
		b.WriteString(logKeyLine + base64.StdEncoding.EncodeToString(append([]byte{key.algorithm}, key.seed...)) + "\n")
	}
	return b.Bytes()
}

// ParseLogKeys reads the text that GenerateLogKeys makes, and nothing else.
func ParseLogKeys(text []byte) (*LogKeys, error) {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines) != 3 || len(lines[2]) != 0 {
		return nil, errLogKeys
	}
	edSeed, edErr := parseLogSeed(lines[0], noteEd25519)
	mlSeed, mlErr := parseLogSeed(lines[1], noteMLDSA44)
	if err := errors.Join(edErr, mlErr); err != nil {
		return nil, errLogKeys
	}
	return newLogKeys(edSeed, mlSeed)
}

// errLogKeys repeats nothing of the text: it is a secret.
var errLogKeys = errors.New("trust: not the text of log keys: two lines that begin with " + logKeyLine + ", an Ed25519 key's and then an ML-DSA-44 key's")

func parseLogSeed(line []byte, algorithm byte) ([]byte, error) {
	encoded, begun := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(logKeyLine))
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Strict().Decode(raw, encoded)
	if !begun || err != nil || n != 1+logSeed || raw[0] != algorithm || bytes.ContainsRune(encoded, '\r') {
		return nil, errLogKeys
	}
	return raw[1:n], nil
}

// Public is the public halves for a directory's entry, Ed25519 first; none of the
// zero value.
func (k *LogKeys) Public() []*pb.LogKey {
	if k.ed25519.public == nil {
		return nil
	}
	return []*pb.LogKey{
		{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519, PublicKey: bytes.Clone(k.ed25519.public)},
		{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ML_DSA_44, PublicKey: bytes.Clone(k.mldsa44.public)},
	}
}

// signerText is the key as C2SP signed-note writes a signer's, in this name.
func (k logKey) signerText(name string) string {
	hash := sha256.Sum256(append([]byte(name+"\n"+string(k.algorithm)), k.public...))
	return fmt.Sprintf("PRIVATE+KEY+%s+%x+%s", name, hash[:4], base64.StdEncoding.EncodeToString(append([]byte{k.algorithm}, k.seed...)))
}
