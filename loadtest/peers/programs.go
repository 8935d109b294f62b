package peers

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"path/filepath"
)

// The peers' programs, by the names under which `make peers-tools` builds them.
const (
	OPA    = "opa"
	Cerbos = "cerbos"
)

// Program is a peer that was measured, or why it was not.
type Program struct {
	Name    string `json:"name"`
	Path    string `json:"-"`
	Module  string `json:"module,omitempty"`
	Version string `json:"version,omitempty"`
	Sum     string `json:"sum,omitempty"`     // digest of the module's source, as Go modules state it
	Command string `json:"command,omitempty"` // how it is started
	Skipped string `json:"skipped,omitempty"` // why there is no figure of it
}

// Programs finds the peers' programs in a folder. One that is not there is an error: leaving a peer out is Skip's to say.
func Programs(dir string) ([]Program, error) {
	var found []Program
	var errs []error
	for _, name := range []string{OPA, Cerbos} {
		p, err := program(filepath.Join(dir, name), name)
		found, errs = append(found, p), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("peers: %w; build them with: make peers-tools", err)
	}
	return found, nil
}

// Skip is the peers when none is to be measured.
func Skip(reason string) []Program {
	return []Program{{Name: OPA, Skipped: reason}, {Name: Cerbos, Skipped: reason}}
}

// program reads from an executable what it was built of: that is what was measured, whatever it calls itself.
func program(path, name string) (Program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return Program{}, fmt.Errorf("%s: %w", name, err)
	}
	p := Program{Name: name, Path: path, Module: info.Main.Path, Version: info.Main.Version, Sum: info.Main.Sum}
	if p.Module == "" || p.Version == "" || p.Sum == "" {
		return Program{}, fmt.Errorf("%s: %s does not say of which release of a module it was built", name, path)
	}
	return p, nil
}
