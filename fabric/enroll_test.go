package fabric_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var clerk = fabric.Enrollment{Role: pb.Role_ROLE_AGENT, Name: "clerk", Groups: []string{"staff"}, Tools: []string{"transfer"}}

func TestEnroll(t *testing.T) {
	f := create(t, params())
	done, err := f.Enroll(clerk)
	if err != nil {
		t.Fatal(err)
	}
	records, err := f.Records()
	if err != nil || len(records) != 3 || !bytes.Equal(records[2], done.Record) || done.Version != 2 || done.Dir != f.MemberDir(clerk.Role, clerk.Name) {
		t.Fatalf("%d records, %+v, %v", len(records), done, err)
	}
	release := fold(t, f).Governance().Release() // with the clerk's credential
	entry, ok := release.Identity(trust.Identity{Role: clerk.Role, Name: clerk.Name})
	if !ok || !entry.MayUse("transfer") || entry.MayUse("file-read") || release.Proto.GetVersion() != 2 {
		t.Errorf("%v in release %d", entry, release.Proto.GetVersion())
	}
	again, err := f.Enroll(clerk)
	if err != nil || again.Record != nil || again.Version != 2 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if data, err := f.Publish(); err != nil || data != nil {
		t.Errorf("the source differs from the release: %d bytes, %v", len(data), err)
	}
	source, err := os.ReadFile(filepath.Join(f.ReleaseDir(), "directory.yaml"))
	if err != nil || !strings.HasSuffix(string(source), "  - name: clerk\n    role: agent\n    groups: [staff]\n    tools: [transfer]\n") || !strings.Contains(string(source), "# The one who only visits") {
		t.Errorf("directory.yaml:\n%s", source)
	}
	if opened, err := fabric.Open(f.Dir); err != nil || opened.Ledger != f.Ledger {
		t.Errorf("open: %v", err)
	}
}

func TestEnrollEnforcer(t *testing.T) {
	f := create(t, params())
	if _, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_ENFORCER, Name: "e2"}); err != nil {
		t.Fatal(err)
	}
	release, err := f.Release()
	if err != nil {
		t.Fatal(err)
	}
	if entry, ok := release.Identity(trust.Identity{Role: pb.Role_ROLE_ENFORCER, Name: "e2"}); !ok || entry.Proto.GetRank() != 1 {
		t.Errorf("%v", entry)
	}
}

func TestEnrollRefuses(t *testing.T) {
	f := create(t, params())
	for name, tt := range map[string]struct {
		e    fabric.Enrollment
		want string
	}{
		"no role":             {fabric.Enrollment{Name: "a"}, "cannot be enrolled"},
		"governor":            {fabric.Enrollment{Role: pb.Role_ROLE_GOVERNOR, Name: "a"}, "cannot be enrolled"},
		"no name":             {fabric.Enrollment{Role: pb.Role_ROLE_AGENT}, "name"},
		"name with a path":    {fabric.Enrollment{Role: pb.Role_ROLE_AGENT, Name: "../x"}, "name"},
		"name of a governor":  {fabric.Enrollment{Role: pb.Role_ROLE_AGENT, Name: "g1"}, "a governor is called"},
		"name of an executor": {fabric.Enrollment{Role: pb.Role_ROLE_AGENT, Name: "x1"}, `executor "x1" is enrolled`},
		"other grants":        {fabric.Enrollment{Role: pb.Role_ROLE_AGENT, Name: "mallory", Groups: []string{"staff"}}, `agent "mallory" is enrolled`},
	} {
		t.Run(name, func(t *testing.T) {
			if done, err := f.Enroll(tt.e); err == nil || done != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v", done, err)
			}
		})
	}
	_, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_AGENT, Name: "clerk", Tools: []string{"dig"}})
	if err == nil || !strings.Contains(err.Error(), `"dig" is not in the registry`) {
		t.Errorf("an unknown tool: %v", err)
	}
	f.Clock = func() time.Time { return noon.Add(8760 * time.Hour) }
	if _, err := f.Enroll(clerk); err == nil || !strings.Contains(err.Error(), "publish a new one first") {
		t.Errorf("an expired release: %v", err)
	}
	if records, err := f.Records(); err != nil || len(records) != 2 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// TestEnrollAfterCrash takes away, from the last step back, what Enroll does.
