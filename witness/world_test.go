package witness_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/witness"
)

const origin = "example.com/eu1/ledger"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// log is a log with its keys.
type log struct {
	keys      *trust.LogKeys
	signer    *trust.LogSigner
	verifiers []string
}

func newLog(t testing.TB) log {
	t.Helper()
	return newLogOf(t, origin)
}

func newLogOf(t testing.TB, origin string) log {
	t.Helper()
	text, public, err := trust.GenerateLogKeys()
	must(t, err)
	keys, err := trust.ParseLogKeys(text)
	must(t, err)
	l := log{keys: keys}
	l.signer, err = keys.Signer(origin)
	must(t, err)
	for _, key := range public {
		verifier, err := lineage.VerifierKey(origin, key)
		must(t, err)
		l.verifiers = append(l.verifiers, verifier)
	}
	return l
}

func (l log) config() witness.Log { return witness.Log{Origin: l.signer.Origin(), Keys: l.verifiers} }

// sign makes the note of a tree.
func (l log) sign(t testing.TB, tr tree, size int) []byte {
	t.Helper()
	c := tr.at(size)
	c.Origin = l.signer.Origin()
	signed, err := l.signer.Sign(c.String(), time.Unix(1, 0))
	must(t, err)
	return signed
}

// tree is a tree's stored hashes, from which every smaller one can be had.
type tree []lineage.Hash

// grow makes a tree. Trees of two branches have the same first fork leaves.
func grow(size, fork int, branch byte) tree {
	var e lineage.Edge
	var tr tree
	for i := range size {
		entry := lineage.Entry{Seq: uint64(i) + 1}
		if i >= fork {
			entry.Data[0] = branch
		}
		tr = append(tr, e.Append(entry.Leaf())...)
	}
	return tr
}

func (tr tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = tr[index]
	}
	return hashes, nil
}

func (tr tree) at(size int) lineage.Checkpoint {
	root, err := lineage.Root(tr, uint64(size))
	if err != nil {
		panic(err) // a test's mistake
	}
	return lineage.Checkpoint{Origin: origin, Size: uint64(size), Root: root}
}

func (tr tree) proof(old, size int) []lineage.Hash {
	proof, err := lineage.Consistency(tr, uint64(old), uint64(size))
	if err != nil {
		panic(err) // a test's mistake
	}
	return proof
}

// request is the honest request for a tree's growth.
func (l log) request(t testing.TB, tr tree, old, size int) []byte {
	t.Helper()
	return lineage.AddCheckpoint{Old: uint64(old), Proof: tr.proof(old, size), Checkpoint: l.sign(t, tr, size)}.Marshal()
}

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// world is a log, a witness that follows it, and what the witness writes.
type world struct {
	t     testing.TB
	log   log
	dir   string
	clock *clock
	said  *bytes.Buffer
	w     *witness.Witness
}

func newWorld(t testing.TB) *world {
	t.Helper()
	h := &world{t: t, log: newLog(t), dir: filepath.Join(t.TempDir(), "witness"), clock: &clock{time.Unix(1_800_000_000, 5)}, said: new(bytes.Buffer)}
	_, err := witness.Generate(h.dir, "witness.example/w1", true)
	must(t, err)
	h.open()
	t.Cleanup(func() { must(t, h.w.Close()) })
	return h
}

func (h *world) config() witness.Config {
	return witness.Config{
		Dir: h.dir, Logs: []witness.Log{h.log.config()}, Clock: h.clock.read,
		Logger: slog.New(slog.NewTextHandler(h.said, nil)),
	}
}

func (h *world) open() {
	h.t.Helper()
	w, err := witness.Open(h.config())
	must(h.t, err)
	h.w = w
}

// restart is what a crash or a stop leaves: the folder.
func (h *world) restart() {
	h.t.Helper()
	must(h.t, h.w.Close())
	h.open()
}

// accept demands that the witness cosigns, and returns the note with its lines.
func (h *world) accept(tr tree, old, size int) []byte {
	h.t.Helper()
	lines, err := h.w.AddCheckpoint(h.log.request(h.t, tr, old, size))
	must(h.t, err)
	return h.check(tr, size, lines)
}

// check demands that the lines are both cosignatures of a tree.
func (h *world) check(tr tree, size int, lines []byte) []byte {
	h.t.Helper()
	signed := slices.Concat(h.log.sign(h.t, tr, size), lines)
	s := h.opened(signed)
	if s.Checkpoint != tr.at(size) || len(s.Cosigned) != 2 || strings.Count(string(lines), "\n") != 2 {
		h.t.Fatalf("%d of both cosignatures are good: %q", len(s.Cosigned), lines)
	}
	return signed
}

// opened reads a note as those who rely on it do.
func (h *world) opened(signed []byte) lineage.Signed {
	h.t.Helper()
	directory := []*pb.Identity{{Role: pb.Role_ROLE_RECORDER, Name: "r", LogKeys: h.log.keys.Public()}}
	for _, v := range h.w.Verifiers() {
		directory = append(directory, &pb.Identity{Role: pb.Role_ROLE_WITNESS, Name: v, Verifier: v})
	}
	keys, err := lineage.NewKeys(origin, directory, 2)
	must(h.t, err)
	s, err := keys.Open(signed)
	must(h.t, err)
	return s
}

// serve serves the witness on loopback until the test ends.
func (h *world) serve() (url string) {
	h.t.Helper()
	listener, err := new(net.ListenConfig).Listen(h.t.Context(), "tcp", "127.0.0.1:0")
	must(h.t, err)
	served := make(chan error, 1)
	w := h.w
	go func() { served <- w.Serve(h.t.Context(), listener) }()
	h.t.Cleanup(func() { // the test's context ends before
		if err := <-served; err != nil {
			h.t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// answer is what came back over HTTP.
type answer struct {
	status     int
	kind, body string
}

func send(t testing.TB, method, url string, body []byte) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	must(t, err)
	got, err := http.DefaultClient.Do(r)
	must(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	must(t, err)
	return answer{got.StatusCode, got.Header.Get("Content-Type"), string(text)}
}

// own is the verifier of the witness's Ed25519 key.
func (h *world) own(t testing.TB) note.Verifier {
	t.Helper()
	v, err := cosignature.NewVerifierForCosignatureV1(h.w.Verifiers()[0])
	must(t, err)
	return v
}
