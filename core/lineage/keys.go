package lineage

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Algorithm bytes of C2SP signed-note verifier keys.
const (
	algEd25519 = 0x01
	algMLDSA44 = 0x06
)

// VerifierKey is a recorder's public key as C2SP signed-note writes it, for a
// tree of this origin: a recorder signs in its tree's name.
func VerifierKey(origin string, key *pb.LogKey) (string, error) {
	var alg byte
	want := 0
	switch key.GetAlgorithm() {
	case pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519:
		alg, want = algEd25519, 32
	case pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ML_DSA_44:
		alg, want = algMLDSA44, 1312
	case pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_UNSPECIFIED:
	}
	if want == 0 || len(key.GetPublicKey()) != want {
		return "", fmt.Errorf("lineage: a log key of algorithm %v with %d bytes; Ed25519 has 32, ML-DSA-44 1312", key.GetAlgorithm(), len(key.GetPublicKey()))
	}
	raw := append([]byte{alg}, key.GetPublicKey()...)
	hash := sha256.Sum256(append([]byte(origin+"\n"), raw...))
	return fmt.Sprintf("%s+%x+%s", origin, hash[:4], base64.StdEncoding.EncodeToString(raw)), nil
}

// CheckIdentity refuses log keys and verifier keys of a directory's entry that no
// checkpoint could be checked by.
func CheckIdentity(p *pb.Identity) error {
	switch {
	case p.GetRole() != pb.Role_ROLE_RECORDER && len(p.GetLogKeys()) > 0:
		return errors.New("only recorders have log_keys")
	case p.GetRole() != pb.Role_ROLE_WITNESS && p.GetVerifier() != "":
		return errors.New("only witnesses have a verifier")
	}
	_, err := recorderVerifiers("origin", p)
	if err == nil && p.GetVerifier() != "" {
		_, err = witnessOf(p)
	}
	return err
}

func recorderVerifiers(origin string, p *pb.Identity) ([]note.Verifier, error) {
	var all []note.Verifier
	seen := map[pb.LogKeyAlgorithm]bool{}
	for _, key := range p.GetLogKeys() {
		if seen[key.GetAlgorithm()] {
			return nil, fmt.Errorf("two log_keys of algorithm %v; each is of another", key.GetAlgorithm())
		}
		seen[key.GetAlgorithm()] = true
		text, err := VerifierKey(origin, key)
		if err != nil {
			return nil, err
		}
		open := note.NewVerifier
		if key.GetAlgorithm() == pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ML_DSA_44 {
			open = cosignature.NewVerifierForCosignatureV1
		}
		v, err := open(text)
		if err != nil {
			return nil, fmt.Errorf("log key of algorithm %v: %w", key.GetAlgorithm(), err)
		}
		all = append(all, v)
	}
	if len(all) > 0 && !seen[pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519] {
		return nil, errors.New("log_keys without one of Ed25519, which every verifier knows")
	}
	return all, nil
}

// witnessOf reads a witness's verifier key, whose hash must be its own.
func witnessOf(p *pb.Identity) (signer, error) {
	v, err := cosignature.NewVerifierForCosignatureV1(p.GetVerifier())
	if err != nil {
		return signer{}, fmt.Errorf("verifier %.60q is no C2SP verifier key: %w", p.GetVerifier(), err)
	}
	// The library does not compare the hash that the text states.
	text := p.GetVerifier()
	if plain, err := cosignature.VKeyToCosignatureV1(text); err == nil {
		text = plain
	}
	want := fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash())
	key, stated := strings.CutPrefix(text, want)
	if !stated {
		return signer{}, fmt.Errorf("verifier %.60q states another hash than its key has", p.GetVerifier())
	}
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return signer{}, fmt.Errorf("verifier %.60q: %w", p.GetVerifier(), err)
	}
	return signer{p.GetName(), []note.Verifier{v}, string(raw)}, nil
}

// Keys are whose signatures make a checkpoint of one tree worth something: what
// governors signed in a release. The zero value knows nobody.
type Keys struct {
	origin    string
	recorders []signer
	witnesses []signer
	threshold int
}

// signer is one participant; a recorder has several keys.
type signer struct {
	name   string
	keys   []note.Verifier
	public string // witnesses: the raw public key, whatever the name it is used under
}

