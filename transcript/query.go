package transcript

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// Errors of asking for a story.
var (
	ErrQuery     = errors.New("transcript: not a question for an intent")
	ErrNotFound  = errors.New("transcript: no such intent on the ledger")
	ErrAmbiguous = errors.New("transcript: more than one intent")
)

// Query says which intent is meant: by the beginning of its digest, by its id,
// or by the position of anything that is about it.
type Query struct {
	text   string
	prefix string          // of the digest, lower-case
	id     string          // UUID
	at     ledger.Position // zero if none is asked for
}

// Shapes of questions. What is nothing but up to seven decimal digits is a
// position, though it could begin a digest.
var (
	positionShape = regexp.MustCompile(`^(\d{1,7}|\d+\.\d+)$`)
	prefixShape   = regexp.MustCompile(`^[0-9a-fA-F]{4,64}$`)
)

// ParseQuery reads a position ("17" or "17.0"), an intent's id (a UUID), or the
// first 4 to 64 hexadecimal digits of its digest. Errors wrap ErrQuery.
func ParseQuery(text string) (Query, error) {
	q := Query{text: text}
	switch {
	case positionShape.MatchString(text):
		at, err := ledger.ParsePosition(text)
		if err != nil {
			return Query{}, fmt.Errorf("%w: %w", ErrQuery, err)
		}
		q.at = at
	case prefixShape.MatchString(text):
		q.prefix = strings.ToLower(text)
	case len(text) == len(uuid.UUID{}.String()) && uuid.Validate(text) == nil:
		q.id = strings.ToLower(text)
	default:
		return Query{}, fmt.Errorf("%w: %q; give a position (17 or 17.0), an intent's id, or at least 4 digits of its digest", ErrQuery, clean(text, maxWord))
	}
	return q, nil
}

// Search looks for the intent that a query means. It is told every line, in
// order.
type Search struct {
	query Query
	found []match
}

type match struct {
	digest trust.Digest
	at     Position
}

// NewSearch begins a search.
func NewSearch(q Query) *Search { return &Search{query: q} }

// maxMatches is how many intents an ambiguous answer names.
const maxMatches = 5

// Take looks at one line.
func (s *Search) Take(l Line) {
	about := l.Intends()
	digest, err := trust.ParseDigest(about)
	if err != nil || len(s.found) > maxMatches || !s.matches(l, about) {
		return
	}
	for _, m := range s.found {
		if m.digest == digest {
			return
		}
	}
	s.found = append(s.found, match{digest, l.Position})
}

func (s *Search) matches(l Line, about string) bool {
	switch q := s.query; {
	case q.at != ledger.Position{}:
		return ledger.Position(l.Position) == q.at
	case q.id != "":
		return l.Intent != nil && l.Intent.ID == q.id
	default:
		return l.Intent != nil && strings.HasPrefix(about, q.prefix)
	}
}

// Intends is the digest of the intent that a line is about; "" if it is about
// none.
func (l Line) Intends() string {
	switch {
	case l.Intent != nil:
		return l.Intent.Digest
	case l.Decision != nil:
		return l.Decision.Digest
	case l.Claim != nil:
		return l.Claim.Digest
	case l.Outcome != nil:
		return l.Outcome.Digest
	case l.Approval != nil:
		return l.Approval.Digest
	default:
		return ""
	}
}

// Found is the digest of the one intent that was meant. Errors wrap ErrNotFound
// or ErrAmbiguous and say how to ask better.
func (s *Search) Found() (trust.Digest, error) {
	switch len(s.found) {
	case 0:
		return trust.Digest{}, fmt.Errorf("%w: %s; see what there is with: portcullis tail --kind intent --follow=false", ErrNotFound, s.query.text)
	case 1:
		return s.found[0].digest, nil
	default:
		var names []string
		for _, m := range s.found[:min(len(s.found), maxMatches)] {
			names = append(names, m.digest.String()[:min(len(s.query.prefix)+8, 64)]+" at "+m.at.String())
		}
		if len(s.found) > maxMatches {
			names = append(names, "and more")
		}
		return trust.Digest{}, fmt.Errorf("%w: %s could be %s; give more digits, or the position", ErrAmbiguous, s.query.text, strings.Join(names, ", "))
	}
}
