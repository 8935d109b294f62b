package authzen_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// FuzzRequest: whatever is sent anywhere, the answer is JSON or an error, never one of
// the server's own; and nobody but who is in the directory is allowed anything.
func FuzzRequest(f *testing.F) {
	f.Add(uint8(0), []byte(right))
	f.Add(uint8(1), []byte(`{`+rick+`,`+reads+`,"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{`+one+`},{},7]}`))
	f.Add(uint8(2), []byte(`{"subject":{"type":"agent"},`+reads+`,`+one+`,"page":{"limit":2,"token":""}}`))
	f.Add(uint8(3), []byte(`{`+rick+`,`+reads+`,"resource":{"type":"todo"}}`))
	f.Add(uint8(4), []byte(`{`+rick+`,`+one+`,"context":{"time":[null,{"a":1e9}]}}`))
	_, cfg := todo(f)
	h := serve(f, cfg)
	paths := []string{evaluation, evaluations, subjects, resources, actions}
	f.Fuzz(func(t *testing.T, at uint8, body []byte) {
		w := post(t, h, paths[int(at)%len(paths)], string(body), nil)
		switch w.Code {
		case http.StatusOK:
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%q", w.Body)
			}
		case http.StatusBadRequest:
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		known := strings.Contains(string(body), `\`) // an escape may spell any name
		for name, pid := range pids {
			known = known || strings.Contains(string(body), name) || strings.Contains(string(body), pid)
		}
		if !known && strings.Contains(w.Body.String(), `"decision":true`) {
			t.Fatalf("%s\nallows %s", body, w.Body)
		}
	})
}
