package transcript_test

import (
	"errors"
	"testing"

	"github.com/portcullis-dev/portcullis/transcript"
)

// FuzzParseQuery: a question is understood or refused as one, and what is refused
// is told without what a terminal would obey.
func FuzzParseQuery(f *testing.F) {
	for _, text := range []string{"17", "17.0", "17.512", "3f2a91c0", "3F2A91C0", "0193f5a0-7b1c-7d2e-8f00-0123456789ab", "12345678", "abc", "", "\x1b[2J", "0", "0193f5a07b1c7d2e8f000123456789ab", "{0193f5a0-7b1c-7d2e-8f00-0123456789ab}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := transcript.ParseQuery(text)
		if err == nil {
			return
		}
		if !errors.Is(err, transcript.ErrQuery) || q != (transcript.Query{}) {
			t.Fatalf("%q: %v, and yet %+v", text, err, q)
		}
		for _, r := range err.Error() {
			if r < ' ' || r == 0x7f || r == 0x9b {
				t.Fatalf("the refusal of %q holds control characters: %q", text, err)
			}
		}
	})
}
