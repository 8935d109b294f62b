package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// writeJSON writes one object on one line.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// say writes what happened: as an object with --json, else as text.
func (g *globals) say(object any, format string, args ...any) error {
	if g.json {
		return writeJSON(g.stdout, object)
	}
	_, err := fmt.Fprintf(g.stdout, format, args...)
	return err
}
