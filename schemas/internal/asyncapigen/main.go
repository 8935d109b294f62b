// Command asyncapigen writes the AsyncAPI document of the protocol's subjects
// from the table of kinds: asyncapigen FILE.
package main

import (
	"bytes"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: asyncapigen FILE")
		os.Exit(2)
	}
	text, err := render()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644) //nolint:gosec // a document for everybody
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "asyncapigen:", err)
		os.Exit(1)
	}
}

func render() ([]byte, error) {
	doc, err := document()
	if err != nil {
		return nil, err
	}
	out := bytes.NewBufferString("# Generated from the table of kinds (schemas/kind.go) by asyncapigen; mend it there, then: make gen\n")
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)
	if err := encoder.Encode(doc); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return out.Bytes(), encoder.Close()
}
