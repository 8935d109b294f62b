package heartbeat

import (
	"encoding/binary"

	"github.com/portcullis-dev/portcullis/core/trust"
)

const configDomain = "portcullis/config/v1\x00"

// Digest names an effective configuration that is told as a list of strings, in
// an order that the participant keeps:
//
//	SHA-256( "portcullis/config/v1" 0x00 || for each part: uint64(len(part)) || part )
//
// Lengths are in bytes, big-endian. No two lists share an encoding: neither
// ("ab", "c") and ("a", "bc") nor ("a") and ("a", ""). Parts hold no secrets:
// whoever guesses one could try it against the digest.
func Digest(parts ...string) trust.Digest {
	b := []byte(configDomain)
	for _, part := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return trust.DigestOf(b)
}
