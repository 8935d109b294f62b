package lineage_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var origin = lineage.Origin("example.com", "eu1", trust.DigestOf([]byte("ledger")), 0)

// leaves are the leaves of a tree, all of them different.
func leaves(n int) []lineage.Hash {
	all := make([]lineage.Hash, n)
	for i := range all {
		all[i] = lineage.Entry{Seq: uint64(i) + 1}.Leaf()
	}
	return all
}

// store keeps the hashes of a tree as tlog numbers them.
type store []lineage.Hash

// grown is the edge over leaves and the hashes that it told to store.
func grown(all []lineage.Hash) (*lineage.Edge, store) {
	var e lineage.Edge
	var s store
	for _, leaf := range all {
		s = append(s, e.Append(leaf)...)
	}
	return &e, s
}

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = s[index]
	}
	return hashes, nil
}

// rootOf is the definition of RFC 6962, section 2.1, word by word.
func rootOf(all []lineage.Hash) lineage.Hash {
	switch len(all) {
	case 0:
		return lineage.Hash(trust.DigestOf(nil))
	case 1:
		return all[0]
	}
	k := 1
	for k*2 < len(all) {
		k *= 2
	}
	left, right := rootOf(all[:k]), rootOf(all[k:])
	return lineage.Hash(trust.DigestOf(slices.Concat([]byte{1}, left[:], right[:])))
}

// checkpoint is the tree of the first leaves.
func checkpoint(size int) lineage.Checkpoint {
	return lineage.Checkpoint{Origin: origin, Size: uint64(size), Root: rootOf(leaves(size))}
}

// recorder is a recorder with its keys and its entry in a directory.
type recorder struct {
	*pb.Identity
	keys *trust.LogKeys
}

func newRecorder(t testing.TB, name string) recorder {
	t.Helper()
	text, public, err := trust.GenerateLogKeys()
	must(t, err)
	keys, err := trust.ParseLogKeys(text)
	must(t, err)
	return recorder{&pb.Identity{Role: pb.Role_ROLE_RECORDER, Name: name, LogKeys: public}, keys}
}

// sign signs a checkpoint's text in the name of a tree.
func (r recorder) sign(t testing.TB, tree, text string) []byte {
	t.Helper()
	signer, err := r.keys.Signer(tree)
	must(t, err)
	signed, err := signer.Sign(text, time.Unix(1, 0))
	must(t, err)
	return signed
}

// witness is a witness with its key and its entry in a directory.
type witness struct {
	*pb.Identity
	signer note.Signer
}

// newWitness makes a witness that cosigns with Ed25519.
func newWitness(t testing.TB, name, keyName string) witness {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, keyName)
	must(t, err)
	return openWitness(t, name, secret, public)
}

func newQuantumWitness(t testing.TB, name, keyName string) witness {
	t.Helper()
	secret, public, err := cosignature.GenerateMLDSAKey(keyName)
	must(t, err)
	return openWitness(t, name, secret, public)
}

func openWitness(t testing.TB, name, secret, public string) witness {
	t.Helper()
	signer, err := cosignature.NewSignerForCosignatureV1(secret)
	must(t, err)
	return witness{&pb.Identity{Role: pb.Role_ROLE_WITNESS, Name: name, Verifier: public}, signer}
}

// cosign adds signatures to a signed note without looking at those that it has.
func cosign(t testing.TB, signed []byte, signers ...note.Signer) []byte {
	t.Helper()
	text := textOf(t, signed)
	own, err := note.Sign(&note.Note{Text: text}, signers...)
	must(t, err)
	return append(slices.Clone(signed), own[len(text)+1:]...)
}

func textOf(t testing.TB, signed []byte) string {
	t.Helper()
	for i := 1; i < len(signed); i++ {
		if signed[i-1] == '\n' && signed[i] == '\n' {
			return string(signed[:i])
		}
	}
	t.Fatal("no note")
	return ""
}

func keysOf(t testing.TB, threshold uint32, directory ...*pb.Identity) *lineage.Keys {
	t.Helper()
	k, err := lineage.NewKeys(origin, directory, threshold)
	must(t, err)
	return k
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
