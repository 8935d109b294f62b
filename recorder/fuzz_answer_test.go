package recorder

import (
	"slices"
	"strconv"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// FuzzWitnessAnswer: whatever a witness answers, what a recorder adds to its
// checkpoint are lines that verify by the release's key of this witness, and a
// conflict is a number in its one spelling.
func FuzzWitnessAnswer(f *testing.F) {
	const origin = "example.test/log"
	logKeys := newLogKeys(f)
	signer, err := logKeys.Signer(origin)
	must(f, err)
	c := lineage.Checkpoint{Origin: origin, Size: 1, Root: lineage.Entry{Seq: 1}.Leaf()}
	text, err := signer.Sign(c.String(), time.Unix(1, 0))
	must(f, err)
	w1, w2 := cosignerOf(f, "w1"), cosignerOf(f, "w2")
	directory := []*pb.Identity{{Role: pb.Role_ROLE_RECORDER, Name: "r1", LogKeys: logKeys.Public()}}
	for _, w := range []*cosigner{w1, w2} {
		directory = append(directory, &pb.Identity{Role: pb.Role_ROLE_WITNESS, Name: w.name, Verifier: w.verifier})
	}
	keys, err := lineage.NewKeys(origin, directory, 1)
	must(f, err)
	s := &signed{Checkpoint: c, note: text, keys: keys}
	line := w1.line(c.String())
	if _, err := verified(s, "w1", line); err != nil {
		f.Fatalf("an honest answer is refused, so nothing here could ever fail: %v", err)
	}
	f.Add(line)
	f.Add(slices.Concat(line, line))
	f.Add(w2.line(c.String()))
	f.Add(line[:len(line)-1])
	f.Add([]byte("12\n"))
	f.Add([]byte("+12\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if lines, err := verified(s, "w1", answer); err == nil {
			opened, err := keys.Open(slices.Concat(s.note, lines))
			if err != nil || !slices.ContainsFunc(opened.Cosigned, func(c lineage.Cosignature) bool { return c.Witness == "w1" }) {
				t.Fatalf("%q was taken of %q: %v", lines, answer, err)
			}
		}
		if other, ok := conflictOf(answer).(conflict); ok && strconv.FormatUint(other.size, 10)+"\n" != string(answer) { //nolint:errorlint // it is never wrapped
			t.Fatalf("%q is taken for %d", answer, other.size)
		}
	})
}

// cosignerOf is a witness that nobody serves.
func cosignerOf(tb testing.TB, name string) *cosigner {
	tb.Helper()
	secret, verifier, err := cosignature.GenerateMLDSAKey("example.test/" + name)
	must(tb, err)
	signer, err := cosignature.NewSignerForCosignatureV1(secret)
	must(tb, err)
	return &cosigner{name: name, signer: signer, verifier: verifier}
}
