package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/portcullis-dev/portcullis/zone"
)

// writePolicies writes a release's policies into a folder that does not exist
// yet. Names that lead out of it are refused.
func writePolicies(dir string, s zone.StandingRelease) error {
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return &failure{exitLocalState, fmt.Errorf("%s exists; name a folder that does not", dir)}
	} else if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, p := range s.Proto.GetPolicies() {
		name := filepath.FromSlash(p.GetName())
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("the policies %q cannot be written: %w", p.GetName(), err)
		}
		if err := root.WriteFile(name, []byte(p.GetText()), 0o600); err != nil {
			return fmt.Errorf("the policies %q cannot be written: %w", p.GetName(), err)
		}
	}
	return nil
}
