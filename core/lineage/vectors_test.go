package lineage_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// vectors are known answers for other languages. They were made by a program that
// shares no code with this package, but for the signatures of ML-DSA-44; bytes
// are in hexadecimal, numbers of 64 bits are strings, times are Unix nanoseconds
// (of witnesses: seconds).
type vectors struct {
	Entries []struct {
		Name    string `json:"name"`
		Seq     uint64 `json:"seq,string"`
		Time    int64  `json:"time,string"` // 0: none
		LogTime int64  `json:"log_time,string"`
		Subject string `json:"subject"`
		Data    string `json:"data"`
		Bytes   string `json:"bytes"`
		Leaf    string `json:"leaf"`
	} `json:"entries"`
	Roots      []string `json:"roots"` // of the trees of the first 0, 1, … entries' leaves
	Checkpoint struct {
		Origin   string `json:"origin"`
		Size     uint64 `json:"size,string"`
		Root     string `json:"root"`
		Text     string `json:"text"`
		Recorder struct {
			Ed25519   string   `json:"ed25519"`
			MLDSA44   string   `json:"ml_dsa_44"`
			Verifiers []string `json:"verifiers"`
		} `json:"recorder"`
		Witnesses []struct {
			Verifier string `json:"verifier"`
			Time     int64  `json:"time,string"`
		} `json:"witnesses"`
		Note string `json:"note"`
	} `json:"checkpoint"`
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	must(t, err)
	must(t, json.Unmarshal(text, &v))
	return v
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	must(t, err)
	return b
}

func TestVectorsOfEntries(t *testing.T) {
	v := readVectors(t)
	at := func(nanos int64) time.Time {
		if nanos == 0 {
			return time.Time{}
		}
		return time.Unix(0, nanos)
	}
	var e lineage.Edge
	for i, entry := range v.Entries {
		data, err := trust.ParseDigest(entry.Data)
		must(t, err)
		got := lineage.Entry{Seq: entry.Seq, Time: at(entry.Time), LogTime: at(entry.LogTime), Subject: entry.Subject, Data: data}
		leaf := got.Leaf()
		if hex.EncodeToString(got.Bytes()) != entry.Bytes || hex.EncodeToString(leaf[:]) != entry.Leaf {
			t.Errorf("%s: %x, leaf %x", entry.Name, got.Bytes(), leaf)
		}
		if root := e.Root(); hex.EncodeToString(root[:]) != v.Roots[i] {
			t.Errorf("the tree of %d: root %x", i, root)
		}
		e.Append(leaf)
	}
	if root := e.Root(); len(v.Roots) != len(v.Entries)+1 || hex.EncodeToString(root[:]) != v.Roots[len(v.Entries)] {
		t.Errorf("the whole tree: root %x", root)
	}
}

func TestVectorOfCheckpoint(t *testing.T) {
	v := readVectors(t).Checkpoint
	want := lineage.Checkpoint{Origin: v.Origin, Size: v.Size, Root: lineage.Hash(unhex(t, v.Root))}
	if want.String() != v.Text {
		t.Errorf("text %q", want)
	}
	keys := []*pb.LogKey{
		{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519, PublicKey: unhex(t, v.Recorder.Ed25519)},
		{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ML_DSA_44, PublicKey: unhex(t, v.Recorder.MLDSA44)},
	}
	for i, key := range keys {
		if text, err := lineage.VerifierKey(v.Origin, key); err != nil || text != v.Recorder.Verifiers[i] {
			t.Errorf("verifier key %q, %v", text, err)
		}
	}
	directory := []*pb.Identity{{Role: pb.Role_ROLE_RECORDER, Name: "recorder", LogKeys: keys}}
	for _, w := range v.Witnesses {
		directory = append(directory, &pb.Identity{Role: pb.Role_ROLE_WITNESS, Name: w.Verifier, Verifier: w.Verifier})
	}
	k, err := lineage.NewKeys(v.Origin, directory, uint32(len(v.Witnesses)))
	must(t, err)
	s, err := k.Open([]byte(v.Note))
	if err != nil || s.Checkpoint != want || !k.Witnessed(s) {
		t.Fatalf("%+v, %v", s, err)
	}
	for i, w := range v.Witnesses {
		if s.Cosigned[i].Witness != w.Verifier || s.Cosigned[i].Time.Unix() != w.Time {
			t.Errorf("cosignature %d: %+v", i, s.Cosigned[i])
		}
	}
}
