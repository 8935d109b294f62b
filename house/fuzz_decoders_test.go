package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// decoders ties every function that takes bytes apart which come from outside (the
// broker, a file, a person, a tool, another machine) to the fuzz target that throws
// bytes at it. A function that calls one of the primitives below must stand here.
var decoders = map[string]string{
	"agent.answerBook.open":                  "agent.FuzzAnswer",
	"cmd/portcullis.argumentFlags.json":      "cmd/portcullis.FuzzArguments",
	"cmd/portcullis.typedArgument":           "cmd/portcullis.FuzzArguments",
	"cmd/portcullis.readJSONFile":            "cmd/portcullis.FuzzRecordFile",
	"cmd/portcullis.demoEvent":               "cmd/portcullis.FuzzDemoEvent",
	"cmd/portcullis.demoFailure":             "cmd/portcullis.FuzzDemoEvent",
	"core/audit.Read":                        "core/audit.FuzzAudit",
	"core/governance.ParseScope":             "core/governance.FuzzParseScope",
	"core/governance.State.Apply":            "core/governance.FuzzApply",
	"core/ledger.Fold.Heartbeat":             "core/ledger.FuzzHeartbeat",
	"core/ledger.ParsePosition":              "core/ledger.FuzzParsePosition",
	"core/ledger.Parser.Parse":               "core/ledger.FuzzParseStep",
	"core/lineage.Keys.Open":                 "recorder.FuzzWitnessAnswer",
	"core/lineage.ParseAddCheckpoint":        "core/lineage.FuzzAddCheckpoint",
	"core/lineage.ParseCheckpoint":           "core/lineage.FuzzCheckpoint",
	"core/lineage.ParseEntry":                "core/lineage.FuzzEntry",
	"core/permit.ReadDecision":               "core/permit.FuzzBook",
	"core/policy.fields.decode":              "core/policy.FuzzArguments",
	"core/policy.parse":                      "core/policy.FuzzCompile",
	"core/proof.Decode":                      "core/proof.FuzzVerify",
	"core/trust.ParseDigest":                 "core/trust.FuzzParseDigest",
	"core/trust.ParseEnvelope":               "core/trust.FuzzParseEnvelope",
	"core/trust.ParseIdentity":               "core/trust.FuzzParseIdentity",
	"core/trust.ParseList":                   "core/trust.FuzzParseList",
	"core/trust.ParseLogKeys":                "core/trust.FuzzParseLogKeys",
	"core/trust.ParsePrivateKey":             "core/trust.FuzzParsePrivateKey",
	"core/trust.ParseSealingKey":             "core/trust.FuzzParsePrivateKey",
	"core/trust.SealingKey.Open":             "core/trust.FuzzOpen",
	"core/trust.NewIssuers":                  "fabric.FuzzDataFolder",
	"core/trust.parseBinding":                "core/trust.FuzzVerifyCredential",
	"core/trust.readEnvelope":                "core/trust.FuzzWire",
	"core/verdict.Read":                      "core/verdict.FuzzDecide",
	"core/verdict.deciding.amount":           "core/verdict.FuzzDecide",
	"dashboards/lineage.rawRecord.decode":    "dashboards/lineage.FuzzRecord",
	"fabric.signCert":                        "fabric.FuzzDataFolder",
	"fabric.Bundle.file":                     "fabric.FuzzDataFolder",
	"fabric.reader.document":                 "fabric.FuzzLoadRelease",
	"witness.unverified":                     "witness.FuzzAddCheckpoint",
	"dashboards/access.claim":                "dashboards/access.FuzzClaims",
	"dashboards/access.lookUp":               "dashboards/access.FuzzClaims",
	"dashboards/access.words":                "dashboards/access.FuzzClaims",
	"dashboards/access.parseAuthorities":     "dashboards/access.FuzzRevoked",
	"dashboards/access.Revoked.parse":        "dashboards/access.FuzzRevoked",
	"dashboards/access.pendings.open":        "dashboards/access.FuzzPending",
	"dashboards/surface.Item":                "dashboards/demo.FuzzShown",
	"dashboards/demo.shown":                  "dashboards/demo.FuzzShown",
	"evidence.OpenArchive":                   "evidence.FuzzManifest",
	"evidence.ReadCheckpoint":                "evidence.FuzzReadCheckpoint",
	"evidence.parseFrame":                    "evidence.FuzzReader",
	"evidence.readManifest":                  "evidence.FuzzManifest",
	"executor/tools/files.decode":            "executor/tools/files.FuzzArguments",
	"executor/tools/files.split":             "executor/tools/files.FuzzSplit",
	"executor/tools/httpcall.Client.admit":   "executor/tools/httpcall.FuzzRequest",
	"executor/tools/httpcall.endpoint.admit": "executor/tools/httpcall.FuzzRequest",
	"executor/tools/httpcall.parse":          "executor/tools/httpcall.FuzzURL",
	"fabric.Brake.note":                      "fabric.FuzzBrake",
	"fabric.Fabric.Evidence":                 "fabric.FuzzDataFolder",
	"fabric.LoadRelease":                     "fabric.FuzzLoadRelease",
	"fabric.Mark.Load":                       "fabric.FuzzMark",
	"fabric.ParsePlan":                       "fabric.FuzzParsePlan",
	"fabric.decodeJSON":                      "fabric.FuzzDataFolder",
	"fabric.parseCerts":                      "fabric.FuzzDataFolder",
	"fabric.readNKeySeed":                    "fabric.FuzzDataFolder",
	"gateway/authzen.members.elements":       "gateway/authzen.FuzzRequest",
	"gateway/hook.ours":                      "gateway/hook.FuzzSettings",
	"gateway/hook.without":                   "gateway/hook.FuzzSettings",
	"gateway/local.decode":                   "gateway/local.FuzzMessage",
	"gateway/mcp.ReadListing":                "gateway/mcp.FuzzListing",
	"gateway/mcp.readProperty":               "gateway/mcp.FuzzListing",
	"gateway/mcp.Pinning.pinTool":            "gateway/mcp.FuzzListing",
	"gateway/mcp/jsonrpc.Canonical":          "gateway/mcp/jsonrpc.FuzzMessage",
	"gateway/mcp/jsonrpc.Object":             "gateway/mcp/jsonrpc.FuzzMessage",
	"gateway/mcp/jsonrpc.Text":               "gateway/mcp/jsonrpc.FuzzMessage",
	"gateway/mcp/jsonrpc.check":              "gateway/mcp/jsonrpc.FuzzMessage",
	"dashboards/surface.Read":                "dashboards/surface.FuzzRead",
	"gateway/proxy/mapping.Parse":            "gateway/proxy/mapping.FuzzParse",
	"gateway/proxy/openapi.parse":            "gateway/proxy/openapi.FuzzRoutes",
	"recorder.conflictOf":                    "recorder.FuzzWitnessAnswer",
	"recorder.verified":                      "recorder.FuzzWitnessAnswer",
	"recorder/tiles.Folder.Open":             "recorder/tiles.FuzzFolder",
	"recorder/tiles.parsePath":               "recorder/tiles.FuzzParsePath",
	"schemas.Decode":                         "schemas.FuzzDecode",
	"schemas.LedgerSubject":                  "schemas.FuzzLedgerSubject",
	"schemas.parse":                          "schemas.FuzzDecode",
	"streams/door.Door.recognise":            "streams/door.FuzzGreeting",
	"streams/door.items.count":               "streams/door.FuzzItems",
	"streams/door.readInfo":                  "streams/door.FuzzGreeting",
	"streams.standingOf":                     "streams.FuzzLeader",
	"streams.stepDownRefused":                "streams.FuzzStepDown",
	"streams.durabilityOf":                   "streams.FuzzServerSettings",
	"streams.parseContext":                   "streams.FuzzContext",
	"streams.verdictOf":                      "streams.FuzzAcknowledgement",
	"transcript.ParseQuery":                  "transcript.FuzzParseQuery",
	"witness.ParseLog":                       "witness.FuzzParseLog",
	"witness.ReadLogs":                       "witness.FuzzReadLogs",
	"witness.followed.open":                  "witness.FuzzAddCheckpoint",
	"witness.openLast":                       "witness.FuzzFolder",
	"witness.readKeys":                       "witness.FuzzFolder",
	"zone.ReadTools":                         "zone.FuzzReadTools",
	"zone.askBroker":                         "zone.FuzzAskBroker",
	"zone.isConsole":                         "zone.FuzzIsConsole",
	"zone.readHealth":                        "zone.FuzzReadHealth",
	"zone.readTransfer":                      "zone.FuzzBank",
}

