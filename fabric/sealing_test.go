package fabric_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func makeSealing(t *testing.T, f *fabric.Fabric, id string) *fabric.SealingMade {
	t.Helper()
	made, err := f.NewSealingKey(id)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func publish(t *testing.T, f *fabric.Fabric) *pb.Release {
	t.Helper()
	if _, err := f.Publish(); err != nil {
		t.Fatal(err)
	}
	release, err := f.Release()
	if err != nil {
		t.Fatal(err)
	}
	return release.Proto
}

func heldBy(t *testing.T, f *fabric.Fabric, role pb.Role, name string) *trust.SealingKeys {
	t.Helper()
	s, err := fabric.OpenSealing(f.MemberDir(role, name))
	if err != nil {
		t.Fatal(err)
	}
	return s.Held()
}

func releaseText(t *testing.T, f *fabric.Fabric) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.ReleaseDir(), "release.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestASealingKeyIsMade: everybody who needs the private half has it, nobody
// else, and the release that is published next lists the public half.
func TestASealingKeyIsMade(t *testing.T) {
	f := create(t, params())
	before := releaseText(t, f)
	made := makeSealing(t, f, "k1")
	if !made.Made || !made.Noted || len(made.Written) < 2 || len(made.Elsewhere) != 0 || made.Key.ID() != "k1" {
		t.Errorf("made %+v", made)
	}
	for _, h := range []struct {
		role pb.Role
		name string
		want []string
	}{{pb.Role_ROLE_ENFORCER, "e1", []string{"k1"}}, {pb.Role_ROLE_EXECUTOR, "x1", []string{"k1"}}, {pb.Role_ROLE_SENTINEL, "s1", nil}, {pb.Role_ROLE_AGENT, "scout", nil}} {
		keys := heldBy(t, f, h.role, h.name)
		if !slices.Equal(keys.IDs(), h.want) {
			t.Errorf("%s holds %v, want %v", h.name, keys.IDs(), h.want)
		}
		if key, ok := keys.Key("k1"); ok && key.SealTo() != made.Key {
			t.Errorf("%s holds another key", h.name)
		}
	}
	if text := releaseText(t, f); !strings.HasPrefix(text, before) {
		t.Errorf("release.yaml is not what it was and more:\n%s", text)
	}
	second := makeSealing(t, f, "k2")
	listed := publish(t, f).GetSealingKeys()
	if len(listed) != 2 || !bytes.Equal(listed[0].GetPublicKey(), made.Key.Proto().GetPublicKey()) || !bytes.Equal(listed[1].GetPublicKey(), second.Key.Proto().GetPublicKey()) {
		t.Errorf("the release lists %v", listed)
	}
	if ids, err := f.SealingIDs(); err != nil || !slices.Equal(ids, []string{"k1", "k2"}) {
		t.Errorf("ids %v, %v", ids, err)
	}
}

// TestAMadeSealingKeyIsCompleted: the same again makes no other key, and serves
// who came since and what was lost.
func TestAMadeSealingKeyIsCompleted(t *testing.T) {
	f := create(t, params())
	made := makeSealing(t, f, "k1")
	again := makeSealing(t, f, "k1")
	if again.Made || again.Noted || len(again.Written) != 0 || again.Key != made.Key {
		t.Errorf("again %+v", again)
	}
	publish(t, f)
	if _, err := f.Enroll(fabric.Enrollment{Role: pb.Role_ROLE_ENFORCER, Name: "e9"}); err != nil {
		t.Fatal(err)
	}
	if third := makeSealing(t, f, "k1"); third.Made || len(third.Written) != 1 || !strings.Contains(third.Written[0], "e9") {
		t.Errorf("after enrolling %+v", third)
	}
	// e9's folder is on its own machine now.
	for _, name := range []string{"signing.pem", "sealing/k1.key"} {
		if err := os.Remove(filepath.Join(f.MemberDir(pb.Role_ROLE_ENFORCER, "e9"), name)); err != nil {
			t.Fatal(err)
		}
	}
	away := makeSealing(t, f, "k1")
	if len(away.Elsewhere) != 1 || away.Elsewhere[0].Name != "e9" || len(away.Written) != 0 || away.Source == "" {
		t.Errorf("away %+v", away)
	}
}

func TestASealingKeyThatMustNotBeMade(t *testing.T) {
	tests := map[string]func(t *testing.T, f *fabric.Fabric){
		"no name": func(*testing.T, *fabric.Fabric) {},
		"an id whose key was erased": func(t *testing.T, f *fabric.Fabric) {
			makeSealing(t, f, "k1")
			publish(t, f)
			if _, err := f.EraseSealingKey("k1", true); err != nil {
				t.Fatal(err)
			}
		},
		"two keys here": func(t *testing.T, f *fabric.Fabric) {
			makeSealing(t, f, "k1")
			other, err := trust.GenerateSealingKey("k1")
			if err != nil {
				t.Fatal(err)
			}
			text, err := other.MarshalPEM()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(f.MemberDir(pb.Role_ROLE_EXECUTOR, "x1"), "sealing", "k1.key"), text, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"release.yaml lists another": func(t *testing.T, f *fabric.Fabric) {
			appendRelease(t, f, "sealing_keys:\n  - id: k1\n    public_key: \""+hex.EncodeToString(bytes.Repeat([]byte{9}, 32))+"\"\n")
		},
		"a list that cannot be added to": func(t *testing.T, f *fabric.Fabric) { appendRelease(t, f, "sealing_keys: []\n") },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			f, id := create(t, params()), "k1"
			if name == "no name" {
				id = "../k1"
			}
			spoil(t, f)
			before := releaseText(t, f)
			if made, err := f.NewSealingKey(id); err == nil {
				t.Errorf("made %+v", made)
			}
			if releaseText(t, f) != before {
				t.Error("release.yaml has changed")
			}
		})
	}
}

