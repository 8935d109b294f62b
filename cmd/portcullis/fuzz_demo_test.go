package main

import (
	"encoding/json"
	"errors"
	"testing"
)

// FuzzDemoEvent: what the demo's process says is an object for pages, or nothing, or an
// error; and why it failed is always said.
func FuzzDemoEvent(f *testing.F) {
	for _, line := range []string{
		`{"event":"outline","steps":[{"step":"1","title":"x"}]}`, `{"event":"begins","step":"1","title":"x"}`, `{"event":"told","steps":14}`,
		`{"event":"record","step":"1","lines":[{"text":"x"}],"raw":{"seq":1,"time":"2026-11-22T04:00:00Z","subject":"a","data":"AA=="}}`,
		`{"step":"1","title":"x","result":"DENY","check":"y","world":"z"}`, `{"error":{"what":"no room"}}`, `[]`, ``,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := demoEvent(line)
		if err == nil && e.Data != nil && !json.Valid(e.Data) {
			t.Errorf("%q is no JSON", e.Data)
		}
		if err != nil && e.Record != nil && e.Data != nil {
			t.Error("an event comes with an error", err)
		}
		if demoFailure(errors.New("exit 1"), line).Error() == "" {
			t.Error("it failed, and nobody says why")
		}
	})
}
