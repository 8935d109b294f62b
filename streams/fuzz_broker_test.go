package streams

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// FuzzAcknowledgement: nothing that a broker answers to an append counts as stored
// but this stream's acknowledgement with a position, and every other answer is of
// one of the classes that callers know.
func FuzzAcknowledgement(f *testing.F) {
	for _, text := range []string{
		`{"stream":"LEDGER_z1","seq":7}`, `{"stream":"LEDGER_z2","seq":7}`, `{"stream":"LEDGER_z1","seq":7,"duplicate":true}`, `{"stream":"LEDGER_z1","seq":0}`,
		`{"stream":"LEDGER_z1","seq":7,"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}`,
		`{"error":{"code":503,"err_code":10164}}`, `{"stream":"LEDGER_z1","seq":-7}`, `{"stream":"LEDGER_z1","seq":7}{}`, `{"STREAM":"LEDGER_z1","Seq":7}`, `[]`, ``, `null`,
	} {
		f.Add("", []byte(text))
	}
	f.Add("503", []byte(`{"stream":"LEDGER_z1","seq":7}`))
	f.Fuzz(func(t *testing.T, status string, data []byte) {
		m := &nats.Msg{Header: nats.Header{"Status": {status}}, Data: data}
		seq, err := verdictOf(m, "fabric.z1.governance", "LEDGER_z1")
		if err != nil {
			known := errors.Is(err, ErrRefused) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrUnknown)
			if seq != 0 || !known {
				t.Fatalf("%q: %d, %v", data, seq, err)
			}
			return
		}
		if seq == 0 || status == "503" || !strings.Contains(string(data), "LEDGER_z1") && !strings.Contains(string(data), `\u`) {
			t.Fatalf("%q counts as stored at %d", data, seq)
		}
	})
}

// FuzzServerSettings: a server syncs only if it says so, under a name.
func FuzzServerSettings(f *testing.F) {
	for _, text := range []string{
		`{"server":{"name":"n1","id":"A"},"data":{"jetstream":{"config":{"sync_always":true}}}}`,
		`{"server":{"name":"n1","id":"A"},"data":{"jetstream":{"config":{}}}}`,
		`{"server":{"name":"n1","id":"A"},"data":{"jetstream":{}}}`, `{"server":{"id":"A"},"data":null}`, `{"error":"no"}`, `{`, `true`,
		`{"server":{"id":""},"data":{"jetstream":{"config":{"sync_always":true}}}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		server, d, err := durabilityOf(data)
		if (err == nil) != (server != "") {
			t.Fatalf("%q: %q, %v, %v", data, server, d, err)
		}
		if err == nil && d == SyncAlways && !strings.Contains(string(data), "true") {
			t.Fatalf("%q is taken for a server that syncs", data)
		}
	})
}

// FuzzContext: a context of the nats command that is understood says where to
// connect and as whom in one way; a refusal names no password and no token.
func FuzzContext(f *testing.F) {
	for _, text := range []string{
		`{"url":"nats://h:4222","nkey":"/k"}`, `{"url":"nats://h:4222","user":"u","password":"pass-secret"}`, `{"url":"nats://h:4222","token":"tok-secret","user":"u"}`,
		`{"password":"pass-secret"}`, `{"url":"tls://h","cert":"c"}`, `{"url":"tls://h","inbox_prefix":"_X"}`, `{"url":"nats://h","jetstream_domain":"d"}`,
		`{"url":"nats://h","token":["tok-secret"]}`, `{"URL":"nats://h","url":""}`, `[]`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseContext(data)
		if err != nil {
			if strings.Contains(err.Error(), "-secret") {
				t.Fatalf("the refusal %q tells a secret of %q", err, data)
			}
			return
		}
		if c.URL == "" || c.Password != "" && c.User == "" {
			t.Fatalf("%q is understood as %+v", data, c)
		}
	})
}
