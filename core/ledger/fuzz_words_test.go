package ledger

import "testing"

// FuzzParsePosition: a position that is read is one that a ledger can have, and
// its own text means the same.
func FuzzParsePosition(f *testing.F) {
	for _, text := range []string{"17", "17.0", "17.511", "17.512", "0.1", "1.", ".1", "+1.0", "01.01", "18446744073709551615.511", "18446744073709551616", "1.0.0", "1_0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		if err != nil {
			if p != (Position{}) {
				t.Fatalf("%q is refused and yet %v", text, p)
			}
			return
		}
		if again, err := ParsePosition(p.String()); p.Seq == 0 || p.Index >= 512 || err != nil || again != p {
			t.Errorf("%q is %v, which is read as %v, %v", text, p, again, err)
		}
	})
}
