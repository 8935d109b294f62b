package lineage_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

func TestAddCheckpointRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := lineage.AddCheckpoint{
			Old:        rapid.Uint64().Draw(t, "old"),
			Checkpoint: []byte(rapid.String().Draw(t, "note")),
		}
		for range rapid.IntRange(0, 63).Draw(t, "hashes") {
			var h lineage.Hash
			copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
			a.Proof = append(a.Proof, h)
		}
		got, err := lineage.ParseAddCheckpoint(a.Marshal())
		if err != nil || got.Old != a.Old || !reflect.DeepEqual(got.Proof, a.Proof) || !bytes.Equal(got.Checkpoint, a.Checkpoint) {
			t.Fatalf("%+v came back as %+v, %v", a, got, err)
		}
	})
}

// TestAddCheckpointSpelling is the body as C2SP tlog-witness writes it.
func TestAddCheckpointSpelling(t *testing.T) {
	a := lineage.AddCheckpoint{Old: 20852014, Proof: []lineage.Hash{{}, {0xff}}, Checkpoint: []byte("example.com/log\n1\n")}
	want := "old 20852014\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n/wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nexample.com/log\n1\n"
	if got := string(a.Marshal()); got != want {
		t.Errorf("%q", got)
	}
}

func TestParseAddCheckpointRefuses(t *testing.T) {
	const hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	if _, err := lineage.ParseAddCheckpoint([]byte("old 1\n" + strings.Repeat(hash, 63) + "\nnote")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"nothing":                                "",
		"no empty line":                          "old 1\n" + hash,
		"no old line":                            "\n\nnote",
		"a note alone":                           "example.com/log\n0\nroot\n\n— log signature\n",
		"no size":                                "old \n\nnote",
		"a size with a zero":                     "old 01\n\nnote",
		"a size with a sign":                     "old +1\n\nnote",
		"a negative size":                        "old -1\n\nnote",
		"two spaces":                             "old  1\n\nnote",
		"a space behind":                         "old 1 \n\nnote",
		"another word":                           "new 1\n\nnote",
		"upper case":                             "OLD 1\n\nnote",
		"beyond 64 bits":                         "old 18446744073709551616\n\nnote",
		"64 hashes":                              "old 1\n" + strings.Repeat(hash, 64) + "\nnote",
		"a short hash":                           "old 1\nAAAA\n\nnote",
		"a hash without padding":                 "old 1\n" + strings.Replace(hash, "=", "", 1) + "\nnote",
		"a hash with loose bits":                 "old 1\n" + strings.Replace(hash, "A=", "B=", 1) + "\nnote",
		"a hash with a space":                    "old 1\n " + hash + "\nnote",
		"lines of Windows":                       "old 1\r\n" + hash + "\r\n\nnote",
		"a carriage return at the end of a hash": "old 1\n" + strings.Replace(hash, "\n", "\r\n", 1) + "\nnote",
		"a carriage return in a hash":            "old 1\nA\r" + hash[1:] + "\nnote",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			if a, err := lineage.ParseAddCheckpoint([]byte(body)); !errors.Is(err, lineage.ErrAddCheckpoint) || a.Checkpoint != nil {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// FuzzAddCheckpoint: a request has one spelling.
func FuzzAddCheckpoint(f *testing.F) {
	f.Add(lineage.AddCheckpoint{Checkpoint: []byte(checkpoint(1).String())}.Marshal())
	f.Add(lineage.AddCheckpoint{Old: 3, Proof: leaves(3), Checkpoint: []byte(checkpoint(5).String())}.Marshal())
	f.Add([]byte("old 1\nA\rAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := lineage.ParseAddCheckpoint(body)
		if err == nil && !bytes.Equal(a.Marshal(), body) {
			t.Errorf("%q is read as %q", body, a.Marshal())
		}
		if err != nil && !errors.Is(err, lineage.ErrAddCheckpoint) {
			t.Error(err)
		}
	})
}
