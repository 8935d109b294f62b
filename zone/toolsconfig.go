package zone

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
)

// toolsFile says, in a fabric's folder, what its executors do for each tool.
const toolsFile = "tools.yaml"

//go:embed tools.yaml
var toolsTemplate string

// ErrTools reports a tools.yaml that cannot be used.
var ErrTools = errors.New("zone: " + toolsFile)

// ToolsConfig is tools.yaml: how the executors of this machine carry tools out.
// What agents may ask for is in the release; this only says with what.
type ToolsConfig struct {
	Files     FilesConfig      `yaml:"files"`
	HTTP      []HTTPRule       `yaml:"http"`
	Endpoints []EndpointConfig `yaml:"endpoints"`
	Bank      BankConfig       `yaml:"bank"`
}

// FilesConfig binds tools to the files under one folder.
type FilesConfig struct {
	Root  string   `yaml:"root"` // relative to the fabric's folder, or absolute
	Read  []string `yaml:"read"`
	Write []string `yaml:"write"`
}

// HTTPRule admits URLs for one tool; see httpcall.Rule.
type HTTPRule struct {
	Tool   string      `yaml:"tool"`
	Method string      `yaml:"method"`
	Scheme string      `yaml:"scheme"`
	Host   string      `yaml:"host"`
	Path   string      `yaml:"path"`
	Query  bool        `yaml:"query"`
	Allow  ReachConfig `yaml:"allow"`
}

// EndpointConfig binds a tool to one URL; see httpcall.Endpoint.
type EndpointConfig struct {
	Tool     string      `yaml:"tool"`
	URL      string      `yaml:"url"`
	Method   string      `yaml:"method"`
	Resource string      `yaml:"resource"` // the argument that must equal the intent's resource
	Allow    ReachConfig `yaml:"allow"`
}

// ReachConfig names what may be reached besides the public internet.
type ReachConfig struct {
	Loopback  bool `yaml:"loopback"`
	Private   bool `yaml:"private"`
	LinkLocal bool `yaml:"link_local"`
}

// BankConfig is where `up` serves the toy bank; without an address there is none.
type BankConfig struct {
	Listen string `yaml:"listen"`
}

// DefaultBank is where a new fabric's toy bank is.
const DefaultBank = "127.0.0.1:4280"

// EnsureTools writes a fabric's tools.yaml unless there is one. Bank is the
// address of the toy bank, which the tool "transfer" is bound to.
func EnsureTools(f *fabric.Fabric, bank string) error {
	path := filepath.Join(f.Dir, toolsFile)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp, err := os.CreateTemp(f.Dir, "."+toolsFile+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTools, err)
	}
	_, err = temp.WriteString(strings.ReplaceAll(toolsTemplate, DefaultBank, bank))
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTools, errors.Join(err, os.Remove(temp.Name())))
	}
	return nil
}

// ReadTools reads a fabric's tools.yaml. It is strict: unknown keys, a second
// document, and a file that others could have changed are refused with ErrTools.
func ReadTools(f *fabric.Fabric) (ToolsConfig, error) {
	path := filepath.Join(f.Dir, toolsFile)
	data, err := fabric.ReadSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ToolsConfig{}, fmt.Errorf("%w: %w; write the default one with: portcullis init --data %s", ErrTools, err, f.Dir)
	}
	if err != nil {
		return ToolsConfig{}, fmt.Errorf("%w: %w", ErrTools, err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var c ToolsConfig
	if err := decoder.Decode(&c); err != nil {
		return ToolsConfig{}, fmt.Errorf("%w: %s: %w; compare it with one that a new `portcullis init` writes", ErrTools, path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return ToolsConfig{}, fmt.Errorf("%w: %s holds more than one document; keep one", ErrTools, path)
	}
	if !filepath.IsAbs(c.Files.Root) {
		c.Files.Root = filepath.Join(f.Dir, c.Files.Root)
	}
	return c, nil
}

// Digest names the configuration as it takes effect, for heartbeats.
func (c ToolsConfig) Digest() (trust.Digest, error) {
	text, err := yaml.Marshal(c)
	if err != nil {
		return trust.Digest{}, fmt.Errorf("%w: %w", ErrTools, err)
	}
	return trust.DigestOf(text), nil
}
