package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestResumeFileVectors: the command line writes a resume on its way as sdk/vectors
// says, to which the console's page is held, and reads it.
func TestResumeFileVectors(t *testing.T) {
	data, err := os.ReadFile("../../sdk/vectors/signed.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		About    string   `json:"about"`
		Digest   string   `json:"digest"`
		Payload  string   `json:"payload"`
		Envelope string   `json:"envelope"`
		Halts    []string `json:"halts"`
		File     string   `json:"halts_file"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	raw := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	payloads, files := map[string][]byte{}, 0
	for _, row := range rows {
		payloads[row.Digest] = raw(row.Payload)
		if row.File == "" {
			continue
		}
		files++
		var halts [][]byte
		for _, id := range row.Halts {
			halts = append(halts, payloads[id])
		}
		text, err := newResumeFile(raw(row.Envelope), halts).bytes()
		if err != nil || string(text) != row.File {
			t.Errorf("%s: %v: written as %s, want %s", row.About, err, text, row.File)
		}
		path := filepath.Join(t.TempDir(), "resume.json")
		if err := os.WriteFile(path, []byte(row.File), 0o600); err != nil {
			t.Fatal(err)
		}
		if read, err := readResume(path); err != nil || len(read.halts) != len(row.Halts) {
			t.Errorf("%s: read as %v: %v", row.About, read, err)
		}
	}
	if files == 0 {
		t.Error("signed.json has no file of a resume")
	}
}
