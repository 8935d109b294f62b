package files_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/executor/tools/files"
)

// answer is the tool's JSON as an outsider reads it.
type answer struct {
	Path    string  `json:"path"`
	Bytes   int     `json:"bytes"`
	SHA256  string  `json:"sha256"`
	Content *string `json:"content"`
	Base64  bool    `json:"base64"`
}

// setup makes a tool over a fresh root.
func setup(t *testing.T) (tool *files.Files, root string) {
	t.Helper()
	root = t.TempDir()
	tool, err := files.New(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tool.Close(); err != nil {
			t.Error(err)
		}
	})
	return tool, root
}

func object(t *testing.T, members map[string]string) []byte {
	t.Helper()
	out, err := json.Marshal(members)
	if err != nil {
		t.Error(err) // not Fatal: writers run in goroutines of their own
	}
	return out
}

func read(t *testing.T, tool *files.Files, path string) (answer, error) {
	t.Helper()
	out, err := tool.Read(t.Context(), path, object(t, map[string]string{"path": path}))
	return parse(t, out, err)
}

func write(ctx context.Context, t *testing.T, tool *files.Files, path, content, mode string, token uint64) (answer, error) {
	t.Helper()
	members := map[string]string{"path": path, "content": content}
	if mode != "" {
		members["mode"] = mode
	}
	out, err := tool.Write(ctx, path, object(t, members), token)
	return parse(t, out, err)
}

func parse(t *testing.T, out []byte, err error) (answer, error) {
	t.Helper()
	if err != nil {
		if out != nil {
			t.Errorf("an error came with a result: %s", out)
		}
		return answer{}, err
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Errorf("%s: %v", out, err)
	}
	return a, nil
}

func put(t *testing.T, root, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, elem ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(elem...), 0o700); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, name, content string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %.80q (%v), want %.80q", filepath.Base(name), got, err, content)
	}
}

func wantRefused(t *testing.T, err error, word string) {
	t.Helper()
	if !errors.Is(err, files.ErrRefused) || !strings.Contains(err.Error(), word) {
		t.Errorf("got %v, want a refusal that says %q", err, word)
	}
}

