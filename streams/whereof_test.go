package streams

import (
	"strings"
	"testing"
)

// TestAPasswordInAURLIsNotRepeated: it is refused, and what is told of a place
// names nobody.
func TestAPasswordInAURLIsNotRepeated(t *testing.T) {
	for given, told := range map[string]string{
		"":                            "",
		"nats://h:4222":               "nats://h:4222",
		"h:4222, tls://i:4223":        "h:4222, tls://i:4223",
		"nats://u:s3cret@h:4222":      "nats://h:4222",
		"nats://s3cret@h,s3cret@i:42": "nats://h,i:42",
		"nats://a@b:s3cret@d@h:4222":  "nats://h:4222",
	} {
		if got := whereOf(given); got != told {
			t.Errorf("%s is told as %s, want %s", given, got, told)
		}
		if given == told {
			continue
		}
		_, err := Connect(t.Context(), ConnConfig{URL: given, Name: "a"})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", given, err)
		}
	}
}
