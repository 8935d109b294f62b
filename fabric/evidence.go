package fabric

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-dev/portcullis/schemas"
)

// Evidence is evidence.yaml: how the recorders that run from this folder serve
// what they record, and whom they ask for cosignatures. Whose cosignatures count
// is in the release. The zero value serves nobody and asks nobody.
type Evidence struct {
	Listen    string       `yaml:"listen"` // host:port of the HTTP read API; "" is none
	Witnesses []WitnessURL `yaml:"witnesses"`
}

// WitnessURL says where a witness of the directory answers (C2SP tlog-witness).
type WitnessURL struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

// Evidence reads evidence.yaml. It is strict: unknown keys and a second document
// are refused, and a file that others could have changed. Without the file it is
// the zero value.
func (f *Fabric) Evidence() (Evidence, error) {
	path := f.path(evidenceFile)
	data, err := ReadSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Evidence{}, nil
	}
	if err != nil {
		return Evidence{}, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var e Evidence
	if err := decoder.Decode(&e); err != nil && !errors.Is(err, io.EOF) { // nothing but comments says nothing
		return Evidence{}, fmt.Errorf("fabric: %s: %w; compare it with one that a new portcullis init writes", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Evidence{}, fmt.Errorf("fabric: %s holds more than one document; keep one", path)
	}
	if err := e.check(); err != nil {
		return Evidence{}, fmt.Errorf("fabric: %s: %w", path, err)
	}
	return e, nil
}

func (e Evidence) check() error {
	if e.Listen != "" {
		if _, _, err := net.SplitHostPort(e.Listen); err != nil {
			return fmt.Errorf("listen %q is no address: %w; write for example 127.0.0.1:4290", e.Listen, err)
		}
	}
	known := map[string]bool{}
	for _, w := range e.Witnesses {
		if err := schemas.CheckName(w.Name); err != nil {
			return fmt.Errorf("witness: %w", err)
		}
		if known[w.Name] {
			return fmt.Errorf("witness %s stands twice; keep one of them", w.Name)
		}
		known[w.Name] = true
		if u, err := url.Parse(w.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("witness %s: %q is no address; write for example https://witness.example", w.Name, w.URL)
		}
	}
	return nil
}
