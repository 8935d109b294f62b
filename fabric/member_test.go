package fabric_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var build = trust.DigestOf([]byte("a build"))

func credential(t testing.TB, m *fabric.Member, at time.Time) trust.Credential {
	t.Helper()
	env, err := trust.ParseEnvelope(m.Credential)
	if err != nil {
		t.Fatal(err)
	}
	issuers, err := trust.NewIssuers(m.Bundle.Issuers)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := trust.VerifyCredential(env, issuers, at)
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

func TestLoad(t *testing.T) {
	f := create(t, params())
	m, err := f.Load(pb.Role_ROLE_AGENT, "scout", build)
	if err != nil {
		t.Fatal(err)
	}
	cred := credential(t, m, noon)
	if cred.ID != m.ID || m.ID.String() != "spiffe://acme.test/east/agent/scout" || cred.Build != build || cred.Key != m.Key.Public() ||
		!cred.Expires.Equal(noon.Add(90*24*time.Hour)) || !m.Expires.Equal(cred.Expires) {
		t.Errorf("credential %+v of %+v", cred, m)
	}
	if m.Bundle.Ledger != f.Ledger || m.Bundle.Zone != "east" || m.Bundle.ID != m.ID || !bytes.HasPrefix(m.NKeySeed, []byte("SU")) {
		t.Errorf("bundle %+v", m.Bundle)
	}
	for _, who := range []struct {
		role pb.Role
		name string
	}{
		{pb.Role_ROLE_AGENT, "nobody"},
		{pb.Role_ROLE_ENFORCER, "scout"},
		{pb.Role_ROLE_AGENT, ""},
		{pb.Role_ROLE_AGENT, "../agent/scout"},
		{pb.Role_ROLE_UNSPECIFIED, "scout"},
		{pb.Role(99), "scout"},
	} {
		if m, err := f.Load(who.role, who.name, build); err == nil || m != nil {
			t.Errorf("loaded %v %q", who.role, who.name)
		}
	}
}

// TestMemberElsewhere copies a participant's folder to another machine, and
// takes the secrets away here.
func TestMemberElsewhere(t *testing.T) {
	f := create(t, params())
	here, there := f.MemberDir(pb.Role_ROLE_AGENT, "scout"), filepath.Join(t.TempDir(), "scout")
	copyFolder(t, here, there)
	m, err := fabric.LoadMember(there, build, noon)
	if err != nil || m.ID.Name != "scout" || m.Bundle.Ledger != f.Ledger {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := fabric.LoadMember(there, build, noon.Add(91*24*time.Hour)); !errors.Is(err, trust.ErrCredential) {
		t.Errorf("an expired SVID: %v", err)
	}
	for _, name := range []string{"signing.pem", "svid.key", "nats.nk"} {
		remove(t, here, name)
	}
	if got := participants(t, f); !strings.Contains(got, "agent/scout") {
		t.Errorf("participants: %s", got)
	}
	if _, err := f.Load(pb.Role_ROLE_AGENT, "scout", build); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("loaded without secrets: %v", err)
	}
	remove(t, here, "")
	if got := participants(t, f); strings.Contains(got, "scout") {
		t.Errorf("participants: %s", got)
	}
}

func TestRenewal(t *testing.T) {
	f := create(t, params())
	day := func(n int) time.Time { return noon.Add(time.Duration(n) * 24 * time.Hour) }
	expires := func(n int) time.Time {
		t.Helper()
		f.Clock = func() time.Time { return day(n) }
		m, err := f.Load(pb.Role_ROLE_EXECUTOR, "x1", build)
		if err != nil {
			t.Fatal(err)
		}
		if cred := credential(t, m, day(n)); !cred.Expires.Equal(m.Expires) {
			t.Errorf("day %d: credential until %v, member until %v", n, cred.Expires, m.Expires)
		}
		return m.Expires
	}
	for _, step := range []struct{ at, until int }{{1, 90}, {59, 90}, {61, 151}, {62, 151}, {400, 490}} {
		if got := expires(step.at); !got.Equal(day(step.until)) {
			t.Errorf("on day %d the SVID holds until %v, want day %d", step.at, got, step.until)
		}
	}
	remove(t, f.Dir, "issuer/ca.key")
	if got := expires(480); !got.Equal(day(490)) {
		t.Errorf("renewed without the issuer's key until %v", got)
	}
	f.Clock = func() time.Time { return day(491) }
	if _, err := f.Load(pb.Role_ROLE_EXECUTOR, "x1", build); !errors.Is(err, trust.ErrCredential) {
		t.Errorf("an expired SVID without the issuer's key: %v", err)
	}
}

func TestLoadRefusesTampering(t *testing.T) {
	f, other := create(t, params()), create(t, params())
	whole := f.MemberDir(pb.Role_ROLE_AGENT, "scout")
	take := func(from *fabric.Fabric, role pb.Role, who string, names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			for _, name := range names {
				data, err := os.ReadFile(filepath.Join(from.MemberDir(role, who), name))
				if err != nil {
					t.Fatal(err)
				}
				put(t, dir, name, string(data))
			}
		}
	}
	const agent = pb.Role_ROLE_AGENT
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"other ledger":            {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", f.Ledger.String(), other.Ledger.String()) }, "put the folders back"},
		"ledger that is none":     {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", f.Ledger.String(), "12") }, "ledger"},
		"other name":              {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", "agent/scout", "agent/mallory") }, "the bundle of"},
		"no SPIFFE ID":            {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", "spiffe://", "https://") }, "spiffe_id"},
		"other zone":              {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", `"zone": "east"`, `"zone": "west"`) }, "zone is not that"},
		"no servers":              {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", `"nats://127.0.0.1:4222"`, ``) }, "no servers"},
		"unknown key":             {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", `"servers"`, `"insecure":true,"servers"`) }, "unknown field"},
		"something after it":      {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", "\n}\n", "\n}{}") }, "follows it"},
		"issuer that is none":     {func(t *testing.T, dir string) { edit(t, dir, "bundle.json", "BEGIN CERTIFICATE", "BEGIN PRIVATE KEY") }, "issuer 0"},
		"issuer of another":       {take(other, agent, "scout", "bundle.json"), "SVID chain"},
		"member of another":       {take(other, agent, "scout", "bundle.json", "signing.pem", "svid.pem", "svid.key", "nats.nk", "nats.pub"), "put the folders back"},
		"another one here":        {take(f, agent, "mallory", "bundle.json", "signing.pem", "svid.pem", "svid.key", "nats.nk", "nats.pub"), "put the folders back"},
		"SVID of another":         {take(f, agent, "mallory", "svid.pem", "svid.key"), "restore both"},
		"certificate of another":  {take(f, agent, "mallory", "svid.pem"), "is not the key of"},
		"key of another":          {take(f, agent, "mallory", "svid.key"), "is not the key of"},
		"NKey of another":         {take(f, agent, "mallory", "nats.nk"), "is not the seed of the user"},
		"public NKey of another":  {take(f, agent, "mallory", "nats.pub"), "is not the seed of the user"},
		"NKey that is none":       {func(t *testing.T, dir string) { put(t, dir, "nats.nk", "SUX") }, "is not the seed of an NKey"},
		"public NKey is none":     {func(t *testing.T, dir string) { put(t, dir, "nats.pub", "U") }, "public NKey"},
		"signing key is none":     {func(t *testing.T, dir string) { put(t, dir, "signing.pem", "x") }, "signing.pem"},
		"signing key is EC":       {func(t *testing.T, dir string) { swap(t, dir, "svid.key", "signing.pem") }, "a signing key is Ed25519"},
		"certificate is none":     {func(t *testing.T, dir string) { put(t, dir, "svid.pem", "") }, "no PEM certificate"},
		"certificate and more":    {func(t *testing.T, dir string) { appendTo(t, dir, "svid.pem", "more") }, "something else"},
		"bundle missing":          {func(t *testing.T, dir string) { remove(t, dir, "bundle.json") }, "bundle.json"},
		"open folder":             {func(t *testing.T, dir string) { chmod(t, dir, 0o711) }, "chmod 700"},
		"open signing key":        {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "signing.pem"), 0o640) }, "chmod 600"},
		"open SVID key":           {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "svid.key"), 0o604) }, "chmod 600"},
		"open NKey":               {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "nats.nk"), 0o602) }, "chmod 600"},
		"bundle others may write": {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "bundle.json"), 0o620) }, "chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			kept := filepath.Join(t.TempDir(), "kept")
			copyFolder(t, whole, kept)
			t.Cleanup(func() {
				if err := errors.Join(os.RemoveAll(whole), os.Rename(kept, whole)); err != nil {
					t.Error(err)
				}
			})
			tt.spoil(t, whole)
			m, err := f.Load(agent, "scout", build)
			if err == nil || m != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
		if _, err := f.Load(agent, "scout", build); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
	}
}

