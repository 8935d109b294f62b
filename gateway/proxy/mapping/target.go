package mapping

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// target is a request-target in origin form (RFC 9112, section 3.2.1), in the one
// spelling that servers, proxies and libraries read alike.
type target struct {
	segments []string // decoded; none holds a slash
	query    map[string][]string
}

const (
	maxPath  = 2048 // bytes: it may become an intent's resource
	maxQuery = 8192

	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" // RFC 3986, section 2.3
	// Without the semicolon, at which some servers cut a segment or a query.
	segmentSigns = unreserved + "!$&'()*+,=:@"
	// Without the plus, which is a space to some and a plus to others.
	querySigns = unreserved + "!$'()*,:@/?"
)

func parseTarget(raw string) (target, error) {
	path, query, asked := strings.Cut(raw, "?")
	switch {
	case !strings.HasPrefix(path, "/"):
		return target{}, fault(http.StatusBadRequest, "the request-target is no path; ask this server itself, not for another")
	case len(path) > maxPath || len(query) > maxQuery:
		return target{}, fault(http.StatusRequestURITooLong, "a path has at most %d bytes and a query %d", maxPath, maxQuery)
	case asked && query == "":
		return target{}, fault(http.StatusBadRequest, "the query is empty; leave the question mark out")
	}
	t := target{query: map[string][]string{}}
	if path != "/" {
		for part := range strings.SplitSeq(path[1:], "/") {
			segment, err := decodeSegment(part)
			if err != nil {
				return target{}, fault(http.StatusBadRequest, "the path: %v", err)
			}
			t.segments = append(t.segments, segment)
		}
	}
	if asked {
		return t, t.parseQuery(query)
	}
	return t, nil
}

func (t *target) parseQuery(query string) error {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return fault(http.StatusBadRequest, "the query has %q, which is no name=value", clip(pair))
		}
		name, err := decodeQuery(name)
		if err == nil {
			value, err = decodeQuery(value)
		}
		if err != nil {
			return fault(http.StatusBadRequest, "the query: %v", err)
		}
		t.query[name] = append(t.query[name], value)
	}
	return nil
}

// decodeSegment undoes the encoding of one segment of a path.
func decodeSegment(raw string) (string, error) {
	text, err := decode(raw, segmentSigns)
	switch {
	case err != nil:
		return "", err
	case text == "":
		return "", errors.New("a segment is empty; write one slash, and none at the end")
	case strings.HasSuffix(text, "."):
		return "", fmt.Errorf("the segment %q ends in a dot, which some servers drop or take for a folder", clip(text))
	}
	// What was encoded comes apart at the next one who decodes.
	if i := strings.IndexAny(text, `/\?#;%`); i >= 0 {
		return "", fmt.Errorf("the segment %q encodes %q, which may be decoded once more on the way", clip(raw), text[i])
	}
	return text, nil
}

// decodeQuery undoes the encoding of a name or value, which must not be encoded twice.
func decodeQuery(raw string) (string, error) {
	text, err := decode(raw, querySigns)
	if err != nil {
		return "", err
	}
	for i := range len(text) {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			return "", fmt.Errorf("%q is encoded twice", clip(raw))
		}
	}
	return text, nil
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// decode undoes percent-encoding and demands its normal form (RFC 3986, section
// 6.2.2): upper-case digits, nothing encoded that need not be, UTF-8 without control
// characters.
func decode(raw, plain string) (string, error) {
	var out []byte
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '%' {
			if strings.IndexByte(plain, c) < 0 {
				return "", fmt.Errorf("%q holds %q, which must be percent-encoded", clip(raw), c)
			}
			out = append(out, c)
			continue
		}
		if i+2 >= len(raw) {
			return "", fmt.Errorf("%q ends within an encoding", clip(raw))
		}
		pair := raw[i+1 : i+3]
		octet, err := hex.DecodeString(pair)
		if err != nil || strings.ToUpper(pair) != pair || strings.IndexByte(unreserved, octet[0]) >= 0 || octet[0] < ' ' || octet[0] == 0x7f {
			return "", fmt.Errorf("%q holds %%%s, which is not the normal form of anything that may stand here", clip(raw), pair)
		}
		out = append(out, octet[0])
		i += 2
	}
	if !utf8.Valid(out) {
		return "", fmt.Errorf("%q is not UTF-8", clip(raw))
	}
	return string(out), nil
}

const maxQuoted = 80

func clip(s string) string { return s[:min(len(s), maxQuoted)] }
