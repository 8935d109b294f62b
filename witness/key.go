package witness

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/portcullis-dev/portcullis/fabric"
)

// ErrFolder reports a folder that is not a witness's, or not as it must be.
var ErrFolder = errors.New("witness: the folder")

const (
	ed25519File = "ed25519.key"
	mldsa44File = "ml-dsa-44.key"
	logsDir     = "logs"
	forksDir    = "forks"

	seedSize = 32 // bytes, of either algorithm
	maxName  = 255
)

// Key is one key of a witness.
type Key struct {
	File     string // its name in the folder; keep it secret
	Verifier string // C2SP verifier key
}

// Generate makes a witness in a folder, which it makes too if it is missing: an
// Ed25519 key and, if asked, an ML-DSA-44 key, in files that only this user can
// read. Ed25519's comes first. The name is one that CheckName accepts. A folder
// that has a witness already is left alone.
func Generate(dir, name string, mlDSA bool) (keys []Key, err error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	for _, d := range []string{dir, filepath.Join(dir, logsDir), filepath.Join(dir, forksDir)} {
		if err := os.MkdirAll(d, dirMode); err != nil {
			return nil, fmt.Errorf("witness: making the folder: %w; choose a place that this user may write", err)
		}
	}
	files := []struct {
		name string
		make func(name string, seed []byte) (*cosigner, error)
	}{{ed25519File, newEd25519}, {mldsa44File, newMLDSA44}}
	if !mlDSA {
		files = files[:1]
	}
	for _, f := range files {
		seed := make([]byte, seedSize)
		if _, err := rand.Read(seed); err != nil {
			return nil, fmt.Errorf("witness: no randomness for a key: %w", err)
		}
		c, err := f.make(name, seed)
		if err != nil {
			return nil, err
		}
		if err := writeNew(filepath.Join(dir, f.name), []byte(c.secret+"\n")); err != nil {
			return nil, err
		}
		keys = append(keys, Key{f.name, c.verifier})
	}
	return keys, syncPath(dir)
}

// CheckName refuses names of witnesses that signature lines cannot carry. A name
// should be a URL without its scheme, such as example.com/w1.
func CheckName(name string) error {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '+' }
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("witness: the name %.80q; use 1 to %d visible ASCII characters without +, such as example.com/w1", name, maxName)
	}
	return nil
}

// readKeys reads a witness's keys, Ed25519 first.
func readKeys(dir string) ([]*cosigner, error) {
	first, err := readKey(filepath.Join(dir, ed25519File), algEd25519, newEd25519)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w %s is no witness's: it has no %s; make one with: portcullis witness keygen", ErrFolder, dir, ed25519File)
	}
	if err != nil {
		return nil, err
	}
	second, err := readKey(filepath.Join(dir, mldsa44File), algMLDSA44, newMLDSA44)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []*cosigner{first}, nil
	case err != nil:
		return nil, err
	case first.name != second.name:
		return nil, fmt.Errorf("%w %s has keys of two witnesses, %s and %s; keep each in its own", ErrFolder, dir, first.name, second.name)
	}
	return []*cosigner{first, second}, nil
}

// readKey reads one key's file. It must be, byte for byte, as Generate writes it.
func readKey(path string, algorithm byte, open func(name string, seed []byte) (*cosigner, error)) (*cosigner, error) {
	text, err := fabric.ReadSecret(path)
	if err != nil {
		return nil, err
	}
	fault := fmt.Errorf("%w has in %s no key of a witness; restore it from the backup that was made with it", ErrFolder, path)
	parts := strings.SplitN(strings.TrimSuffix(string(text), "\n"), "+", 5)
	if len(parts) != 5 || CheckName(parts[2]) != nil {
		return nil, fault
	}
	raw, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(raw) != 1+seedSize || raw[0] != algorithm {
		return nil, fault
	}
	c, err := open(parts[2], raw[1:])
	if err != nil || c.secret+"\n" != string(text) {
		return nil, fault
	}
	return c, nil
}

// keyText is a key as C2SP signed-note writes it: name, hash of the public key,
// the algorithm's byte and the key's bytes.
func keyText(name string, hash [4]byte, algorithm byte, key []byte) string {
	return fmt.Sprintf("%s+%x+%s", name, hash, base64.StdEncoding.EncodeToString(append([]byte{algorithm}, key...)))
}

// keyHash names a public key in signature lines.
func keyHash(name string, algorithm byte, public []byte) [4]byte {
	sum := sha256.Sum256(append([]byte(name+"\n"+string([]byte{algorithm})), public...))
	return [4]byte(sum[:])
}
