package fabric

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// BuildDigest is the SHA-256 of the executable that this process runs. It is
// computed once.
func BuildDigest() (trust.Digest, error) { return buildDigest() }

var buildDigest = sync.OnceValues(func() (trust.Digest, error) {
	f, err := openExecutable()
	if err != nil {
		return trust.Digest{}, fmt.Errorf("fabric: opening the running executable: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return trust.Digest{}, fmt.Errorf("fabric: reading the running executable: %w", err)
	}
	return trust.Digest(hash.Sum(nil)), nil
})

// openExecutable prefers Linux's link to the file that really runs: the path
// may hold another build since an upgrade.
func openExecutable() (*os.File, error) {
	if f, err := os.Open("/proc/self/exe"); err == nil {
		return f, nil
	}
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}
