package heartbeat_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// TestDigestIsAsDocumented: somebody else computes the same from the text.
func TestDigestIsAsDocumented(t *testing.T) {
	tests := []struct {
		parts   []string
		encoded string
	}{
		{nil, "portcullis/config/v1\x00"},
		{[]string{""}, "portcullis/config/v1\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{[]string{"ab", "ä"}, "portcullis/config/v1\x00" + "\x00\x00\x00\x00\x00\x00\x00\x02ab" + "\x00\x00\x00\x00\x00\x00\x00\x02ä"},
	}
	for _, tt := range tests {
		if got, want := heartbeat.Digest(tt.parts...), trust.Digest(sha256.Sum256([]byte(tt.encoded))); got != want {
			t.Errorf("Digest(%q) is %s, want %s", tt.parts, got, want)
		}
	}
}

func TestDigestTellsListsApart(t *testing.T) {
	// Few letters, and bytes as lengths have them, so that lists often have one concatenation.
	lists := rapid.SliceOfN(rapid.StringMatching("[a\x00\x01\x08]{0,9}"), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := lists.Draw(t, "a"), lists.Draw(t, "b")
		if same := heartbeat.Digest(a...) == heartbeat.Digest(b...); same != slices.Equal(a, b) {
			t.Errorf("%q and %q: same digest is %v", a, b, same)
		}
	})
}
