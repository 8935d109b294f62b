package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
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

func writeOperator(dir string) error {
	_, files, err := keyFiles()
	if err != nil {
		return err
	}
	return writeFiles(dir, slices.DeleteFunc(files, func(one file) bool {
		return one.name == signingFile // an operator signs nothing
	})...)
}
