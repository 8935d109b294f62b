package fabric_test

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// workloads completes the template's directory as Create does.
const workloads = `  - {name: e1, role: enforcer}
  - {name: x1, role: executor, tools: [file-read, file-write, http-get, transfer]}
  - {name: s1, role: sentinel}
`

// change replaces text of one file; an empty old text appends.
type change struct{ file, old, new string }

// template is the default release's source with changes.
func template(t testing.TB, changes ...change) fs.FS {
	t.Helper()
	tree, err := fabric.Template()
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append([]change{{"directory.yaml", "", workloads}}, changes...) {
		text := ""
		if f := files[c.file]; f != nil {
			text = string(f.Data)
		}
		if c.old == "" {
			text += c.new
		} else if !strings.Contains(text, c.old) {
			t.Fatalf("%s does not contain %q", c.file, c.old)
		} else {
			text = strings.Replace(text, c.old, c.new, 1)
		}
		files[c.file] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func load(t testing.TB, changes ...change) *fabric.ReleaseSource {
	t.Helper()
	s, err := fabric.LoadRelease(template(t, changes...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestYAMLErrors(t *testing.T) {
	tests := []struct {
		name string
		change
		want []string // the beginnings of the lines of the error
	}{
		{"unknown key", change{"tools.yaml", "description: Reads", "descripton: Reads"}, []string{`tools.yaml:6:5: error: "descripton" is unknown here; write one of action, arguments, definition_digest, description, `}},
		{"key twice", change{"release.yaml", "  resume: 1", "  resume: 1\n  resume: 1"}, []string{`release.yaml:15:3: error: "resume" stands twice; keep one of them [yaml.twice]`}},
		{"key of another file", change{"limits.yaml", "limits:", "tools: []\nlimits:"}, []string{`limits.yaml:4:1: error: "tools" is unknown here; write one of limits`}},
		{"unknown role", change{"directory.yaml", "role: agent", "role: agnet"}, []string{`directory.yaml:6:11: error: "agnet" is unknown here; write one of agent, approver, auditor, enforcer, `}},
		{"the schema's long name", change{"directory.yaml", "role: agent", "role: ROLE_AGENT"}, []string{`directory.yaml:6:11: error: "ROLE_AGENT" is unknown here`}},
		{"a text that is a number", change{"directory.yaml", "name: scout", "name: 7"}, []string{`directory.yaml:5:11: error: a text is wanted here, and YAML takes 7 for int; quote it: "7" [yaml.text]`}},
		{"a number that is a text", change{"limits.yaml", "max: 5000", `max: "5000"`}, []string{`limits.yaml:9:10: error: "5000" is not a whole number`}},
		{"a number with a point", change{"limits.yaml", "max: 5000", `max: 5000.0`}, []string{`limits.yaml:9:10: error: "5000.0" is not a whole number`}},
		{"a number that is too large", change{"release.yaml", "max_sessions: 1024", "max_sessions: 4294967296"}, []string{`release.yaml:32:17: error: "4294967296" is not a whole number from 0 of 32 bits`}},
		{"a bool that is a text", change{"tools.yaml", "required: true", "required: yes"}, []string{`tools.yaml:8:46: error: "yes" is neither true nor false`}},
		{"no duration", change{"release.yaml", "memory: 1h", "memory: 1 hour"}, []string{`release.yaml:24:11: error: "1 hour" is not a duration; write numbers with units`}},
		{"no validity that is positive", change{"release.yaml", "validity: 8760h", "validity: 0s"}, []string{`release.yaml:8:11: error: 0s is not a positive duration`}},
		{"no digest", change{"directory.yaml", "role: agent", "role: agent\n    builds: [xyz]"}, []string{`directory.yaml:7:14: error: "xyz" is not hexadecimal`}},
		{"a list that is a value", change{"directory.yaml", "groups: [staff]", "groups: staff"}, []string{`directory.yaml:7:13: error: a list is wanted here, and a single value is given`}},
		{"a mapping that is a list", change{"release.yaml", "bounds:", "bounds: []\nx:"}, []string{`release.yaml:23:9: error: a mapping is wanted here, and a list is given`, `release.yaml:24:1: error: "x" is unknown here`}},
		{"nothing", change{"release.yaml", "note: The first release, a small story to begin with.", "note:"}, []string{`release.yaml:5:6: error: a single value is wanted here, and nothing is given`}},
		{"an anchor", change{"directory.yaml", "groups: [staff]", "groups: &g [staff]"}, []string{`directory.yaml:7:13: error: an anchor or alias; write the value out`}},
		{"a tag", change{"directory.yaml", "name: scout", "name: !!str scout"}, []string{`directory.yaml:5:11: error: the tag !!str; remove it`}},
		{"two documents", change{"limits.yaml", "limits:", "---\nlimits: []\n---\nlimits:"}, []string{`limits.yaml:6:1: error: a second document begins`}},
		{"no YAML", change{"limits.yaml", "limits:", "limits: ]"}, []string{`limits.yaml:3:1: error: did not find expected node content; write plain YAML [yaml.syntax]`}},
		{"two of a oneof", change{"directory.yaml", "groups: [staff]", "groups: [staff]\n    attributes: [{name: a, text: b, flag: true}]"}, []string{`directory.yaml:8:37: error: "text" and "flag" exclude each other`}},
		{"a case with an unknown key", change{"tests/money.yaml", "allow: true", "allowed: true"}, []string{`tests/money.yaml:7:5: error: "allowed" is unknown here`}},
		{"a case without an answer", change{"tests/money.yaml", "    allow: true\n", ""}, []string{`tests/money.yaml:2:5: error: the case "the largest small transfer" lacks something`}},
		{"a case with a number that JSON has not", change{"tests/money.yaml", "amount: 1000", "amount: .inf"}, []string{`tests/money.yaml:6:35: error: ".inf" has no meaning in JSON`}},
		{"several at once", change{"directory.yaml", "role: agent\n    groups: [staff]", "role: agnet\n    groups: 1"}, []string{`directory.yaml:6:11: `, `directory.yaml:7:13: `}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fabric.LoadRelease(template(t, tt.change))
			if _, ok := errors.AsType[policy.Problems](err); !ok {
				t.Fatalf("got %v, want problems", err)
			}
			got := strings.Split(err.Error(), "\n")
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", err, strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestSourceFilesThatCannotBeRead(t *testing.T) {
	missing, ok := template(t).(fstest.MapFS)
	if !ok {
		t.Fatal("the template is no map")
	}
	delete(missing, "limits.yaml")
	if _, err := fabric.LoadRelease(missing); err == nil || !strings.Contains(err.Error(), "limits.yaml") {
		t.Errorf("without limits.yaml: %v", err)
	}
	large := change{"policies/large.cedar", "", strings.Repeat("// x\n", 1<<18)}
	if _, err := fabric.LoadRelease(template(t, large)); err == nil || !strings.Contains(err.Error(), "policies/large.cedar has more than") {
		t.Errorf("a large policy: %v", err)
	}
	if _, err := fabric.LoadRelease(template(t, change{"limits.yaml", "", strings.Repeat("# x\n", 1<<18)})); err == nil || !strings.Contains(err.Error(), "limits.yaml has more than") {
		t.Errorf("a large file: %v", err)
	}
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n"} {
		empty, _ := template(t).(fstest.MapFS)
		empty["tools.yaml"] = &fstest.MapFile{Data: []byte(text)}
		if _, err := fabric.LoadRelease(empty); err == nil || !strings.HasPrefix(err.Error(), "tools.yaml:") {
			t.Errorf("tools.yaml with %q: %v", text, err)
		}
	}
	if _, err := fabric.LoadReleaseDir(t.TempDir() + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestLint(t *testing.T) {
	const warning, failure = "warning", "error"
	tests := []struct {
		name string
		change
		severity, code, where, says string
	}{
		{"no sentinel", change{"directory.yaml", "  - {name: s1, role: sentinel}\n", ""}, failure, "directory.sentinel", "directory.yaml:5:3", "nothing ever starts"},
		{"unserved tool", change{"directory.yaml", "tools: [file-read, file-write, http-get, transfer]}", "tools: [file-read, file-write, transfer]}"}, warning, "tool.unserved", "tools.yaml:19:5", "http-get"},
		{"idle agent", change{"directory.yaml", "    tools: [file-read]\n", ""}, warning, "agent.idle", "directory.yaml:10:5", "mallory"},
		{"unknown tool", change{"directory.yaml", "tools: [file-read]", "tools: [file-raed]"}, failure, "release", "directory.yaml:10:5", `tool "file-raed" is not in the registry`},
		{"name twice", change{"directory.yaml", "name: s1", "name: scout"}, failure, "release", "directory.yaml:16:5", "scout stands twice"},
		{"rank twice", change{"directory.yaml", "", "  - {name: e2, role: enforcer}\n"}, failure, "release", "directory.yaml:17:5", "rank 0 stands twice"},
		{"too few enforcers", change{"release.yaml", "decision_threshold: 1", "decision_threshold: 2"}, failure, "release", "release.yaml:17:21", "at least as many enforcers"},
		{"too high thresholds", change{"release.yaml", "  release: 1", "  release: 17"}, failure, "schema.uint32.gte_lte", "release.yaml:13:12", "thresholds.release"},
		{"groups of an executor", change{"directory.yaml", "role: executor,", "role: executor, groups: [staff],"}, failure, "directory.grant", "directory.yaml:15:5", "x1"},
		{"tools of a sentinel", change{"directory.yaml", "role: sentinel}", "role: sentinel, tools: [transfer]}"}, failure, "directory.grant", "directory.yaml:16:5", "s1"},
		{"a governor", change{"directory.yaml", "", "  - {name: boss, role: governor}\n"}, failure, "directory.governor", "directory.yaml:17:5", "boss"},
		{"no role", change{"directory.yaml", "    role: agent\n", ""}, failure, "schema.enum.not_in", "directory.yaml:5:5", "directory[0].role"},
		{"window beyond memory", change{"limits.yaml", "window: 1h", "window: 2h"}, failure, "release", "limits.yaml:5:5", "bounds.memory"},
		{"limit of a text", change{"limits.yaml", "argument: amount", "argument: to"}, failure, "release", "limits.yaml:5:5", "required LONG"},
		{"limit of an unknown tool", change{"limits.yaml", "tools: [file-write]", "tools: [file-wirte]"}, failure, "release", "limits.yaml:12:5", "file-wirte"},
		{"tool twice", change{"tools.yaml", "name: http-get", "name: file-read"}, failure, "release", "tools.yaml:19:5", "file-read"},
		{"bad tool name", change{"tools.yaml", "name: http-get", "name: http_get"}, failure, "schema.string.pattern", "tools.yaml:19:11", "tools[2].name"},
		{"pin that is no digest", change{"tools.yaml", "resource_type: Url", "resource_type: Url\n    definition_digest: c0ffee"}, failure, "tool.definition", "tools.yaml:21:24", "this has 3"},
		{"resource that may be absent", change{"tools.yaml", "resource_type: Url", "resource_type: Url\n    resource_argument: elsewhere"}, failure, "tool.resource_argument", "tools.yaml:21:24", "elsewhere"},
		{"pulse too slow", change{"release.yaml", "pulse_interval: 500ms", "pulse_interval: 1500ms"}, failure, "release", "release.yaml:28:19", "bounds.pulse_interval"},
		{"no bound", change{"release.yaml", "  start: 250ms", "  #"}, failure, "schema.required", "release.yaml:24:3", "bounds.start"},
		{"no validity", change{"release.yaml", "validity: 8760h", ""}, failure, "release.validity", "release.yaml:1:1", "validity is missing"},
		{"policy that does not parse", change{"policies/money.cedar", "permit (", "permit"}, failure, "syntax", "policies/money.cedar:", ""},
		{"policy that does not type-check", change{"policies/money.cedar", "arguments.amount", "arguments.amuont"}, failure, "type", "policies/money.cedar:", "amuont"},
		{"unknown group", change{"policies/money.cedar", `Group::"staff"`, `Group::"stuff"`}, failure, "group.unknown", "policies/money.cedar:1:1", "staff"},
		{"attribute not declared", change{"directory.yaml", "groups: [staff]", "attributes: [{name: level, number: 3}]\n    groups: [staff]"}, failure, "agent.attributes", "directory.yaml:7:18", "not declared"},
		{"attribute missing", change{"release.yaml", "bounds:", "agent_attributes: [{name: level, type: long, required: true}]\nbounds:"}, failure, "agent.attributes", "directory.yaml:5:5", "lacks the attribute level"},
		{"Cedar type that is none", change{"tools.yaml", "resource_type: Url", "resource_type: url"}, failure, "schema.string.pattern", "tools.yaml:20:20", "resource_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, tt.change)
			found, err := s.Lint()
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(found, func(f fabric.Finding) bool {
				return f.Severity.String() == tt.severity && f.Code == tt.code && strings.HasPrefix(f.Position.String(), tt.where) && strings.Contains(f.String(), tt.says)
			})
			if i < 0 {
				t.Errorf("want %s: %s … %q [%s], got\n%v", tt.where, tt.severity, tt.says, tt.code, policy.Problems(found))
			}
			_, err = s.Build(buildParams())
			if (err != nil) != (tt.severity == failure) {
				t.Errorf("Build: %v", err)
			}
		})
	}
}

func buildParams() fabric.BuildParams {
	key := trust.SigningKeyFromSeedInsecure(trust.DigestOf([]byte("governor")))
	return fabric.BuildParams{
		Version: 1, Replaces: trust.DigestOf([]byte("genesis")), Now: noon,
		Governors: []*pb.Governor{{Name: "g1", PublicKey: key.Public().Bytes()}},
		Issuers:   [][]byte{testIssuer},
	}
}

func TestAttributesThatFit(t *testing.T) {
	s := load(
		t,
		change{"release.yaml", "bounds:", `agent_attributes:
  - {name: level, type: long, required: true}
  - {name: team, type: string}
  - {name: away, type: bool}
  - {name: sites, type: string_set}
bounds:`},
		change{"directory.yaml", "groups: [staff]", `groups: [staff]
    attributes: [{name: level, number: -3}, {name: team, text: red}, {name: away, flag: false}, {name: sites, texts: {values: [a, b]}}]`},
		change{"directory.yaml", "groups: [guests]", "groups: [guests]\n    attributes: [{name: level, number: 0}]"},
		change{"policies/level.cedar", "", `@id("no-negative-level") forbid (principal, action == Action::"transfer", resource) when { principal.level < 0 };`},
		change{"tests/money.yaml", "allow: true", "allow: false"},
		change{"tests/money.yaml", "[small-transfers]", "[no-negative-level]"},
	)
	found, err := s.Lint()
	if err != nil || len(found) > 0 {
		t.Fatalf("%v, %v", found, err)
	}
	report, err := s.Test("acme.test", "east")
	if err != nil || !report.Passed() {
		t.Errorf("%+v, %v", report, err)
	}
	wrong := load(
		t,
		change{"release.yaml", "bounds:", "agent_attributes: [{name: level, type: string_set}]\nbounds:"},
		change{"directory.yaml", "groups: [staff]", "groups: [staff]\n    attributes: [{name: level, number: 1}, {name: level, texts: {values: []}}]"},
	)
	found, err = wrong.Lint()
	if err != nil || len(found) != 2 || !strings.Contains(found[0].Message, "declared as string_set") || !strings.Contains(found[1].Message, "stands twice") {
		t.Errorf("%v, %v", found, err)
	}
}

func TestBuildIsDeterministic(t *testing.T) {
	var first []byte
	for range 5 {
		r, err := load(t).Build(buildParams())
		if err != nil {
			t.Fatal(err)
		}
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		}
		if !bytes.Equal(first, data) {
			t.Fatal("the same source gave other bytes")
		}
	}
	r, err := load(t, change{"limits.yaml", "5000", "5001"}).Build(buildParams())
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil || bytes.Equal(first, data) {
		t.Errorf("another source gave the same bytes, or none: %v", err)
	}
}

func TestBuildRefusesBadParams(t *testing.T) {
	for name, spoil := range map[string]func(*fabric.BuildParams){
		"no version":   func(p *fabric.BuildParams) { p.Version = 0 },
		"no replaces":  func(p *fabric.BuildParams) { p.Replaces = trust.Digest{} },
		"no time":      func(p *fabric.BuildParams) { p.Now = time.Time{} },
		"no governors": func(p *fabric.BuildParams) { p.Governors = nil },
		"no issuers":   func(p *fabric.BuildParams) { p.Issuers = nil },
		"no issuer":    func(p *fabric.BuildParams) { p.Issuers = [][]byte{[]byte("x")} },
		"twice":        func(p *fabric.BuildParams) { p.Governors = append(p.Governors, p.Governors...) },
	} {
		t.Run(name, func(t *testing.T) {
			p := buildParams()
			spoil(&p)
			if r, err := load(t).Build(p); err == nil || r != nil {
				t.Errorf("got %v, %v", r, err)
			}
		})
	}
}

func TestTemplateCases(t *testing.T) {
	s := load(t)
	found, err := s.Lint()
	if err != nil || len(found) > 0 {
		t.Fatalf("the template has findings: %v, %v", found, err)
	}
	report, err := s.Test("acme.test", "east")
	if err != nil {
		t.Fatal(err)
	}
	if !report.Passed() || len(report.Uncovered) > 0 || len(report.Unguarded) > 0 || len(report.Outcomes) < 12 {
		t.Errorf("%+v", report)
	}
}

// TestTemplateCasesNotice weakens each condition of the forbids in turn: some
// case must fail.
func TestTemplateCasesNotice(t *testing.T) {
	for _, pattern := range []string{`"*secret*"`, `"*..*"`, `"*./*"`, `"*//*"`} {
		mutant := load(t, change{"policies/files.cedar", pattern, `"nothing/like/that"`})
		if report, err := mutant.Test("acme.test", "east"); err != nil || report.Passed() {
			t.Errorf("without %s all cases pass: %v", pattern, err)
		}
	}
}

func TestCasesThatNameNobody(t *testing.T) {
	for name, tt := range map[string]struct {
		change
		want string
	}{
		"agent":    {change{"tests/money.yaml", "agent: scout", "agent: skout"}, `agent "skout"`},
		"enforcer": {change{"tests/money.yaml", "agent: scout", "agent: e1"}, `agent "e1"`},
		"tool":     {change{"tests/money.yaml", "tool: transfer", "tool: tranfer"}, `tool "tranfer"`},
		"limit":    {change{"tests/money.yaml", "tool: transfer", "tool: transfer\n    usage: {sum: 1}"}, `limit "sum"`},
		"other":    {change{"tests/money.yaml", "tool: transfer", "tool: transfer\n    delegator: nobody"}, `agent "nobody"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.change).Test("acme.test", "east")
			if err == nil || !strings.HasPrefix(err.Error(), "tests/money.yaml:2:5: error: case ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCaseFields shows that every key of a case reaches the request.
func TestCaseFields(t *testing.T) {
	s := load(t, change{"tests/money.yaml", "    allow: true", `    delegator: mallory
    context: {a: [1, "b"], c: null, d: {e: true}}
    usage: {transfer_sum: 4999}
    session: 7
    approvals: 2
    time: 2026-02-03T04:05:06Z
    allow: true`})
	cases, err := s.Cases("acme.test", "east")
	if err != nil {
		t.Fatal(err)
	}
	c := cases[slices.IndexFunc(cases, func(c policy.Case) bool { return c.Name == "the largest small transfer" })]
	r := c.Request
	if r.Principal.ID != "spiffe://acme.test/east/agent/scout" || r.Delegator.ID != "spiffe://acme.test/east/agent/mallory" ||
		!slices.Equal(r.Delegator.Groups, []string{"guests"}) || string(r.Arguments) != `{"to":"acme","amount":1000,"currency":"EUR"}` ||
		string(r.Context) != `{"a":[1,"b"],"c":null,"d":{"e":true}}` || r.Usage["transfer_sum"] != 4999 || r.Usage["file_write_count"] != 0 || len(r.Usage) != 2 ||
		r.Session != 7 || r.Approvals != 2 || !r.LogTime.Equal(time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)) || !c.Allow || !slices.Equal(c.Policies, []string{"small-transfers"}) {
		t.Errorf("%+v", c)
	}
}

func FuzzLoadRelease(f *testing.F) {
	tree, ok := template(f).(fstest.MapFS)
	if !ok {
		f.Fatal("the template is no map")
	}
	for name, file := range tree {
		f.Add(name, file.Data)
	}
	f.Add("tools.yaml", []byte("tools: &a [*a]\n"))
	f.Add("limits.yaml", []byte("limits:\n- window: 9999999h\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		files, ok := template(t).(fstest.MapFS)
		if !ok || !fs.ValidPath(name) || files[name] == nil {
			return
		}
		files[name] = &fstest.MapFile{Data: data}
		s, err := fabric.LoadRelease(files)
		if err != nil {
			return
		}
		found, err := s.Lint()
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.ContainsFunc(found, func(f fabric.Finding) bool { return f.Severity == policy.SeverityError })
		if _, err := s.Build(buildParams()); err == nil && bad {
			t.Fatalf("built what lint refuses: %v", found)
		}
		if !bad {
			_, _ = s.Test("acme.test", "east")
		}
	})
}
