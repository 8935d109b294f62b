package mcp

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxName is how long a tool's name in the release may be, in bytes.
const maxName = 63

// ToolName is the name in the release of a server's tool: the server's name, a
// dash, and the tool's with dashes for underscores. A tool whose name has other
// signs, or is long, gets eight digits of its SHA-256 as well. Two tools of one
// server may end up with one name; the pinned definition tells them apart, for a
// definition holds the tool's own name.
func ToolName(server, tool string) string {
	var b strings.Builder
	plain := true
	for _, c := range []byte(tool) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			b.WriteByte(c)
		case c == '_':
			b.WriteByte('-')
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
			plain = false
		default:
			b.WriteByte('-')
			plain = false
		}
	}
	name := server + "-" + b.String()
	if plain && len(name) <= maxName && !strings.HasSuffix(name, "-") {
		return name
	}
	sum := sha256.Sum256([]byte(tool))
	tail := "-" + hex.EncodeToString(sum[:4])
	return name[:min(len(name), maxName-len(tail))] + tail
}