// primitives take structured bytes apart: whoever calls one is a decoder.
var primitives = map[string][]string{
	"encoding/json":                                 {"Unmarshal", "NewDecoder"},
	"github.com/go-json-experiment/json":            {"Unmarshal", "UnmarshalRead"},
	"go.yaml.in/yaml/v3":                            {"Unmarshal", "NewDecoder"},
	"google.golang.org/protobuf/proto":              {"Unmarshal"},
	"google.golang.org/protobuf/encoding/protojson": {"Unmarshal"},
	"crypto/x509":                                   {"ParseCertificate", "ParsePKCS8PrivateKey"},
	"encoding/pem":                                  {"Decode"},
	"golang.org/x/mod/sumdb/note":                   {"Open"},
}

// ownBytes read nothing but what this program has made in the same process or on
// behalf of the same command, or run in tests alone.
var ownBytes = []string{"gateway/mcp/mcptest", "loadtest", "story", "sim", "schemas/internal", "house"}

// fuzzTargets are the names of all fuzz targets, as dir.FuzzName.
func fuzzTargets(sources []source) map[string]bool {
	found := map[string]bool{}
	for _, s := range sources {
		for _, name := range testFunctions(s) {
			if strings.HasPrefix(name, "Fuzz") {
				found[s.dir()+"."+name] = true
			}
		}
	}
	return found
}

