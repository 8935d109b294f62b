package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// window is how many bytes of a secret, in whatever spelling, are a leak. Shorter
// ones could be chance, and what is left of a key of 32 bytes cannot be guessed.
const window = 18

// secrets are all private keys of a data folder, in every spelling in which a
// program is likely to let one slip: raw, hexadecimal, base64 in each alignment, and
// as Go prints slices of bytes.
type secrets struct {
	files   map[string]bool   // that hold them
	windows map[string]string // each window of each spelling, to whose it is
}

// secretsOf reads every key file below dir. A file that is private by its name and
// is none of the known kinds fails the test: it could not be looked for.
func secretsOf(t *testing.T, dir string) *secrets {
	t.Helper()
	s := &secrets{files: map[string]bool{}, windows: map[string]string{}}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := privateParts(path)
		for _, part := range raw {
			s.files[path] = true
			s.add(path, part)
		}
		return err
	}))
	return s
}

// privateParts are the secret bytes of a key file, nil for any other file.
func privateParts(path string) ([][]byte, error) {
	switch name := filepath.Base(path); {
	case name == "nats.nk":
		return nkeyParts(path)
	case name == "log.keys":
		return logParts(path)
	case name == "signing.pem", strings.HasSuffix(name, ".key"):
		return pemParts(path)
	default:
		return nil, nil
	}
}

func nkeyParts(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(text)
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(text))
	if err != nil || len(raw) != 36 { // prefix of two bytes, seed, checksum of two
		return nil, fmt.Errorf("%s: %d bytes, %w", path, len(raw), err)
	}
	return [][]byte{raw[2:34], text[4:]}, nil // the first characters are the same in all
}

func logParts(path string) (parts [][]byte, err error) {
	text, err := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		encoded := strings.TrimSpace(strings.TrimPrefix(line, "PRIVATE+KEY+"))
		raw, decodeErr := base64.StdEncoding.DecodeString(encoded)
		if decodeErr != nil || len(raw) != 33 {
			return nil, fmt.Errorf("%s: %d bytes, %w", path, len(raw), decodeErr)
		}
		parts = append(parts, raw[1:])
	}
	return parts, err
}

func pemParts(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := trust.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return [][]byte{k.Seed()}, nil
	case *ecdsa.PrivateKey:
		d, err := k.Bytes()
		return [][]byte{d}, err
	case *ecdh.PrivateKey:
		return [][]byte{k.Bytes()}, nil
	default:
		return nil, fmt.Errorf("%s holds a %T, for which nobody looks", path, key)
	}
}

// add notes every spelling of a secret.
func (s *secrets) add(whose string, secret []byte) {
	spell := func(text string) {
		for i := 0; i+window <= len(text); i++ {
			s.windows[text[i:i+window]] = whose
		}
	}
	spell(string(secret))
	spell(hex.EncodeToString(secret))
	spell(strings.ToUpper(hex.EncodeToString(secret)))
	spell(fmt.Sprint(secret))
	spell(strings.ReplaceAll(fmt.Sprint(secret), " ", ",")) // as JSON lists them
	spell(fmt.Sprintf("%#v", secret)[len("[]byte{"):])
	spell(fmt.Sprintf("% x", secret))
	for shift := range 3 { // where the key begins within what was encoded
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString(append(make([]byte, shift), secret...))
			spell(text[(shift*8+5)/6 : len(text)-1]) // without what its neighbours are a part of
		}
	}
}

// in names the owner of the first secret in some bytes.
func (s *secrets) in(data []byte) (whose string, found bool) {
	for i := 0; i+window <= len(data); i++ {
		if whose, found = s.windows[string(data[i:i+window])]; found {
			return whose, true
		}
	}
	return "", false
}

// absentFrom searches every file below dir but those that are meant to hold secrets.
func (s *secrets) absentFrom(t *testing.T, dir string, words ...string) (searched int) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary one
		}
		if err != nil || !d.Type().IsRegular() || s.files[path] {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		searched++
		s.absent(t, path, data, words...)
		return nil
	}))
	return searched
}

// absent demands that neither a key nor one of the words is in some bytes.
func (s *secrets) absent(t *testing.T, where string, data []byte, words ...string) {
	t.Helper()
	if whose, found := s.in(data); found {
		t.Errorf("%s holds a part of the secret in %s", where, whose)
	}
	for _, word := range words {
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("%s holds %q", where, word)
		}
	}
}

// TestSecretsAreFound: the search finds a key in every spelling that it looks for,
// wherever it stands, and finds none where there is none.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	data := newZone(t)
	s := secretsOf(t, data)
	if len(s.files) < 20 {
		t.Fatalf("%d files of keys; a fabric has more", len(s.files))
	}
	key, err := trust.ParsePrivateKey(readFile(t, filepath.Join(data, "governors", "g1", "signing.pem")))
	must(t, err)
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		t.Fatalf("%T", key)
	}
	for name, text := range map[string]string{
		"the file":      string(readFile(t, filepath.Join(data, "governors", "g1", "signing.pem"))),
		"a seed":        string(readFile(t, filepath.Join(data, "governors", "g1", "nats.nk"))),
		"log keys":      string(readFile(t, filepath.Join(data, "participants", "recorder", "r1", "log.keys"))),
		"an SVID's":     string(readFile(t, filepath.Join(data, "participants", "agent", "scout", "svid.key"))),
		"raw":           "x" + string(private),
		"%v":            fmt.Sprintf("key=%v.", private),
		"%x":            fmt.Sprintf("%x", []byte(private)),
		"%X":            fmt.Sprintf("%X", private.Seed()),
		"%#v":           fmt.Sprintf("%#v", private.Seed()),
		"base64":        base64.StdEncoding.EncodeToString(private),
		"base64 behind": base64.URLEncoding.EncodeToString(append([]byte("{"), private...)),
		"half of it":    hex.EncodeToString(private.Seed()[16:]),
	} {
		if _, found := s.in([]byte(text)); !found {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	public := readFile(t, filepath.Join(data, "participants", "agent", "scout", "svid.pem"))
	if whose, found := s.in(public); found {
		t.Errorf("a certificate is taken for the secret of %s", whose)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}
