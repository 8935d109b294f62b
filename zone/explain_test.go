package zone_test

import (
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

func TestExplain(t *testing.T) {
	f := newFabric(t)
	source, err := fabric.LoadReleaseDir(f.ReleaseDir())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		question       zone.Question
		allow, granted bool
		says           string
	}{
		"allowed":     {zone.Question{Agent: "scout", Tool: "file-read", Resource: "reports/q3.txt", Arguments: []byte(`{"path":"reports/q3.txt"}`)}, true, true, "staff-read"},
		"forbidden":   {zone.Question{Agent: "scout", Tool: "file-read", Resource: "secret/plan.txt", Arguments: []byte(`{"path":"secret/plan.txt"}`)}, false, true, "no-secrets"},
		"not granted": {zone.Question{Agent: "mallory", Tool: "transfer", Resource: "acme", Arguments: []byte(`{"to":"acme","amount":1,"currency":"EUR"}`)}, false, false, "small-transfers"},
		"no argument": {zone.Question{Agent: "scout", Tool: "transfer", Resource: "acme", Arguments: []byte(`{}`)}, false, true, "missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := zone.Explain(f, source, test.question)
			if err != nil {
				t.Fatal(err)
			}
			if got.Allow() != test.allow || got.Granted != test.granted || !strings.Contains(got.String(), test.says) {
				t.Errorf("allow %t, granted %t: %s", got.Allow(), got.Granted, got)
			}
		})
	}
	for _, q := range []zone.Question{{Agent: "nobody", Tool: "file-read"}, {Agent: "scout", Tool: "fly"}} {
		if _, err := zone.Explain(f, source, q); err == nil {
			t.Errorf("%v has an answer", q)
		}
	}
}