// TestEveryDecoderIsFuzzed: the table above is complete and true.
func TestEveryDecoderIsFuzzed(t *testing.T) {
	for _, fault := range decoderFaults(repository(t), decoders) {
		t.Error(fault)
	}
}

func decoderFaults(sources []source, table map[string]string) (faults []string) {
	targets, functions := fuzzTargets(sources), map[string]bool{}
	for _, s := range sources {
		if s.isTest() || slices.ContainsFunc(ownBytes, func(dir string) bool { return within(s.dir(), dir) }) || strings.HasSuffix(s.dir(), "test") {
			continue
		}
		for name, where := range callers(s) {
			functions[name] = true
			if where != "" && table[name] == "" {
				faults = append(faults, fmt.Sprintf("%s: %s takes bytes apart, and no fuzz target is named for it; write one and add both to decoders in house/fuzz_decoders_test.go", where, name))
			}
		}
	}
	for decoder, target := range table {
		if !functions[decoder] {
			faults = append(faults, fmt.Sprintf("the decoder %s is gone; take it out of decoders, or name what it is called now", decoder))
		}
		if !targets[target] {
			faults = append(faults, fmt.Sprintf("the fuzz target %s of %s is gone", target, decoder))
		}
	}
	slices.Sort(faults)
	return faults
}

// callers are a file's functions, as dir.Func or dir.Type.Method, with the place of
// the first primitive that each calls, if it does.
func callers(s source) map[string]string {
	aliases := map[string]string{}
	for _, spec := range s.syntax.Imports {
		importPath, _ := strconv.Unquote(spec.Path.Value) // the parser has accepted it
		alias := path.Base(importPath)
		if strings.HasPrefix(alias, "v") && len(alias) == 2 {
			alias = path.Base(path.Dir(importPath))
		}
		if spec.Name != nil {
			alias = spec.Name.Name
		}
		aliases[alias] = importPath
	}
	found := map[string]string{}
	for _, d := range s.syntax.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := s.dir() + "." + receiver(f) + f.Name.Name
		found[name] = ""
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if of, ok := call.X.(*ast.Ident); ok && slices.Contains(primitives[aliases[of.Name]], call.Sel.Name) && found[name] == "" {
				found[name] = s.at(call)
			}
			return true
		})
	}
	return found
}

// receiver is "Type." of a method, "" of a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

const (
	fewestInputs = 5
	mostInputs   = 24
	largestInput = 16 << 10 // bytes
	corpusHeader = "go test fuzz v1\n"
)

