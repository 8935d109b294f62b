package files

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// result is what the tool answers; see [Files.Write].
type result struct {
	Path    string  `json:"path"`
	Bytes   int     `json:"bytes"`
	SHA256  string  `json:"sha256"`
	Content *string `json:"content,omitzero"`
	Base64  bool    `json:"base64,omitzero"`
}

// describe names a file's content by size and digest.
func describe(path string, data []byte) result {
	sum := sha256.Sum256(data)
	return result{Path: path, Bytes: len(data), SHA256: hex.EncodeToString(sum[:])}
}

// with adds the content itself.
func (r result) with(data []byte) result {
	content := string(data)
	if !plain(data) {
		content, r.Base64 = base64.StdEncoding.EncodeToString(data), true
	}
	r.Content = &content
	return r
}

// plain reports whether data is text that JSON carries without growing much.
func plain(data []byte) bool {
	for _, b := range data {
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' {
			return false
		}
	}
	return utf8.Valid(data)
}

func encode(r result) ([]byte, error) {
	out, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("files: the result of %q cannot be told: %w", r.Path, err)
	}
	return out, nil
}
