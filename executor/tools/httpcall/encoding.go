package httpcall

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" // RFC 3986, section 2.3
	// pathChars are what a segment may hold unencoded: without the semicolon,
	// which some servers cut a segment at, so that "..;" becomes "..".
	pathChars = unreserved + "!$&'()*+,=:@"
	// queryChars are what a query may hold unencoded: without the semicolon, which
	// some servers read as an ampersand.
	queryChars = unreserved + "!$&'()*+,=:@/?"
)

// checkPath admits a path that starts with a slash.
func checkPath(path string) error {
	segments := strings.Split(path, "/")[1:]
	for i, segment := range segments {
		if segment == "" && i < len(segments)-1 {
			return fmt.Errorf("its path %q has an empty segment; write one slash, not two", path)
		}
		decoded, err := decode(segment, pathChars)
		if err != nil {
			return fmt.Errorf("its path %q %w", path, err)
		}
		// Delimiters that were encoded come apart at the first proxy that decodes.
		if i := strings.IndexAny(decoded, `/\?#;%`); i >= 0 {
			return fmt.Errorf("its path %q encodes %q, which may be decoded on the way; do without", path, decoded[i])
		}
		if decoded != "" && strings.Trim(decoded, ".") == "" {
			return fmt.Errorf("its path %q has a segment of dots; spell the path out", path)
		}
	}
	return nil
}

// checkQuery admits "" and what starts with a question mark.
func checkQuery(query string) error {
	if _, err := decode(strings.TrimPrefix(query, "?"), queryChars); err != nil {
		return fmt.Errorf("its query %w", err)
	}
	return nil
}

// decode undoes percent-encoding and insists that the text had its one normal
// form (RFC 3986, section 6.2.2): nothing encoded that need not be, upper-case
// digits, UTF-8 without control characters.
func decode(s, allowed string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '%' {
			if strings.IndexByte(allowed, c) < 0 {
				return "", fmt.Errorf("holds %q; percent-encode it where that is admitted", c)
			}
			out.WriteByte(c)
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("ends within a percent-encoding")
		}
		pair := s[i+1 : i+3]
		octet, err := hex.DecodeString(pair)
		if err != nil || strings.ToUpper(pair) != pair {
			return "", fmt.Errorf("holds %q; a percent sign needs two upper-case hexadecimal digits", "%"+pair)
		}
		i += len(pair)
		if c = octet[0]; c < ' ' || c == 0x7f || strings.IndexByte(unreserved, c) >= 0 {
			return "", fmt.Errorf("encodes %q, which is either forbidden or needs no encoding", c)
		}
		out.WriteByte(c)
	}
	if !utf8.ValidString(out.String()) {
		return "", errors.New("encodes bytes that are not UTF-8")
	}
	return out.String(), nil
}

// below reports whether path is prefix or lies below it, by whole segments.
// Both have been admitted by checkPath; prefix ends in no slash but the root's.
func below(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (prefix == "/" || rest == "" || rest[0] == '/')
}
