package vectors_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
)

const proofs = "../../core/proof/testdata/vectors"

// tampered is one row of tampered.json: a proof file of core/proof with one thing
// altered, and the step that fails then; "" if the file holds all the same.
type tampered struct {
	File   string `json:"file"`
	Anchor string `json:"anchor"`
	How    string `json:"how"`    // see alter
	Record int    `json:"record"` // which one, from 0
	At     int    `json:"at"`     // which byte or hash
	Failed string `json:"failed"`
}

// TestTampered: what each tampering of each record of some files breaks.
func TestTampered(t *testing.T) {
	var rows []tampered
	caught := 0
	for _, name := range []string{"executed", "approved", "void_second"} {
		file := readProof(t, name)
		for _, one := range tamperings(file) {
			f := readProof(t, name)
			if !alter(f, one) {
				continue
			}
			one.File, one.Anchor = name+".json", trust.Digest(file.Anchor).String()
			one.Failed = string(proof.Verify(f, trust.Digest(file.Anchor)).Failed())
			if one.Failed != "" {
				caught++
			}
			rows = append(rows, one)
		}
	}
	if caught < len(rows)*9/10 {
		t.Errorf("%d of %d are caught", caught, len(rows))
	}
	vectors(t, "tampered.json", rows)
}

func readProof(t *testing.T, name string) *proof.File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(proofs, name+".json"))
	must(t, err)
	f, err := proof.Decode(data)
	must(t, err)
	return f
}

func tamperings(f *proof.File) (all []tampered) {
	for i, r := range f.Records {
		for _, how := range []string{"drop", "position", "time", "log_time", "subject"} {
			all = append(all, tampered{How: how, Record: i})
		}
		for part := range 4 {
			all = append(all, tampered{How: "envelope", Record: i, At: (len(r.Envelope) - 1) * part / 3})
		}
		all = append(all, tampered{How: "inclusion", Record: i}, tampered{How: "inclusion", Record: i, At: len(r.Inclusion) - 1})
	}
	for at := 0; at < len(f.Checkpoint); at += 150 {
		all = append(all, tampered{How: "checkpoint", At: at})
	}
	return all
}

// alter does to a file what a row says; false if that changes nothing.
func alter(f *proof.File, how tampered) bool {
	r := &f.Records[how.Record]
	switch how.How {
	case "drop":
		f.Records = slices.Delete(f.Records, how.Record, how.Record+1)
	case "position":
		r.Position++
	case "time":
		r.Time--
	case "log_time":
		r.LogTime++
	case "subject":
		r.Subject += "x"
	case "envelope":
		r.Envelope[how.At] ^= 1
	case "inclusion":
		r.Inclusion[how.At][0] ^= 1
	case "checkpoint":
		if strings.ContainsAny(f.Checkpoint[how.At:how.At+1], "A\n") {
			return false
		}
		if f.Checkpoint[how.At] >= 0x80 {
			return false // inside a character of several bytes
		}
		f.Checkpoint = f.Checkpoint[:how.At] + "A" + f.Checkpoint[how.At+1:]
	}
	return true
}