// copyFolder copies the files of a folder, and their modes.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err := errors.Join(err, os.Mkdir(to, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		put(t, to, e.Name(), string(data))
	}
}

func swap(t *testing.T, dir, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, from))
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, to, string(data))
}

func appendTo(t *testing.T, dir, name, text string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, name, string(data)+text)
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "key", "secret")
	if data, err := fabric.ReadSecret(filepath.Join(dir, "key")); err != nil || string(data) != "secret" {
		t.Fatalf("%q, %v", data, err)
	}
	for mode := fs.FileMode(1); mode <= 0o77; mode++ {
		chmod(t, filepath.Join(dir, "key"), 0o600|mode)
		if data, err := fabric.ReadSecret(filepath.Join(dir, "key")); !errors.Is(err, fabric.ErrExposed) || data != nil {
			t.Fatalf("mode %o: %q, %v", 0o600|mode, data, err)
		}
	}
	chmod(t, filepath.Join(dir, "key"), 0o400)
	if _, err := fabric.ReadSecret(filepath.Join(dir, "key")); err != nil {
		t.Errorf("read-only: %v", err)
	}
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink(filepath.Join(dir, "key"), link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, pipe, dir} {
		if _, err := fabric.ReadSecret(path); !errors.Is(err, fabric.ErrExposed) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
	if _, err := fabric.ReadSecret(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	put(t, dir, "large", strings.Repeat("x", 256<<10+1))
	if _, err := fabric.ReadSecret(filepath.Join(dir, "large")); err == nil || !strings.Contains(err.Error(), "more than 262144 bytes") {
		t.Errorf("large: %v", err)
	}
}

func TestBuildDigest(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fabric.BuildDigest(); err != nil || got != trust.DigestOf(data) {
		t.Errorf("%v, %v", got, err)
	}
}
