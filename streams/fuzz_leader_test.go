package streams

import (
	"strings"
	"testing"
)

// FuzzLeader: an answer about a stream counts if it is about this stream, and names
// a leader and every replica; anything else tells nothing.
func FuzzLeader(f *testing.F) {
	for _, text := range []string{
		`{"config":{"name":"LEDGER_z1","num_replicas":1},"state":{"last_seq":7},"cluster":{"leader":"n1"}}`,
		`{"config":{"name":"LEDGER_z2","num_replicas":1},"state":{"last_seq":7},"cluster":{"leader":"n1"}}`,
		`{"config":{"name":"LEDGER_z1","num_replicas":3},"state":{"last_seq":7},"cluster":{"leader":"n1","replicas":[{"name":"n2"}]}}`,
		`{"config":{"name":"LEDGER_z1","num_replicas":0},"state":{},"cluster":{"leader":"n1"}}`, `{"error":{"description":"no"}}`, `{"config":null}`, `null`, ``, `[]`,
		`{"config":{"name":"LEDGER_z1","num_replicas":1},"state":{"last_seq":-1},"cluster":{"leader":""}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := standingOf(data, "LEDGER_z1")
		if err != nil {
			if s.leader != "" || s.last != 0 || s.replicas != nil {
				t.Fatalf("%q: %+v, %v", data, s, err)
			}
			return
		}
		if s.leader == "" || !strings.Contains(string(data), "LEDGER_z1") && !strings.Contains(string(data), `\u`) {
			t.Fatalf("%q is read as %+v", data, s)
		}
	})
}

// FuzzStepDown: a leader has agreed to hand over only where the answer says so.
func FuzzStepDown(f *testing.F) {
	for _, text := range []string{
		`{"type":"io.nats.jetstream.api.v1.stream_leader_stepdown_response","success":true}`, `{"success":false}`, `{"error":{"description":"no"}}`,
		`{"success":true,"error":{}}`, `{"success":"true"}`, `{}`, `null`, ``, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := stepDownRefused(data); err == nil && !strings.Contains(strings.ToLower(string(data)), "true") {
			t.Fatalf("%q is taken for an agreement", data)
		}
	})
}
