package evidence_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/evidence"
)

// schema is as much of JSON Schema as testdata/ocsf.schema.json uses.
type schema struct {
	Type       string            `json:"type"`
	Required   []string          `json:"required"`
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
	Const      any               `json:"const"`
	Enum       []any             `json:"enum"`
	MinLength  int               `json:"minLength"`
	MinItems   int               `json:"minItems"`
}

func (s schema) check(where string, v any) error {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				return fmt.Errorf("%s lacks %s", where, name)
			}
		}
		for name, part := range s.Properties {
			if value, ok := v[name]; ok {
				if err := part.check(where+"."+name, value); err != nil {
					return err
				}
			}
		}
		return s.is(where, "object")
	case []any:
		for i, item := range v {
			if s.Items != nil {
				if err := s.Items.check(fmt.Sprintf("%s[%d]", where, i), item); err != nil {
					return err
				}
			}
		}
		if len(v) < s.MinItems {
			return fmt.Errorf("%s has %d items", where, len(v))
		}
		return s.is(where, "array")
	case string:
		if len(v) < s.MinLength {
			return fmt.Errorf("%s is too short", where)
		}
		return s.holds(where, "string", v)
	case float64:
		if v != float64(int64(v)) {
			return fmt.Errorf("%s is no integer", where)
		}
		return s.holds(where, "integer", v)
	case bool:
		return s.is(where, "boolean")
	}
	return fmt.Errorf("%s is %v", where, v)
}

func (s schema) is(where, kind string) error {
	if s.Type != "" && s.Type != kind {
		return fmt.Errorf("%s is no %s", where, s.Type)
	}
	return nil
}

func (s schema) holds(where, kind string, v any) error {
	if s.Const != nil && s.Const != v {
		return fmt.Errorf("%s is %v, not %v", where, v, s.Const)
	}
	found := len(s.Enum) == 0
	for _, allowed := range s.Enum {
		found = found || allowed == v
	}
	if !found {
		return fmt.Errorf("%s is %v, none of %v", where, v, s.Enum)
	}
	return s.is(where, kind)
}

// ids are the numbers and names of an event.
type ids struct {
	Activity int `json:"activity_id"`
	Class    int `json:"class_uid"`
	Type     int `json:"type_uid"`
	Finding  struct {
		UID string `json:"uid"`
	} `json:"finding_info"`
	Compliance struct {
		Status int `json:"status_id"`
	} `json:"compliance"`
}

// TestOCSF holds every event against what OCSF 1.5 requires of its class.
func TestOCSF(t *testing.T) {
	text, err := os.ReadFile("testdata/ocsf.schema.json")
	must(t, err)
	var classes map[string]schema
	must(t, json.Unmarshal(text, &classes))
	clean := troubled()
	clean.Findings, clean.More, clean.Unjudged = nil, 0, nil
	partly := troubled()
	partly.Findings, partly.More = nil, 0
	for name, tt := range map[string]struct {
		report *audit.Report
		events int
		status int
	}{"troubled": {troubled(), 4, 3}, "clean": {clean, 1, 1}, "partly judged": {partly, 1, 2}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			must(t, evidence.OCSF(&b, tt.report, at(0), "v1"))
			lines := bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n"))
			if len(lines) != tt.events {
				t.Fatalf("%d events, want %d", len(lines), tt.events)
			}
			seen := map[string]bool{}
			for i, line := range lines {
				var event map[string]any
				must(t, json.Unmarshal(line, &event))
				class := fmt.Sprint(event["class_uid"])
				rules, known := classes[class]
				if want := "2004"; !known || (class == want) != (i < len(lines)-1) {
					t.Fatalf("event %d is of class %s", i, class)
				}
				if err := rules.check("event", event); err != nil {
					t.Errorf("event %d: %v: %s", i, err, line)
				}
				var said ids
				must(t, json.Unmarshal(line, &said))
				if said.Type != said.Class*100+said.Activity {
					t.Errorf("event %d: type %d", i, said.Type)
				}
				if seen[said.Finding.UID] {
					t.Errorf("two findings have uid %s", said.Finding.UID)
				}
				seen[said.Finding.UID] = true
				if class == "2003" && said.Compliance.Status != tt.status {
					t.Errorf("status %d, want %d", said.Compliance.Status, tt.status)
				}
			}
		})
	}
	broken := map[string]any{"class_uid": 2004.0}
	if classes["2004"].check("event", broken) == nil {
		t.Error("the schema demands nothing")
	}
}
