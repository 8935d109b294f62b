package fabric

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const operatorDir = "operator"

// Operator is whoever runs a broker of his own for this fabric: a user of the
// broker that may create the streams. It signs no record and is in no release.
type Operator struct {
	NKeySeed   []byte
	NKeyPublic string
}

// Operator loads the operator's NKey and makes it when there is none yet.
func (f *Fabric) Operator() (*Operator, error) {
	dir := f.path(operatorDir)
	there, err := exists(dir)
	if err != nil {
		return nil, err
	}
	if !there {
		if err := addDir(dir, func(temp string) error { return writeOperator(temp) }); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("fabric: making the operator's NKey: %w", err)
		}
	}
	seed, err := readNKeySeed(dir)
	if err != nil {
		return nil, err
	}
	public, err := readNKeyPublic(dir)
	if err != nil {
		return nil, err
	}
	return &Operator{NKeySeed: seed, NKeyPublic: public}, nil
}

// routesFile holds what the servers of a cluster show each other.
const routesFile = "routes.secret"

// RouteSecret is the password that the servers of the fabric's cluster show each
// other, in hexadecimal. It is made the first time.
func (f *Fabric) RouteSecret() (string, error) {
	if _, err := f.Operator(); err != nil { // makes the folder
		return "", err
	}
	path := f.path(operatorDir, routesFile)
	there, err := exists(path)
	if err != nil {
		return "", err
	}
	if !there {
		secret := make([]byte, routeSecretSize)
		if _, err := rand.Read(secret); err != nil {
			return "", fmt.Errorf("fabric: making the cluster's password: %w", err)
		}
		if err := addFile(path, []byte(hex.EncodeToString(secret)+"\n")); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	data, err := ReadSecret(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(string(data), "\n")
	if secret, err := hex.DecodeString(text); err != nil || len(secret) != routeSecretSize {
		return "", fmt.Errorf("fabric: %s does not hold %d hexadecimal digits; remove it, print every server's configuration again and start them all", path, 2*routeSecretSize)
	}
	return text, nil
}

// routeSecretSize is in bytes.
const routeSecretSize = 32

func writeOperator(dir string) error {
	_, files, err := keyFiles()
	if err != nil {
		return err
	}
	return writeFiles(dir, slices.DeleteFunc(files, func(one file) bool {
		return one.name == signingFile // an operator signs nothing
	})...)
}
