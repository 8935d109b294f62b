package httpcall

import "github.com/go-json-experiment/json"

// urlObject is {"url": raw}; it fails where raw is not UTF-8.
func urlObject(raw string) ([]byte, error) {
	return json.Marshal(map[string]string{"url": raw})
}
