package streams

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ContextURL reads where a context of the nats command connects to:
// $XDG_CONFIG_HOME/nats/context/<name>.json, or the same under ~/.config. Only
// its URL counts; who connects is decided by a participant's own key.
func ContextURL(name string) (string, error) {
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("streams: %.80q is not the name of a nats context; see: nats context ls", name)
	}
	base := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(base) { // the specification says to ignore others
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("streams: nats context %s: %w; give the server's URL instead", name, err)
		}
		base = filepath.Join(home, ".config")
	}
	path := filepath.Join(base, "nats", "context", name+".json")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("streams: nats context %s: %w; see which there are with: nats context ls", name, err)
	}
	var context struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(data, &context); err != nil || context.URL == "" {
		return "", fmt.Errorf("streams: nats context %s: %s names no url; give the server's URL instead", name, path)
	}
	return context.URL, nil
}
