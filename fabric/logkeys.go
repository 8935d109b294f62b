package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// newRecorder is a recorder whose folder is still to be made: its entry must name
// its log keys before.
type newRecorder struct {
	name   string
	text   []byte // the private halves; see trust.ParseLogKeys
	public []*pb.LogKey
}

// makeRecorders makes the log keys of r1 and so on.
func makeRecorders(n int) ([]newRecorder, error) {
	var all []newRecorder
	for i := range n {
		text, public, err := trust.GenerateLogKeys()
		if err != nil {
			return nil, err
		}
		all = append(all, newRecorder{fmt.Sprintf("r%d", i+1), text, public})
	}
	return all, nil
}

// ownFiles are the files that only one role has: a recorder's log keys, which are
// made here unless its entry names them already.
func ownFiles(id trust.Identity, made []newRecorder) ([]file, error) {
	if id.Role != pb.Role_ROLE_RECORDER {
		return nil, nil
	}
	for _, r := range made {
		if r.name == id.Name {
			return []file{{logKeysFile, r.text}}, nil
		}
	}
	text, _, err := trust.GenerateLogKeys()
	return []file{{logKeysFile, text}}, err
}

// readLogKeys reads the log keys in a recorder's folder.
func readLogKeys(dir string) (text []byte, keys *trust.LogKeys, err error) {
	path := filepath.Join(dir, logKeysFile)
	text, err = ReadSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w; a recorder signs with them: restore the file from a backup, or enroll another recorder", err)
	}
	if err != nil {
		return nil, nil, err
	}
	if keys, err = trust.ParseLogKeys(text); err != nil {
		return nil, nil, fmt.Errorf("fabric: %s: %w", path, err)
	}
	return text, keys, nil
}
