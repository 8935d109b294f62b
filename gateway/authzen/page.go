package authzen

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

const (
	usualPage = 100
	maxPage   = 1000
)

// page is the part of a search's results that is asked for (AuthZEN 1.0, section 8).
type page struct {
	asked bool
	limit int
	after string   // the key of the last candidate that was examined; "" for none
	of    [16]byte // names the search
}

// paged is what a response says of its page. NextToken is empty when nothing follows.
type paged struct {
	NextToken string `json:"next_token"`
	Count     int    `json:"count"`
}

// page reads which page is asked for. A token is of one search: with another one it is
// refused, for it would leave results out.
func (m members) page(kind string) (page, error) {
	p := page{limit: usualPage}
	var err error
	if p.of, err = m.digest(kind); err != nil {
		return page{}, err
	}
	o, err := m.optional("request", "page")
	if err != nil || o == nil {
		return p, err
	}
	p.asked = true
	if raw, there := o["limit"]; there {
		n, err := strconv.ParseUint(string(raw), 10, 31)
		if err != nil {
			return page{}, faulty("page.limit must be a whole number that is not negative")
		}
		p.limit = min(int(n), maxPage)
	}
	if raw, there := o["token"]; there {
		p.after, err = p.resume(raw)
	}
	return p, err
}

// digest names a search: everything in the request that it depends on.
func (m members) digest(kind string) (sum [16]byte, err error) {
	h := sha256.New()
	for _, name := range []string{"subject", "action", "resource", "context"} {
		var one []byte
		if raw, there := m[name]; there {
			if one, err = jsonrpc.Canonical(raw); err != nil {
				return sum, faulty("%s is no JSON", name)
			}
		}
		h.Write([]byte(kind + "\x00" + name + "\x00" + strconv.Itoa(len(one)) + "\x00"))
		h.Write(one)
	}
	return [16]byte(h.Sum(nil)[:16]), nil
}

func (p page) token(after string) string {
	return base64.RawURLEncoding.EncodeToString(append(p.of[:], after...))
}

// resume reads a token. An empty one begins anew.
func (p page) resume(raw json.RawMessage) (after string, err error) {
	text, ok := jsonrpc.Text(raw)
	if !ok {
		return "", faulty("page.token must be a string")
	}
	if text == "" {
		return "", nil
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) <= len(p.of) || !bytes.Equal(data[:len(p.of)], p.of[:]) {
		return "", faulty("page.token is not of this search; begin without one")
	}
	return string(data[len(p.of):]), nil
}

// fill examines candidates behind the token until the page is full or was work enough,
// and returns the token of the next page.
func (p page) fill(all []candidate, examine func(candidate) error, held func() int) (next string, err error) {
	after, examined := p.after, 0
	for _, one := range all {
		if one.key <= p.after {
			continue
		}
		if held() >= p.limit || examined == maxExamined {
			return p.token(after), nil
		}
		if err := examine(one); err != nil {
			return "", err
		}
		after, examined = one.key, examined+1
	}
	return "", nil
}
