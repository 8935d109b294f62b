package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

const (
	sealingDir    = "sealing" // in a member's folder
	sealingSuffix = ".key"
)

// Sealing is the private halves of sealing keys in one member's folder:
// sealing/ID.key, each a secret file (ReadSecret) with PKCS #8 in PEM. Get one
// from OpenSealing; nil holds none. It may be used by several goroutines.
type Sealing struct {
	dir  string
	held atomic.Pointer[trust.SealingKeys]
}

// OpenSealing reads the sealing keys in a member's folder. No folder sealing/ is
// no key; a file in it that others can read, or that is no key, is an error.
func OpenSealing(memberDir string) (*Sealing, error) {
	s := &Sealing{dir: filepath.Join(memberDir, sealingDir)}
	return s, s.Refresh()
}

// Held are the keys that were read last.
func (s *Sealing) Held() *trust.SealingKeys {
	if s == nil {
		return nil
	}
	return s.held.Load()
}

// Refresh reads the keys again. On an error Held stays what it was.
func (s *Sealing) Refresh() error {
	if s == nil {
		return nil
	}
	keys, err := readSealingKeys(s.dir)
	if err != nil {
		return err
	}
	s.held.Store(keys)
	return nil
}

func readSealingKeys(dir string) (*trust.SealingKeys, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return trust.NewSealingKeys()
	}
	if err != nil {
		return nil, fmt.Errorf("fabric: the sealing keys: %w", err)
	}
	if err := checkPrivateDir(dir); err != nil {
		return nil, err
	}
	var keys []*trust.SealingKey
	for _, e := range entries {
		id, isKey := strings.CutSuffix(e.Name(), sealingSuffix)
		if !isKey || strings.HasPrefix(id, ".") { // hidden is what a crash left behind
			continue
		}
		key, err := readSealingKey(filepath.Join(dir, e.Name()), id)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return trust.NewSealingKeys(keys...)
}

func readSealingKey(path, id string) (*trust.SealingKey, error) {
	if err := schemas.CheckName(id); err != nil {
		return nil, fmt.Errorf("fabric: %s: %w; a sealing key's file is named by its id", path, err)
	}
	text, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	key, err := trust.ParseSealingKey(id, text)
	if err != nil {
		return nil, fmt.Errorf("fabric: %s: %w", path, err)
	}
	return key, nil
}