// NewKeys takes the recorders and witnesses of a directory and how many
// witnesses must cosign. Whoever was revoked is left out by the caller.
func NewKeys(origin string, directory []*pb.Identity, threshold uint32) (*Keys, error) {
	k := &Keys{origin: origin, threshold: int(threshold)}
	for _, p := range directory {
		switch p.GetRole() { //nolint:exhaustive // nobody else signs checkpoints
		case pb.Role_ROLE_RECORDER:
			keys, err := recorderVerifiers(origin, p)
			if err != nil {
				return nil, fmt.Errorf("lineage: recorder %s: %w", p.GetName(), err)
			}
			if len(keys) > 0 {
				k.recorders = append(k.recorders, signer{name: p.GetName(), keys: keys})
			}
		case pb.Role_ROLE_WITNESS:
			if p.GetVerifier() == "" {
				continue
			}
			w, err := witnessOf(p)
			if err != nil {
				return nil, fmt.Errorf("lineage: witness %s: %w", p.GetName(), err)
			}
			k.witnesses = append(k.witnesses, w)
		default:
		}
	}
	return k, nil
}

// Origin is the origin of the tree.
func (k *Keys) Origin() string { return k.origin }

// Threshold is how many witnesses must cosign.
func (k *Keys) Threshold() int { return k.threshold }

// Signed is a checkpoint that a recorder of the release signed with all its keys.
type Signed struct {
	Checkpoint
	Note     []byte        // as it was read
	Recorder string        // whose signatures it bears; the first in the directory's order
	Cosigned []Cosignature // by witnesses of the release, in the directory's order
}

// Cosignature is a witness's word that the checkpoint continues all that it had
// seen of its log.
type Cosignature struct {
	Witness string
	Time    time.Time // by the witness's clock, in seconds
}

// Open reads a signed note. It refuses another origin, a note that lacks one of
// its recorder's signatures, and one in which a known key's signature does not
// verify. Whether enough witnesses cosigned is Witnessed's to say: a checkpoint
// is signed first and cosigned then. Errors wrap ErrCheckpoint.
func (k *Keys) Open(signed []byte) (Signed, error) {
	if len(signed) > MaxNote {
		return Signed{}, fmt.Errorf("%w: %d bytes; a note has at most %d", ErrCheckpoint, len(signed), MaxNote)
	}
	n, err := note.Open(signed, note.VerifierList(k.known()...))
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Signed{}, err
	}
	if c.Origin != k.origin {
		return Signed{}, fmt.Errorf("%w: it is of %.200q, this tree is %q", ErrCheckpoint, c.Origin, k.origin)
	}
	s := Signed{Checkpoint: c, Note: slices.Clone(signed)}
	i := slices.IndexFunc(k.recorders, func(r signer) bool { return r.signed(n.Sigs) })
	if i < 0 {
		return Signed{}, fmt.Errorf("%w: no recorder of the release signed it with all its keys", ErrCheckpoint)
	}
	s.Recorder = k.recorders[i].name
	s.Cosigned, err = k.cosigned(n.Sigs)
	return s, err
}

// known are all keys, each once: the library refuses a signature whose key it was
// given twice, and two participants may have one key.
func (k *Keys) known() []note.Verifier {
	var all []note.Verifier
	for _, s := range append(slices.Clone(k.recorders), k.witnesses...) {
		for _, key := range s.keys {
			if !slices.ContainsFunc(all, func(v note.Verifier) bool { return v.Name() == key.Name() && v.KeyHash() == key.KeyHash() }) {
				all = append(all, key)
			}
		}
	}
	return all
}

func (s signer) signed(sigs []note.Signature) bool {
	return !slices.ContainsFunc(s.keys, func(key note.Verifier) bool { return signatureOf(key, sigs) < 0 })
}

func signatureOf(key note.Verifier, sigs []note.Signature) int {
	return slices.IndexFunc(sigs, func(s note.Signature) bool { return s.Name == key.Name() && s.Hash == key.KeyHash() })
}

func (k *Keys) cosigned(sigs []note.Signature) ([]Cosignature, error) {
	var all []Cosignature
	counted := map[string]bool{} // one key under two names counts once
	for _, w := range k.witnesses {
		i := signatureOf(w.keys[0], sigs)
		if i < 0 || counted[w.public] {
			continue
		}
		counted[w.public] = true
		at, err := cosignature.CoSigV1Timestamp(sigs[i])
		if err != nil {
			return nil, fmt.Errorf("%w: witness %s: %w", ErrCheckpoint, w.name, err)
		}
		all = append(all, Cosignature{w.name, at.UTC()})
	}
	return all, nil
}

// Witnessed reports whether enough witnesses cosigned.
func (k *Keys) Witnessed(s Signed) bool { return len(s.Cosigned) >= k.threshold }
