package lineage_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
)

func TestOrigin(t *testing.T) {
	ledger := trust.DigestOf([]byte("ledger"))
	base := "example.com/eu1/" + ledger.String()
	for losses, want := range map[int]string{0: base, 1: base + "/loss-1", 12: base + "/loss-12"} {
		if got := lineage.Origin("example.com", "eu1", ledger, losses); got != want {
			t.Errorf("%d losses: %s, want %s", losses, got, want)
		}
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := lineage.Checkpoint{
			Origin: rapid.StringMatching(`[^\n]{1,80}`).Draw(t, "origin"),
			Size:   rapid.Uint64Range(0, 1<<62).Draw(t, "size"),
		}
		copy(c.Root[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root"))
		got, err := lineage.ParseCheckpoint(c.String())
		if err != nil || got != c {
			t.Fatalf("%+v came back as %+v, %v", c, got, err)
		}
		if h := c.Head(); h.GetSize() != c.Size || string(h.GetRoot()) != string(c.Root[:]) {
			t.Fatalf("its head is %v", h)
		}
	})
}

func TestParseCheckpointRefuses(t *testing.T) {
	const root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" // of nothing
	if _, err := lineage.ParseCheckpoint("example.com/log\n0\n" + root + "\n"); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"nothing":                  "",
		"no origin":                "\n0\n" + root + "\n",
		"no last newline":          "example.com/log\n0\n" + root,
		"an extension line":        "example.com/log\n0\n" + root + "\nmore\n",
		"an empty line at the end": "example.com/log\n0\n" + root + "\n\n",
		"an empty line before":     "\nexample.com/log\n0\n" + root + "\n",
		"two lines":                "example.com/log\n0\n",
		"no size":                  "example.com/log\n\n" + root + "\n",
		"a size with a zero":       "example.com/log\n00\n" + root + "\n",
		"a size with a sign":       "example.com/log\n+0\n" + root + "\n",
		"a negative size":          "example.com/log\n-1\n" + root + "\n",
		"a size with a space":      "example.com/log\n0 \n" + root + "\n",
		"a hexadecimal size":       "example.com/log\n0x1\n" + root + "\n",
		"a size of no tree":        "example.com/log\n4611686018427387905\n" + root + "\n",
		"a size beyond 64 bits":    "example.com/log\n18446744073709551616\n" + root + "\n",
		"a short root":             "example.com/log\n0\n" + root[:40] + "\n",
		"a long root":              "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA\n",
		"a root without padding":   "example.com/log\n0\n" + strings.TrimSuffix(root, "=") + "\n",
		"a root in URL's base64":   "example.com/log\n0\n" + strings.NewReplacer("+", "-", "/", "_").Replace(root) + "\n",
		"a root with loose bits":   "example.com/log\n0\n" + strings.TrimSuffix(root, "U=") + "V=\n",
		"lines of Windows":         "example.com/log\r\n0\r\n" + root + "\r\n",
		"a carriage return":        "example.com/log\n0\n" + root + "\r\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if c, err := lineage.ParseCheckpoint(text); !errors.Is(err, lineage.ErrCheckpoint) || c != (lineage.Checkpoint{}) {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// FuzzCheckpoint: a checkpoint has one spelling.
func FuzzCheckpoint(f *testing.F) {
	f.Add(checkpoint(0).String())
	f.Add(checkpoint(5).String())
	f.Add(checkpoint(5).String() + "more\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := lineage.ParseCheckpoint(text)
		if err == nil && c.String() != text {
			t.Errorf("%q is read as %q", text, c)
		}
		if err != nil && !errors.Is(err, lineage.ErrCheckpoint) {
			t.Error(err)
		}
	})
}