// wantClean checks that no staging file is left anywhere under the root.
func wantClean(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(_ string, entry os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(entry.Name(), ".portcullis-") {
			t.Errorf("left behind: %s", entry.Name())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWriteThenRead(t *testing.T) {
	tool, root := setup(t)
	mkdir(t, root, "reports/2026")
	const path = "reports/2026/späte <Zahlen> & mehr.txt"
	steps := []struct{ mode, content, want string }{
		{"create", "one\n", "one\n"},
		{"append", "two\n", "one\ntwo\n"},
		{"", "three\n", "three\n"},
		{"replace", "", ""},
		{"append", "\tfour \u2028\r\n", "\tfour \u2028\r\n"},
	}
	for i, step := range steps {
		wrote, err := write(t.Context(), t, tool, path, step.content, step.mode, uint64(10+i))
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		sum := sha256.Sum256([]byte(step.want))
		want := answer{Path: path, Bytes: len(step.want), SHA256: hex.EncodeToString(sum[:])}
		if wrote != want {
			t.Errorf("step %d: wrote %+v, want %+v", i, wrote, want)
		}
		got, err := read(t, tool, path)
		if err != nil || got.Content == nil || *got.Content != step.want || got.Base64 || got.SHA256 != want.SHA256 {
			t.Errorf("step %d: read %+v, %v", i, got, err)
		}
		wantFile(t, filepath.Join(root, path), step.want)
	}
	wantClean(t, root)
}

func TestAppendMakesAFile(t *testing.T) {
	tool, root := setup(t)
	if _, err := write(t.Context(), t, tool, "log", "first", "append", 1); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(root, "log"), "first")
}

func TestReadBytesThatAreNotText(t *testing.T) {
	tool, root := setup(t)
	for name, content := range map[string]string{"latin": "caf\xe9", "nul": "a\x00b", "escape": "\x1b[2J"} {
		put(t, root, name, content)
		got, err := read(t, tool, name)
		if err != nil || !got.Base64 || got.Content == nil {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		decoded, err := base64.StdEncoding.DecodeString(*got.Content)
		if err != nil || string(decoded) != content || got.Bytes != len(content) {
			t.Errorf("%s: %q, %v", name, decoded, err)
		}
	}
}

func TestModes(t *testing.T) {
	tool, root := setup(t)
	put(t, root, "old", "old")
	_, err := write(t.Context(), t, tool, "old", "new", "create", 1)
	wantRefused(t, err, "exists already")
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("%v is not fs.ErrExist", err)
	}
	for _, mode := range []string{"Create", "truncate", "x"} {
		_, err := write(t.Context(), t, tool, "old", "new", mode, 1)
		wantRefused(t, err, "mode")
	}
	wantFile(t, filepath.Join(root, "old"), "old")
}

func TestPermissions(t *testing.T) {
	tool, root := setup(t)
	put(t, root, "shared", "old")
	shared := filepath.Join(root, "shared")
	if err := os.Chmod(shared, 0o640|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"fresh", "shared"} {
		if _, err := write(t.Context(), t, tool, name, "new", "", uint64(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]os.FileMode{"fresh": 0o600, "shared": 0o640} {
		got, err := os.Stat(filepath.Join(root, name))
		if err != nil || got.Mode() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, got.Mode(), err, want)
		}
	}
	if err := os.Chmod(shared, 0o440); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"replace", "append"} {
		_, err := write(t.Context(), t, tool, "shared", "newer", mode, 9)
		wantRefused(t, err, "read-only")
	}
	wantFile(t, shared, "new")
}

func TestSizes(t *testing.T) {
	tool, root := setup(t)
	put(t, root, "full", strings.Repeat("x", files.MaxRead))
	put(t, root, "over", strings.Repeat("x", files.MaxRead+1))
	if got, err := read(t, tool, "full"); err != nil || got.Bytes != files.MaxRead {
		t.Errorf("%d bytes, %v", got.Bytes, err)
	}
	_, err := read(t, tool, "over")
	wantRefused(t, err, "more than 262144 bytes")

	if _, err := write(t.Context(), t, tool, "a", strings.Repeat("x", files.MaxWrite), "", 1); err != nil {
		t.Error(err)
	}
	_, err = write(t.Context(), t, tool, "b", strings.Repeat("x", files.MaxWrite+1), "", 1)
	wantRefused(t, err, "at most 61440")
	_, err = write(t.Context(), t, tool, "full", "y", "append", 1)
	wantRefused(t, err, "more than 262144 bytes")
	_, err = tool.Write(t.Context(), "a", []byte(strings.Repeat(" ", 64<<10+1)), 1)
	wantRefused(t, err, "at most 65536")

	// Sparse and enormous: refused by its size, not read.
	huge, err := os.Create(filepath.Join(root, "huge"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(huge.Truncate(1<<40), huge.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = read(t, tool, "huge")
	wantRefused(t, err, "more than")
	_, err = write(t.Context(), t, tool, "huge", "y", "append", 1)
	wantRefused(t, err, "more than")
}

func TestLimitsOnlyShrink(t *testing.T) {
	root := t.TempDir()
	for _, l := range []files.Limits{{Read: -1}, {Write: -1}, {Read: files.MaxRead + 1}, {Write: files.MaxWrite + 1}} {
		if _, err := files.NewLimited(root, l); err == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
	tool, err := files.NewLimited(root, files.Limits{Read: 8, Write: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	if _, err := write(t.Context(), t, tool, "a", "1234", "", 1); err != nil {
		t.Error(err)
	}
	_, err = write(t.Context(), t, tool, "a", "12345", "", 2)
	wantRefused(t, err, "at most 4")
	put(t, root, "b", "123456789")
	_, err = read(t, tool, "b")
	wantRefused(t, err, "more than 8")
}

func TestArgumentsAreStrict(t *testing.T) {
	tool, root := setup(t)
	put(t, root, "a", "old")
	for _, raw := range []string{
		``, `null`, `[]`, `"a"`, `{`, `{}`, `{"path":null}`, `{"path":1}`, `{"Path":"a"}`, `{"path":"a"}{}`,
		`{"path":"a","path":"a"}`, `{"path":"b","p\u0061th":"a"}`, `{"path":"a","extra":1}`, "{\"path\":\"a\xff\"}", `{"path":"\ud800"}`,
		`{"path":"b"}`, `{"path":"./a"}`, `{"path":"A"}`,
	} {
		if _, err := tool.Read(t.Context(), "a", []byte(raw)); !errors.Is(err, files.ErrRefused) {
			t.Errorf("read with %s: %v", raw, err)
		}
	}
	for _, raw := range []string{
		`{"path":"a"}`, `{"path":"a","content":null}`, `{"path":"a","content":1}`, `{"content":"x"}`, `{"path":"b","content":"x"}`,
		`{"path":"a","content":"x","content":"y"}`, `{"path":"a","content":"x","mode":""}`, `{"path":"a","content":"x","mode":"REPLACE"}`,
		`{"path":"a","content":"x","perm":511}`, "{\"path\":\"a\",\"content\":\"\xff\"}",
	} {
		if _, err := tool.Write(t.Context(), "a", []byte(raw), 1); !errors.Is(err, files.ErrRefused) {
			t.Errorf("write with %s: %v", raw, err)
		}
	}
	_, err := write(t.Context(), t, tool, "a", "new", "", 0)
	wantRefused(t, err, "fencing token")
	wantFile(t, filepath.Join(root, "a"), "old")
}

func TestZeroAndClosedRefuse(t *testing.T) {
	var none *files.Files
	closed, err := files.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tool := range map[string]*files.Files{"nil": none, "zero": {}, "closed": closed} {
		if _, err := read(t, tool, "a"); !errors.Is(err, files.ErrRefused) {
			t.Errorf("%s reads: %v", name, err)
		}
		if _, err := write(t.Context(), t, tool, "a", "x", "", 1); err == nil {
			t.Errorf("%s writes", name)
		}
	}
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

func TestRootMustBeADirectory(t *testing.T) {
	root := t.TempDir()
	put(t, root, "file", "")
	for _, name := range []string{"file", "missing"} {
		if _, err := files.New(filepath.Join(root, name)); err == nil {
			t.Errorf("%s was accepted as root", name)
		}
	}
}

func Example() {
	root, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(root) }()
	tool, err := files.New(root)
	if err != nil {
		panic(err)
	}
	defer tool.Close()
	out, err := tool.Write(context.Background(), "note.txt", []byte(`{"path":"note.txt","content":"hello"}`), 42)
	fmt.Println(string(out), err)
	_, err = tool.Write(context.Background(), "note.txt", []byte(`{"path":"../note.txt","content":"hello"}`), 43)
	fmt.Println(err)
	// Output:
	// {"path":"note.txt","bytes":5,"sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"} <nil>
	// files: refused: the path "../note.txt" is not the intent's resource "note.txt"; make them equal, for policy judged the resource
}
