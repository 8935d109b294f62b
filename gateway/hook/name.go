package hook

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	otherPrefix = "cc-x-"
	maxName     = 63 // bytes of a tool's name in a release
)

// ToolName is the name in the release of a tool of the platform's. Tools that are
// known have names of their own, such as cc-bash. Every other is cc-x-, its name in
// small letters with dashes for other signs, cut if it is long, and sixteen digits of
// the name's SHA-256: no two tools share one.
func ToolName(tool string) string {
	if t := known(tool); t != nil {
		return t.release
	}
	sum := sha256.Sum256([]byte(tool))
	tail := "-" + hex.EncodeToString(sum[:8])
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, tool)
	return otherPrefix + plain[:min(len(plain), maxName-len(otherPrefix)-len(tail))] + tail
}
