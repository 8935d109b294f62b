//go:build faults

package single_test

import "encoding/json"

// running reports whether a part was started and has not ended.
func (s *site) running(part string) bool { return s.parts[part].running() }

// seen is what portcullis status says, as far as it is asked here.
type seen struct {
	Armed    bool     `json:"armed"`
	Why      []string `json:"why"`
	Evidence struct {
		State string `json:"state"`
		Why   string `json:"why"`
	} `json:"evidence"`
	Halts []struct {
		Rule string `json:"rule"`
	} `json:"halts"`
}

// status asks; not armed is no error here.
func (s *site) status() (now seen) {
	out, _, _ := s.cli("--json", "status") //nolint:dogsled // its exit code says not armed
	_ = json.Unmarshal([]byte(out), &now)  // nothing said is nothing known
	return now
}
