package witness

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// maxLogs bounds the file of logs, in bytes.
const maxLogs = 1 << 20

// ReadLogs reads a file of logs, YAML or JSON:
//
//	logs:
//	  - origin: example.com/eu1/…
//	    keys: [KEY, KEY]
//
// Unknown fields, a second document and more than 1 MiB are refused.
func ReadLogs(path string) ([]Log, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	defer f.Close()
	limited := &io.LimitedReader{R: f, N: maxLogs + 1}
	decoder := yaml.NewDecoder(limited)
	decoder.KnownFields(true)
	var file struct {
		Logs []Log `yaml:"logs"`
	}
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("%w file %s: %w", ErrLog, path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) || limited.N == 0 {
		return nil, fmt.Errorf("%w file %s holds more than one document of at most %d bytes", ErrLog, path, maxLogs)
	}
	return file.Logs, nil
}
