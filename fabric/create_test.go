package fabric_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestCreateOpenLoad(t *testing.T) {
	made := create(t, params())
	opened, err := fabric.Open(made.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if opened.Ledger != made.Ledger || opened.TrustDomain != "acme.test" || opened.Zone != "east" || !opened.Created.Equal(noon) ||
		opened.NATS != (fabric.NATS{URL: "nats://127.0.0.1:4222", Port: 4222}) {
		t.Errorf("opened %+v, made %+v", opened, made)
	}
	state := fold(t, made).Governance()
	if state.Epoch() != 2 || state.Ledger() != made.Ledger || state.TrustDomain() != "acme.test" || state.Zone() != "east" {
		t.Errorf("folded to epoch %d of %s", state.Epoch(), state.Ledger())
	}
	release := state.Release()
	if rules := verdict.Compile(release); rules.Err != nil {
		t.Error(rules.Err)
	}
	r := release.Proto
	if got := r.GetExpires().AsTime().Sub(noon); got != 8760*time.Hour || r.GetDurability() != 0 || r.GetDecisionThreshold() != 1 || !release.ValidAt(noon) {
		t.Errorf("the release holds for %v: %v", got, r)
	}
	if got := participants(t, made); got != "agent/mallory agent/scout enforcer/e1 executor/x1 sentinel/s1 governor/g1 recorder/r1" {
		t.Errorf("participants: %s", got)
	}
}

func participants(t testing.TB, f *fabric.Fabric) string {
	t.Helper()
	all, err := f.Participants()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = trust.RoleName(p.Role) + "/" + p.Name
		if keys[p.NKeyPublic] || p.NKeyPublic == "" {
			t.Errorf("%s has no NKey of its own", names[i])
		}
		keys[p.NKeyPublic] = true
		if (p.Role == pb.Role_ROLE_EXECUTOR) != (len(p.Tools) == 4) {
			t.Errorf("%s serves %q", names[i], p.Tools)
		}
	}
	return strings.Join(names, " ")
}

func TestCreateWithParams(t *testing.T) {
	p := params()
	p.Enforcers, p.Executors, p.Sentinels, p.Governors, p.K = 3, 2, 2, 3, 2
	p.Agents = []fabric.Agent{{Name: "clerk", Groups: []string{"staff", "Über: staff"}, Tools: []string{"transfer"}}}
	p.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	p.NATS = fabric.NATS{URL: "tls://broker.acme.test:4443", Port: 4443}
	f := create(t, p)
	release := fold(t, f).Governance().Release()
	r := release.Proto
	if got := participants(t, f); got != "agent/clerk agent/mallory agent/scout enforcer/e1 enforcer/e2 enforcer/e3 executor/x1 executor/x2 sentinel/s1 sentinel/s2 governor/g1 governor/g2 governor/g3 recorder/r1" {
		t.Errorf("participants: %s", got)
	}
	if r.GetDecisionThreshold() != 2 || r.GetDurability() != p.Durability || !proto.Equal(r.GetThresholds(), &pb.GovernorThresholds{Release: 2, Resume: 2}) {
		t.Errorf("k %d, %v, thresholds %v", r.GetDecisionThreshold(), r.GetDurability(), r.GetThresholds())
	}
	var ranks []uint32
	for _, e := range r.GetDirectory() {
		if e.GetRole() == pb.Role_ROLE_ENFORCER {
			ranks = append(ranks, e.GetRank())
		}
	}
	if !slices.Equal(ranks, []uint32{0, 1, 2}) || !slices.Equal(release.Executors("transfer"), []string{"x1", "x2"}) {
		t.Errorf("ranks %v, executors %v", ranks, release.Executors("transfer"))
	}
	clerk, ok := release.Identity(trust.Identity{Role: pb.Role_ROLE_AGENT, Name: "clerk"})
	if !ok || !slices.Equal(clerk.Proto.GetGroups(), p.Agents[0].Groups) {
		t.Errorf("clerk: %v", clerk)
	}
	m, err := f.Load(pb.Role_ROLE_AGENT, "clerk", trust.Digest{})
	if err != nil || !slices.Equal(m.Bundle.Servers, []string{p.NATS.URL}) {
		t.Errorf("bundle %+v, %v", m, err)
	}
	source, err := os.ReadFile(filepath.Join(f.ReleaseDir(), "release.yaml"))
	if err != nil || !strings.Contains(string(source), "\ndecision_threshold: 2\n") || !strings.Contains(string(source), "# k: how many enforcers must agree") {
		t.Errorf("the source lost its comments or its number:\n%s", source)
	}
}

func TestCreateRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*fabric.Params)
		want  string
	}{
		"no clock":            {func(p *fabric.Params) { p.Clock = nil }, "clock"},
		"a clock in 1970":     {func(p *fabric.Params) { p.Clock = func() time.Time { return time.Unix(0, 0) } }, "set it right"},
		"no trust domain":     {func(p *fabric.Params) { p.TrustDomain = "" }, "trust domain"},
		"no zone":             {func(p *fabric.Params) { p.Zone = "" }, "zone"},
		"upper-case zone":     {func(p *fabric.Params) { p.Zone = "East" }, "zone"},
		"negative":            {func(p *fabric.Params) { p.Enforcers = -1 }, "enforcers"},
		"many governors":      {func(p *fabric.Params) { p.Governors = 17 }, "governors"},
		"k beyond enforcers":  {func(p *fabric.Params) { p.K = 2 }, "at least as many enforcers"},
		"port":                {func(p *fabric.Params) { p.NATS.Port = 65536 }, "port"},
		"name taken":          {func(p *fabric.Params) { p.Agents = []fabric.Agent{{Name: "e1"}} }, "e1 stands twice"},
		"name of a governor":  {func(p *fabric.Params) { p.Agents = []fabric.Agent{{Name: "g1"}} }, "called like a governor"},
		"name with a newline": {func(p *fabric.Params) { p.Agents = []fabric.Agent{{Name: "a\n    role: governor"}} }, "directory[2].name"},
		"unknown tool":        {func(p *fabric.Params) { p.Agents = []fabric.Agent{{Name: "clerk", Tools: []string{"dig"}}} }, `"dig" is not in the registry`},
		"unknown durability":  {func(p *fabric.Params) { p.Durability = 7 }, "durability 7"},
		"empty template":      {func(p *fabric.Params) { p.Release = os.DirFS(os.DevNull) }, ""},
		"broken template":     {func(p *fabric.Params) { p.Release = template(t, change{"release.yaml", "", "x: 1\n"}) }, "release.yaml:39:1"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			p := params()
			tt.spoil(&p)
			f, err := fabric.Create(filepath.Join(parent, "data"), p)
			if err == nil || f != nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, %v, want %q", f, err, tt.want)
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
}

func TestCreateWhereSomethingIs(t *testing.T) {
	parent := t.TempDir()
	foreign := filepath.Join(parent, "foreign")
	if err := errors.Join(os.Mkdir(foreign, 0o700), os.WriteFile(filepath.Join(foreign, "letter.txt"), []byte("Dear"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := fabric.Create(foreign, params()); err == nil || !strings.Contains(err.Error(), "holds no fabric") {
		t.Errorf("a foreign folder: %v", err)
	}
	if _, err := fabric.Create(filepath.Join(foreign, "letter.txt"), params()); err == nil {
		t.Error("a file was taken for a folder")
	}
	empty := filepath.Join(parent, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := fabric.Create(empty, params())
	if err != nil {
		t.Fatalf("an empty folder: %v", err)
	}
	again, err := fabric.Create(empty, params())
	if err != nil || again.Ledger != first.Ledger {
		t.Errorf("creating again gave %v, %v", again, err)
	}
	other := params()
	other.Zone = "west"
	if _, err := fabric.Create(empty, other); err == nil || !strings.Contains(err.Error(), "zone east already") {
		t.Errorf("another zone: %v", err)
	}
}

// TestCreateAfterCrash leaves what a crash would leave.
func TestCreateAfterCrash(t *testing.T) {
	whole := create(t, params())
	parent := t.TempDir()
	half := filepath.Join(parent, ".data.0123456789ab.new")
	if err := os.CopyFS(half, os.DirFS(whole.Dir)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "data")
	if _, err := fabric.Open(dir); !errors.Is(err, fabric.ErrNoFabric) {
		t.Errorf("opened a leftover: %v", err)
	}
	f, err := fabric.Create(dir, params())
	if err != nil || f.Ledger == whole.Ledger {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestCreateAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	made := make([]*fabric.Fabric, 4)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			f, err := fabric.Create(dir, params())
			if err != nil {
				t.Error(err)
				return
			}
			made[i] = f
		})
	}
	all.Wait()
	for _, f := range made {
		if f == nil || f.Ledger != made[0].Ledger {
			t.Fatal("two fabrics in one place")
		}
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("left beside it: %v, %v", left, err)
	}
}

func TestEverythingIsPrivate(t *testing.T) {
	f := create(t, params())
	n := 0
	err := filepath.WalkDir(f.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		n++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || n < 50 {
		t.Errorf("%d entries, %v", n, err)
	}
}

func TestOpenRefusesTampering(t *testing.T) {
	other := create(t, params())
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"open folder":       {func(t *testing.T, dir string) { chmod(t, dir, 0o750) }, "chmod 700"},
		"open file":         {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "fabric.json"), 0o644) }, "chmod 600"},
		"other ledger":      {nil, "record 1"},
		"other zone":        {func(t *testing.T, dir string) { edit(t, dir, "fabric.json", `"east"`, `"west"`) }, `"west"`},
		"unknown key":       {func(t *testing.T, dir string) { edit(t, dir, "fabric.json", `"zone"`, `"zoen"`) }, "unknown field"},
		"missing genesis":   {func(t *testing.T, dir string) { remove(t, dir, "records/0001-genesis.binpb") }, "record 1 should"},
		"missing release":   {func(t *testing.T, dir string) { remove(t, dir, "records/0002-release-1.binpb") }, "no release"},
		"no records":        {func(t *testing.T, dir string) { remove(t, dir, "records") }, "no such file"},
		"foreign record":    {func(t *testing.T, dir string) { put(t, dir, "records/0003-release-2.binpb", "x") }, "record 3"},
		"record of another": {func(t *testing.T, dir string) { copyRecord(t, other.Dir, dir, "0002-release-1.binpb") }, "record 2"},
		"genesis of another": {
			func(t *testing.T, dir string) { copyRecord(t, other.Dir, dir, "0001-genesis.binpb") }, "record 1",
		},
		"stray file": {func(t *testing.T, dir string) { put(t, dir, "records/0009-note.txt", "x") }, "record 3 should"},
	} {
		t.Run(name, func(t *testing.T) {
			f := create(t, params())
			if name == "other ledger" {
				edit(t, f.Dir, "fabric.json", f.Ledger.String(), other.Ledger.String())
			} else {
				tt.spoil(t, f.Dir)
			}
			if _, err := fabric.Open(f.Dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	flipped := create(t, params())
	path := filepath.Join(flipped.Dir, "records", "0002-release-1.binpb")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-5] ^= 1 // in the signature
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fabric.Open(flipped.Dir); !errors.Is(err, fabric.ErrRecords) || schemas.ReasonOf(err) != pb.Reason_REASON_NOISE_THRESHOLD {
		t.Errorf("a flipped bit: %v", err)
	}
}

func TestSignGovernance(t *testing.T) {
	p := params()
	p.Governors = 3
	f := create(t, p)
	halt := &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, Reason: "drill"}}}
	untouched := proto.CloneOf(halt)
	data, err := f.SignGovernance(halt, "g2")
	if err != nil || !proto.Equal(halt, untouched) {
		t.Fatalf("%v, %v", halt, err)
	}
	state := fold(t, f).Governance()
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.Apply(governance.Record{Sequence: 90, Time: noon, Envelope: env}); err != nil {
		t.Error(err)
	}
	if _, halted := state.Halted(governance.Target{Zone: "east"}); !halted || len(env.Signatures) != 1 {
		t.Errorf("halted %v by %d", halted, len(env.Signatures))
	}
	again, err := f.SignGovernance(halt)
	if env, _ := trust.ParseEnvelope(again); err != nil || len(env.Signatures) != 3 {
		t.Errorf("all: %v", err)
	}
	for _, name := range []string{"g9", "../g1", ""} {
		if _, err := f.SignGovernance(halt, name); err == nil {
			t.Errorf("signed as %q", name)
		}
	}
	if _, err := f.SignGovernance(&pb.Governance{}); err == nil {
		t.Error("signed an empty record")
	}
	if g, err := f.Governor("g1"); err != nil || g.ID.String() != "spiffe://acme.test/east/governor/g1" || len(g.NKeySeed) == 0 {
		t.Errorf("%+v, %v", g, err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func edit(t testing.TB, dir, name, old, replacement string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || !strings.Contains(string(data), old) {
		t.Fatalf("%s lacks %q: %v", name, old, err)
	}
	put(t, dir, name, strings.Replace(string(data), old, replacement, 1))
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func copyRecord(t *testing.T, from, to, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(from, "records", name))
	if err != nil {
		t.Fatal(err)
	}
	put(t, to, "records/"+name, string(data))
}
