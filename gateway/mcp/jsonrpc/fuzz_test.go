package jsonrpc_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// FuzzMessage: whatever is taken for a message is one kind of message, written as
// JSON, and means the same in its canonical form.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":[1.5e3,null,true,"\ud83d\ude00"]}}}`,
		`{"jsonrpc":"2.0","id":"x","result":{}}`, `{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `[]`, `{"a":1,"a":2}`, `"\ud800"`, `{"jsonrpc":"2.0","id":-0,"method":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := jsonrpc.Parse(data, 1<<16)
		if err != nil {
			_ = jsonrpc.Refusal(m.ID, err)
			return
		}
		kinds := 0
		for _, is := range []bool{m.IsRequest(), m.IsNotification(), m.IsResponse()} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || !bytes.Contains(data, m.Raw) {
			t.Fatalf("%q is of %d kinds", data, kinds)
		}
		_ = jsonrpc.Key(m.ID)
		_, _ = jsonrpc.Text(m.ID)
		text, err := jsonrpc.Canonical(m.Raw)
		if err != nil {
			t.Fatalf("%q has no canonical form: %v", data, err)
		}
		again, err := jsonrpc.Canonical(text)
		if err != nil || !bytes.Equal(text, again) {
			t.Fatalf("%q is not canonical: %q, %v", text, again, err)
		}
		if !reflect.DeepEqual(decode(t, data), decode(t, text)) {
			t.Fatalf("%q became %q", data, text)
		}
	})
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
