package door

import (
	"bytes"
	"errors"
	"fmt"
)

// maxLine is the longest line of the client protocol, as in the server.
const maxLine = 4096

const lineEnd = "\r\n"

// scanner finds the lines of the NATS client protocol in a stream of bytes that
// comes in pieces. The zero value is at the beginning of a line.
//
// It refuses what the server would read in another way than it does, and what no
// client sends after its CONNECT. Were it to take payload for lines, or lines for
// payload, messages would pass uncounted.
type scanner struct {
	line    []byte // the part of an unfinished line that has come
	payload int    // bytes of a payload, with its line end, that are still to come
	items   items  // of that payload
}

// cost is what a piece has in it.
type cost struct {
	bytes    int
	messages int // lines that ended
	items    int // of lists that began
}

// scan takes the next piece.
func (s *scanner) scan(piece []byte) (cost, error) {
	c := cost{bytes: len(piece)}
	for len(piece) > 0 {
		if s.payload > 0 {
			n := min(s.payload, len(piece))
			c.items += s.items.count(piece[:min(n, max(s.payload-len(lineEnd), 0))])
			s.payload -= n
			piece = piece[n:]
			continue
		}
		end := bytes.IndexByte(piece, '\n')
		if end < 0 {
			return c, s.begin(piece)
		}
		if err := s.end(piece[:end+1]); err != nil {
			return c, err
		}
		c.messages++
		piece = piece[end+1:]
	}
	return c, nil
}

var errLongLine = fmt.Errorf("a line of the client protocol is longer than %d bytes", maxLine)

// begin keeps what has come of a line.
func (s *scanner) begin(part []byte) error {
	if len(s.line)+len(part) > maxLine {
		return errLongLine
	}
	s.line = append(s.line, part...)
	return nil
}

// end takes the rest of a line, its end included.
func (s *scanner) end(rest []byte) (err error) {
	line := rest
	if len(s.line) > 0 {
		line = append(s.line, rest...)
		s.line = s.line[:0]
	}
	if len(line) > maxLine {
		return errLongLine
	}
	s.payload, err = payloadAfter(line)
	s.items = items{}
	return err
}

// payloadAfter returns how many bytes of payload, with its line end, follow a
// line of a client.
func payloadAfter(line []byte) (int, error) {
	line, whole := bytes.CutSuffix(line, []byte(lineEnd))
	if !whole || bytes.IndexByte(line, '\r') >= 0 {
		return 0, errors.New("a line of the client protocol does not end as it should")
	}
	var room [6][]byte
	words := split(room[:0], line)
	if len(words) == 0 {
		return 0, errors.New("an empty line is not of the client protocol")
	}
	// The server takes verbs in any case.
	switch verb := string(bytes.ToUpper(words[0])); verb {
	case "PUB":
		return payloadSize(words, 3, 4)
	case "HPUB":
		return payloadSize(words, 4, 5)
	case "SUB", "UNSUB", "PING", "PONG":
		return 0, nil
	default:
		return 0, fmt.Errorf("%.16q is nothing that a client says after its CONNECT", verb)
	}
}

// split cuts at spaces and tabs, as the server does, up to the capacity of words
// and no further: no line has as many.
func split(words [][]byte, line []byte) [][]byte {
	for len(line) > 0 && len(words) < cap(words) {
		end := bytes.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		if end > 0 {
			words = append(words, line[:end])
		}
		line = line[min(end+1, len(line)):]
	}
	return words
}

// maxDigits is how many digits of a size the server reads.
const maxDigits = 9

// payloadSize reads the last word of a publish.
func payloadSize(words [][]byte, fewest, most int) (int, error) {
	if len(words) < fewest || len(words) > most {
		return 0, fmt.Errorf("a publish of %d words", len(words))
	}
	digits := words[len(words)-1]
	if len(digits) > maxDigits {
		return 0, errors.New("a publish whose size has too many digits")
	}
	size := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, errors.New("a publish whose size is no number")
		}
		size = size*10 + int(c-'0')
	}
	return size + len(lineEnd), nil
}
