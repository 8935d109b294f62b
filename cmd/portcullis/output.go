package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
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

// span spells a duration for people: 4.2 ms, 12.3 s, 5m0s.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + span(-d)
	case d < time.Second:
		return strconv.FormatFloat(millis(d.Round(100*time.Microsecond)), 'f', -1, 64) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	default:
		return d.Round(time.Second).String()
	}
}

// millis is a duration in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// maxReason bounds what is shown of a text that somebody wrote, in bytes.
const maxReason = 200

// quoted is a text that somebody wrote, bounded and fit for a terminal.
func quoted(text string) string {
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return strconv.Quote(text)
}

// object is a JSON object.
type object = map[string]any
