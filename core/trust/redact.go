package trust

import (
	"fmt"
	"io"
)

// redacted is what a private key says of itself to whoever prints it.
const redacted = "[private key]"

// Secret is bytes that nothing prints: neither fmt with any verb, nor a log, nor
// JSON. Whoever needs them converts them to bytes.
type Secret []byte

// Format implements fmt.Formatter.
func (Secret) Format(s fmt.State, _ rune) { redact(s) }

// MarshalText implements encoding.TextMarshaler, for JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter: nothing prints the private half.
func (*SigningKey) Format(s fmt.State, _ rune) { redact(s) }

// MarshalText implements encoding.TextMarshaler, for JSON and logs.
func (*SigningKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter: nothing prints the private half.
func (*SealingKey) Format(s fmt.State, _ rune) { redact(s) }

// MarshalText implements encoding.TextMarshaler, for JSON and logs.
func (*SealingKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter: nothing prints the private halves.
func (LogKeys) Format(s fmt.State, _ rune) { redact(s) }

// MarshalText implements encoding.TextMarshaler, for JSON and logs.
func (LogKeys) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter: nothing prints the keys.
func (*LogSigner) Format(s fmt.State, _ rune) { redact(s) }

// MarshalText implements encoding.TextMarshaler, for JSON and logs.
func (*LogSigner) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func redact(w io.Writer) { _, _ = io.WriteString(w, redacted) }
