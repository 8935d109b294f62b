package fabric

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// keyFiles makes a signing key and an NKey, as files. Records are signed with
// the first, connections are opened with the second; never the other way round.
func keyFiles() (*trust.SigningKey, []file, error) {
	key, err := trust.GenerateKey()
	if err != nil {
		return nil, nil, err
	}
	pem, err := key.MarshalPEM()
	if err != nil {
		return nil, nil, err
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		return nil, nil, fmt.Errorf("fabric: making an NKey: %w", err)
	}
	seed, err := user.Seed()
	if err != nil {
		return nil, nil, fmt.Errorf("fabric: making an NKey: %w", err)
	}
	public, err := user.PublicKey()
	if err != nil {
		return nil, nil, fmt.Errorf("fabric: making an NKey: %w", err)
	}
	return key, []file{{signingFile, pem}, {nkeyFile, append(seed, '\n')}, {nkeyPublic, []byte(public + "\n")}}, nil
}

func readSigningKey(dir string) (*trust.SigningKey, error) {
	return ReadSigningKey(filepath.Join(dir, signingFile))
}

// ReadSigningKey reads a signing key's file: PKCS #8 in PEM, Ed25519, nobody
// else's to read (see ReadSecret).
func ReadSigningKey(path string) (*trust.SigningKey, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("fabric: %s is a folder; name the key's file in it, such as %s", path, filepath.Join(path, signingFile))
	}
	text, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	key, err := trust.ParseSigningKey(text)
	if err != nil {
		return nil, fmt.Errorf("fabric: %s: %w", path, err)
	}
	return key, nil
}

// readNKeySeed reads the seed of a user's NKey and checks it against nats.pub,
// by which the broker knows the user.
func readNKeySeed(dir string) ([]byte, error) {
	path := filepath.Join(dir, nkeyFile)
	text, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	seed := []byte(strings.TrimSpace(string(text)))
	user, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("fabric: %s is not the seed of an NKey: %w", path, err)
	}
	public, err := user.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("fabric: %s: %w", path, err)
	}
	known, err := readNKeyPublic(dir)
	if err != nil {
		return nil, err
	}
	if public != known {
		return nil, fmt.Errorf("fabric: %s is not the seed of the user in %s; restore both from one backup", path, nkeyPublic)
	}
	return seed, nil
}

func readNKeyPublic(dir string) (string, error) {
	path := filepath.Join(dir, nkeyPublic)
	text, err := ReadSecret(path)
	if err != nil {
		return "", err
	}
	public := strings.TrimSpace(string(text))
	if !nkeys.IsValidPublicUserKey(public) {
		return "", fmt.Errorf("fabric: %s does not hold the public NKey of a user", path)
	}
	return public, nil
}

func sortParticipants(all []Participant) {
	slices.SortFunc(all, func(a, b Participant) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
	})
}