func TestEnrollAfterCrash(t *testing.T) {
	f := create(t, params())
	directory := filepath.Join(f.ReleaseDir(), "directory.yaml")
	before, err := os.ReadFile(directory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Enroll(clerk); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(directory)
	if err != nil {
		t.Fatal(err)
	}
	key := func() trust.KeyID {
		t.Helper()
		m, err := f.Load(clerk.Role, clerk.Name, build)
		if err != nil {
			t.Fatal(err)
		}
		return m.Key.ID()
	}
	first := key()
	finish := func(stage string, newRecord bool) {
		t.Helper()
		done, err := f.Enroll(clerk)
		if err != nil || (done.Record != nil) != newRecord || done.Version != 2 {
			t.Fatalf("%s: %+v, %v", stage, done, err)
		}
		if got, err := os.ReadFile(directory); err != nil || !bytes.Equal(got, after) {
			t.Errorf("%s: directory.yaml differs: %v", stage, err)
		}
	}
	put(t, f.ReleaseDir(), "directory.yaml", string(before))
	finish("before the note", false)
	put(t, f.ReleaseDir(), "directory.yaml", string(before))
	remove(t, f.Dir, "records/0003-release-2.binpb")
	put(t, f.Dir, "records/.0003-release-2.binpb.0123456789ab.new", "half")
	finish("before the record", true)
	if key() != first {
		t.Error("keys were made anew")
	}
	remove(t, f.MemberDir(clerk.Role, clerk.Name), "")
	finish("the keys are gone", false)
	if key() == first {
		t.Error("keys came back")
	}
}

// TestEnrollPublishesNothingElse edits the source: enrolling leaves that for
// Publish.
func TestEnrollPublishesNothingElse(t *testing.T) {
	f := create(t, params())
	edit(t, f.ReleaseDir(), "limits.yaml", "5000", "9000")
	if _, err := f.Enroll(clerk); err != nil {
		t.Fatal(err)
	}
	largest := func() int64 {
		t.Helper()
		release, err := f.Release()
		if err != nil {
			t.Fatal(err)
		}
		return release.Proto.GetLimits()[0].GetMax()
	}
	if got := largest(); got != 5000 {
		t.Errorf("the limit is %d", got)
	}
	if data, err := f.Publish(); err != nil || data == nil || largest() != 9000 {
		t.Errorf("published %d bytes, %v, the limit is %d", len(data), err, largest())
	}
	if epoch := fold(t, f).Governance().Epoch(); epoch != 4 {
		t.Errorf("epoch %d", epoch)
	}
	put(t, f.ReleaseDir(), "limits.yaml", "limit: []\n")
	if _, err := f.Publish(); err == nil || !strings.HasPrefix(err.Error(), "limits.yaml:1:1: error") {
		t.Errorf("a broken source: %v", err)
	}
	done, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_AUDITOR, Name: "a1"})
	if err == nil || done == nil || done.Record == nil {
		t.Errorf("a broken source while enrolling: %+v, %v", done, err)
	}
}

func TestPublishRenews(t *testing.T) {
	f := create(t, params())
	f.Clock = func() time.Time { return noon.Add(200 * 24 * time.Hour) }
	if data, err := f.Publish(); err != nil || data == nil {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	release, err := f.Release()
	if err != nil || !release.ValidAt(noon.Add(500*24*time.Hour)) {
		t.Errorf("%v", err)
	}
	if data, err := f.Publish(); err != nil || data != nil {
		t.Errorf("again: %d bytes, %v", len(data), err)
	}
}

func TestReleaseNeedsItsThreshold(t *testing.T) {
	p := params()
	p.Governors = 3
	f := create(t, p)
	remove(t, f.Dir, "governors/g3")
	if _, err := f.Enroll(clerk); err != nil {
		t.Errorf("2 of 3: %v", err)
	}
	remove(t, f.Dir, "governors/g2")
	e := clerk
	e.Name = "other"
	if _, err := f.Enroll(e); err == nil || !strings.Contains(err.Error(), "1 of the 3 governors signed, 2 must") {
		t.Errorf("1 of 3: %v", err)
	}
	if records, err := f.Records(); err != nil || len(records) != 3 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestEnrollAtOnce(t *testing.T) {
	f := create(t, params())
	var all sync.WaitGroup
	for _, name := range []string{"a1", "a2", "a3"} {
		all.Go(func() {
			if _, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_AUDITOR, Name: name}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	release, err := f.Release()
	if err != nil || release.Proto.GetVersion() != 4 || enrolled(release, "a1", "a2", "a3") != 3 {
		t.Fatalf("%v", err)
	}
	if data, err := f.Publish(); err != nil || data != nil {
		t.Errorf("directory.yaml lacks somebody: %d bytes, %v", len(data), err)
	}
}

func enrolled(r *governance.Release, names ...string) (n int) {
	for _, name := range names {
		if _, ok := r.Identity(trust.Identity{Role: pb.Role_ROLE_AUDITOR, Name: name}); ok {
			n++
		}
	}
	return n
}

// TestSourcesThatCannotBeAddedTo keep their text, and the reader is told what
// to write.
func TestSourcesThatCannotBeAddedTo(t *testing.T) {
	f := create(t, params())
	put(t, f.ReleaseDir(), "directory.yaml", "directory: [{name: e1, role: enforcer}]\n")
	done, err := f.Enroll(clerk)
	if err == nil || done == nil || !strings.Contains(err.Error(), "add by hand:\n") || !strings.Contains(err.Error(), "- name: clerk\n") {
		t.Errorf("%+v, %v", done, err)
	}
	if data, err := os.ReadFile(filepath.Join(f.ReleaseDir(), "directory.yaml")); err != nil || strings.Contains(string(data), "clerk") {
		t.Errorf("%s, %v", data, err)
	}
}