// TestEveryFuzzTargetHasACorpus: each target begins from inputs that are kept, few
// and small enough to run with every test, and no corpus is left of a target that
// is gone.
func TestEveryFuzzTargetHasACorpus(t *testing.T) {
	for _, fault := range corpusFaults(t, os.DirFS(".."), fuzzTargets(repository(t))) {
		t.Error(fault)
	}
}

func corpusFaults(t *testing.T, root fs.FS, targets map[string]bool) (faults []string) {
	t.Helper()
	inputs := map[string]int{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := path.Base(name); name != "." && (strings.HasPrefix(base, ".") || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		pkg, rest, found := strings.Cut(name, "/testdata/fuzz/")
		if !found {
			return nil
		}
		target := pkg + "." + path.Dir(rest)
		inputs[target]++
		data, err := fs.ReadFile(root, name)
		if !bytes.HasPrefix(data, []byte(corpusHeader)) || len(data) > largestInput {
			faults = append(faults, fmt.Sprintf("%s is no small input of a fuzzer: %d bytes, at most %d, the first line is %q", name, len(data), largestInput, strings.TrimSpace(corpusHeader)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for target := range targets {
		if n := inputs[target]; n < fewestInputs || n > mostInputs {
			faults = append(faults, fmt.Sprintf("%s keeps %d inputs under testdata/fuzz; keep %d to %d", target, n, fewestInputs, mostInputs))
		}
	}
	for target := range inputs {
		if !targets[target] {
			faults = append(faults, fmt.Sprintf("there are inputs for %s, which is no fuzz target", target))
		}
	}
	slices.Sort(faults)
	return faults
}

// TestDecoderRulesBite: a decoder without a target, a table that is out of date, and
// a target without inputs are found.
func TestDecoderRulesBite(t *testing.T) {
	const (
		decoder = "package a\nimport \"encoding/json\"\ntype T struct{}\nfunc (*T) Read(b []byte, v any) error { return json.Unmarshal(b, v) }\n"
		target  = "package a\nimport \"testing\"\nfunc FuzzRead(f *testing.F) {}\n"
	)
	corpus := func(n int, text string) fstest.MapFS {
		root := fstest.MapFS{"a/a.go": {Data: []byte(decoder)}, "a/a_test.go": {Data: []byte(target)}}
		for i := range n {
			root[fmt.Sprintf("a/testdata/fuzz/FuzzRead/%d", i)] = &fstest.MapFile{Data: []byte(text)}
		}
		return root
	}
	good := map[string]string{"a.T.Read": "a.FuzzRead"}
	for _, test := range []struct {
		name  string
		root  fstest.MapFS
		table map[string]string
		want  string
	}{
		{"good", corpus(5, corpusHeader), good, ""},
		{"no target named", corpus(5, corpusHeader), nil, "a.T.Read takes bytes apart"},
		{"a decoder that is gone", corpus(5, corpusHeader), map[string]string{"a.T.Read": "a.FuzzRead", "a.Gone": "a.FuzzRead"}, "a.Gone is gone"},
		{"a target that is gone", corpus(5, corpusHeader), map[string]string{"a.T.Read": "a.FuzzGone"}, "a.FuzzGone of a.T.Read is gone"},
		{"few inputs", corpus(4, corpusHeader), good, "keeps 4 inputs"},
		{"many inputs", corpus(25, corpusHeader), good, "keeps 25 inputs"},
		{"no inputs", corpus(5, "junk"), good, "no small input"},
		{"inputs of nobody", fstest.MapFS{"b/testdata/fuzz/FuzzB/1": {Data: []byte(corpusHeader)}}, nil, "which is no fuzz target"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sources, err := load(test.root)
			if err != nil {
				t.Fatal(err)
			}
			faults := append(decoderFaults(sources, test.table), corpusFaults(t, test.root, fuzzTargets(sources))...)
			expectAny(t, faults, test.want)
		})
	}
}

// expectAny demands a fault that says what is wanted, or none if nothing is.
func expectAny(t *testing.T, faults []string, want string) {
	t.Helper()
	found := slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) })
	if want == "" && len(faults) > 0 || want != "" && !found {
		t.Errorf("faults %q; %q is wanted", faults, want)
	}
}
