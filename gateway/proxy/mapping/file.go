package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// document is a mapping file.
type document struct {
	Routes []Route `yaml:"routes"`
}

// MaxFile bounds a mapping file and an OpenAPI document, in bytes.
const MaxFile = 8 << 20

// Parse reads a mapping file: YAML with one key, routes, whose entries have the keys
// of [Route]. It is strict: a key that is unknown, and a second document, are errors.
func Parse(data []byte) ([]Route, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("mapping: the file has more than %d bytes", MaxFile)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var d document
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("mapping: %w; docs/http.md has an example", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("mapping: the file holds more than one document; keep one")
	}
	return d.Routes, nil
}
