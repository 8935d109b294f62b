package mcp

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestToolName(t *testing.T) {
	for tool, want := range map[string]string{
		"read_text_file":         "fs-read-text-file",
		"get-sum":                "fs-get-sum",
		"getSum":                 "fs-getsum-",
		"a.b/c":                  "fs-a-b-c-",
		"ends_":                  "fs-ends--",
		strings.Repeat("x", 100): "fs-" + strings.Repeat("x", 51) + "-",
	} {
		got := ToolName("fs", tool)
		if !strings.HasPrefix(got, want) || len(got) > maxName || strings.HasSuffix(want, "-") && len(got) != len(want)+8 {
			t.Errorf("%s: %s, want %s", tool, got, want)
		}
	}
	if ToolName("fs", "getSum") == ToolName("fs", "GetSum") {
		t.Error("two tools that differ in case have one name")
	}
}

func TestPin(t *testing.T) {
	l, err := ReadListing([]byte(`{"tools":[{"name":"a_b","description":"Says: \"x\"\n# more","inputSchema":{"properties":{
		"n":{"type":"integer","minimum":0,"maximum":9},"s":{"type":"string","enum":["x","y"]},"b":{"type":"boolean"},"l":{"type":"array","items":{"type":"string"}},
		"o":{"type":"object"},"any":true,"bad-name":{"type":"string"},"maybe":{"type":["string","null"]}},"required":["n"]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Pin(Pinning{Server: "srv", ResourceType: "Server"}, l.Tools)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  - name: srv-a-b\n", `description: "Says: \"x\"\n# more"`, `definition_digest: "` + l.Tools[0].Digest.String() + `"`,
		`{name: "n", type: long, required: true, min: 0, max: 9}`, `{name: "s", type: string, one_of: ["x","y"]}`, `{name: "b", type: bool}`,
		`{name: "l", type: string_set}`, `{name: "o", type: json}`, `{name: "any", type: json}`, `{name: "maybe", type: json}`, `# "bad-name" cannot be declared`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	twins, err := ReadListing([]byte(`{"tools":[{"name":"a_b"},{"name":"a-b"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Pin(Pinning{Server: "srv", ResourceType: "Server"}, twins.Tools); err == nil {
		t.Error("two tools were pinned under one name")
	}
}

// TestADefinitionsDigest is of what it says, not of how it is written.
func TestADefinitionsDigest(t *testing.T) {
	digest := func(text string) trust.Digest {
		d, err := readDefinition([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d.Digest
	}
	one := digest(`{"name":"a","description":"b"}`)
	if digest(` { "description" : "\u0062", "name":"a" } `) != one {
		t.Error("another spelling has another digest")
	}
	if digest(`{"name":"a","description":"b","_meta":{}}`) == one {
		t.Error("something more has the same digest")
	}
}

// server is a Peer that counts what reaches it.
type server struct {
	calls  int
	answer string
	err    error
}

func (s *server) Forward(context.Context, jsonrpc.Message) (jsonrpc.Message, error) {
	s.calls++
	if s.err != nil {
		return jsonrpc.Message{}, s.err
	}
	return jsonrpc.Parse([]byte(s.answer), 1<<20)
}

func (*server) List(context.Context, string) (Listing, error)   { return Listing{}, nil }
func (*server) Pending(context.Context, *agent.Refused, func()) {}

// TestAct: a permit that is for something else, or comes too late, reaches no
// server; and one that is used is used up.
func TestAct(t *testing.T) {
	pinned, other := trust.DigestOf([]byte("a")), trust.DigestOf([]byte("b"))
	intent := func(arguments string, definition trust.Digest) executor.Action {
		return executor.Action{Digest: other, Intent: &pb.Intent{Resource: "srv", Arguments: []byte(arguments), DefinitionDigest: definition[:]}}
	}
	elsewhere := intent(`{"a":1}`, pinned)
	elsewhere.Intent.Resource = "other"
	good := intent(`{"a":1}`, pinned)
	for _, test := range []struct {
		name   string
		action executor.Action
		now    trust.Digest
		over   bool
		want   error
	}{
		{"all well", good, pinned, false, nil},
		{"other arguments", intent(`{"a":2}`, pinned), pinned, false, errOther},
		{"the same arguments, spelt otherwise", intent(`{"a": 1}`, pinned), pinned, false, errOther},
		{"another definition", intent(`{"a":1}`, other), pinned, false, errOther},
		{"another resource", elsewhere, pinned, false, errOther},
		{"no definition", intent(`{"a":1}`, trust.Digest{}), pinned, false, errOther},
		{"a definition that changed", good, other, false, errChanged},
		{"given up", good, pinned, true, errOver},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &server{answer: `{"jsonrpc":"2.0","id":1,"result":{}}`}
			c := &call{request: request{arguments: []byte(`{"a":1}`)}, peer: s, resource: "srv", definition: pinned, over: test.over, now: func() trust.Digest { return test.now }}
			d := &desk.Desk{}
			d.Expect(test.action.Digest, c.act)
			_, err := d.Handle(t.Context(), test.action)
			if !errors.Is(err, test.want) || (s.calls == 1) != (test.want == nil) {
				t.Errorf("%v, and %d calls", err, s.calls)
			}
			before := s.calls
			if _, err := d.Handle(t.Context(), test.action); !errors.Is(err, desk.ErrNobodyWaits) || s.calls != before {
				t.Errorf("a second time: %v, and %d calls", err, s.calls)
			}
		})
	}
}

// TestWhatAFailureMeans: only what certainly reached nobody, or was refused in the
// server's own words, is a plain failure.
func TestWhatAFailureMeans(t *testing.T) {
	for err, uncertain := range map[error]bool{ErrNotForwarded: false, ErrServerRefused: false, errors.New("broke off"): true, context.Canceled: true} {
		if got := errors.Is(forwardFailed(err), executor.ErrIndeterminate); got != uncertain {
			t.Errorf("%v: indeterminate %v", err, got)
		}
	}
}

// TestZeroConfig refuses.
func TestZeroConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("a gateway of nothing")
	}
}

// TestDefinitions: what differs from the pin anywhere is what is named.
func TestDefinitions(t *testing.T) {
	pin, other := trust.DigestOf([]byte("a")), trust.DigestOf([]byte("b"))
	tool := func(d trust.Digest) []Definition { return []Definition{{Name: "t", Digest: d}} }
	for _, test := range []struct {
		shown, current []Definition
		want           trust.Digest
	}{
		{nil, nil, unlisted},
		{nil, tool(pin), pin},
		{nil, tool(other), other},
		{tool(pin), tool(pin), pin},
		{tool(other), tool(pin), other},
		{tool(pin), tool(other), other},
		{tool(pin), nil, unlisted},
	} {
		d := newDefinitions()
		d.tell(test.shown, true)
		d.all(test.current)
		if got := d.of("t", pin); got != test.want {
			t.Errorf("shown %v, current %v: %s", test.shown, test.current, got)
		}
	}
}