func appendRelease(t *testing.T, f *fabric.Fabric, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.ReleaseDir(), "release.yaml"), []byte(releaseText(t, f)+text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func dropFromSource(t *testing.T, f *fabric.Fabric) {
	t.Helper()
	text, _, found := strings.Cut(releaseText(t, f), "sealing_keys:")
	if !found {
		t.Fatal("release.yaml lists no sealing key")
	}
	if err := os.WriteFile(filepath.Join(f.ReleaseDir(), "release.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestErasing: never while a verdict can rest on the key, unless told so.
func TestErasing(t *testing.T) {
	f := create(t, params())
	now := time.Now()
	f.Clock = func() time.Time { return now }
	if erased, err := f.EraseSealingKey("k0", false); err != nil || len(erased.Erased) != 0 {
		t.Errorf("a key that never was: %+v, %v", erased, err)
	}
	refused := func(what string) {
		t.Helper()
		if erased, err := f.EraseSealingKey("k1", false); !errors.Is(err, fabric.ErrSealingKey) || erased != nil {
			t.Errorf("%s: %+v, %v", what, erased, err)
		}
		if _, held := heldBy(t, f, pb.Role_ROLE_ENFORCER, "e1").Key("k1"); !held {
			t.Fatalf("%s: it is gone", what)
		}
	}
	made := makeSealing(t, f, "k1")
	memory := publish(t, f).GetBounds().GetMemory().AsDuration()
	refused("listed")
	dropFromSource(t, f)
	publish(t, f)
	refused("dropped just now")
	now = now.Add(memory - 2*time.Minute)
	refused("dropped less than W ago")
	leftover := made.Written[0][:strings.LastIndex(made.Written[0], "/")+1] + ".k1.key.abc.new"
	if err := os.WriteFile(leftover, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	erased, err := f.EraseSealingKey("k1", false)
	if err != nil || len(erased.Erased) != len(made.Written)+1 {
		t.Fatalf("erased %+v, %v", erased, err)
	}
	for _, path := range append(made.Written, leftover) {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there still: %v", path, err)
		}
	}
	if ids := heldBy(t, f, pb.Role_ROLE_ENFORCER, "e1").IDs(); len(ids) != 0 {
		t.Errorf("e1 holds %v", ids)
	}
	if _, err := f.NewSealingKey("k1"); !errors.Is(err, fabric.ErrSealingKey) {
		t.Errorf("an erased id was made anew: %v", err)
	}
}

func TestErasingDespite(t *testing.T) {
	f := create(t, params())
	makeSealing(t, f, "k1")
	publish(t, f)
	if erased, err := f.EraseSealingKey("k1", true); err != nil || len(erased.Erased) < 2 {
		t.Errorf("%+v, %v", erased, err)
	}
}

// TestASealingFolderIsChecked: what others could have read is no secret, and
// what cannot be read is not passed over. Held keys outlive a failed Refresh.
func TestASealingFolderIsChecked(t *testing.T) {
	f := create(t, params())
	made := makeSealing(t, f, "k1")
	path := made.Written[0]
	dir := filepath.Dir(path)
	s, err := fabric.OpenSealing(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	spoil := map[string]func() error{
		"file open to others":   func() error { return os.Chmod(path, 0o640) },
		"folder open to others": func() error { return os.Chmod(dir, 0o750) },
		"no key":                func() error { return os.WriteFile(filepath.Join(dir, "k2.key"), []byte("none"), 0o600) },
		"no id":                 func() error { return os.WriteFile(filepath.Join(dir, "K 2.key"), []byte("none"), 0o600) },
		"a link":                func() error { return os.Symlink(path, filepath.Join(dir, "k3.key")) },
	}
	for name, do := range spoil {
		t.Run(name, func(t *testing.T) {
			if err := do(); err != nil {
				t.Fatal(err)
			}
			if err := s.Refresh(); err == nil {
				t.Error("read all the same")
			}
			if _, held := s.Held().Key("k1"); !held {
				t.Error("what was held is gone")
			}
			if _, err := fabric.OpenSealing(filepath.Dir(dir)); err == nil {
				t.Error("opened all the same")
			}
			for _, extra := range []string{"k2.key", "K 2.key", "k3.key"} {
				_ = os.Remove(filepath.Join(dir, extra))
			}
			if err := errors.Join(os.Chmod(path, 0o600), os.Chmod(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if err := s.Refresh(); err != nil {
		t.Error(err)
	}
}
