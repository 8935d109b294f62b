package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// identity is whom an issuer vouches for.
type identity struct {
	name    string   // for people
	subject string   // never another's, at this issuer
	values  []string // of the claim that roles come from
}

const (
	maxName   = 128 // bytes
	maxValues = 1000
)

// identify reads who an ID token's claims are about. What is odd is refused.
func identify(claims map[string]json.RawMessage, rolesClaim string) (identity, error) {
	var who identity
	if err := claim(claims, "sub", &who.subject); err != nil || !readable(who.subject) {
		return identity{}, errors.New("access: the ID token names nobody: its sub is missing, or not a word of at most 128 bytes")
	}
	who.name = who.subject
	var email string
	var verified bool
	if claim(claims, "email", &email) == nil && claim(claims, "email_verified", &verified) == nil && verified && readable(email) {
		who.name = email // an address that nobody verified is what somebody wishes to be called
	}
	found, err := lookUp(claims, rolesClaim)
	if err != nil {
		return identity{}, err
	}
	who.values, err = words(found)
	return who, err
}

func claim(claims map[string]json.RawMessage, name string, to any) error {
	raw, found := claims[name]
	if !found {
		return fmt.Errorf("access: the ID token has no %s", name)
	}
	return json.Unmarshal(raw, to)
}

// lookUp finds a claim by its name, or else by its path, as in realm_access.roles. One
// that is not there is nil.
func lookUp(claims map[string]json.RawMessage, path string) (json.RawMessage, error) {
	if found, whole := claims[path]; whole {
		return found, nil
	}
	first, rest, nested := strings.Cut(path, ".")
	found, there := claims[first]
	if !nested || !there {
		return nil, nil
	}
	var within map[string]json.RawMessage
	if err := json.Unmarshal(found, &within); err != nil {
		return nil, fmt.Errorf("access: the claim %.80q holds nothing by name", first)
	}
	return lookUp(within, rest)
}

// words are one word, or a list of words; no claim is none.
func words(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil || len(many) > maxValues {
		return nil, fmt.Errorf("access: the roles claim is neither a word nor a list of at most %d words", maxValues)
	}
	return many, nil
}

// readable reports whether a name can be shown and logged as it is.
func readable(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
