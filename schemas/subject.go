package schemas

import (
	"errors"
	"fmt"
	"strings"
)

// Subjects have the form <prefix>.<zone>.<kind>[.<token>] on the ledger and
// <prefix>.<zone>[.<token>…] elsewhere:
//
//	fabric.<zone>.credential.<name>   fabric.<zone>.governance
//	fabric.<zone>.intent.<agent>      fabric.<zone>.approval
//	fabric.<zone>.decision.<tool>     fabric.<zone>.pulse
//	fabric.<zone>.claim.<tool>        heartbeat.<zone>.<role>.<name>
//	fabric.<zone>.outcome.<tool>      checkpoint.<zone>
//	                                  answer.<zone>.<agent>
const ledgerPrefix = "fabric"

// ErrSubject reports a subject or a token that is none of the protocol's.
var ErrSubject = errors.New("schemas: not a subject of the protocol")

// Subject returns the subject of a kind. Token is what the last token names
// (see Token); it is "" where the kind has none, and "<role>.<name>" for
// heartbeats. Names are not checked here: identities and releases are checked
// where they are read (CheckName).
func Subject(zone string, kind Kind, token string) string {
	info, _ := kind.Info()
	s := info.Prefix + "." + zone
	if info.Prefix == ledgerPrefix {
		s += "." + info.Name
	}
	if token != "" {
		s += "." + token
	}
	return s
}

// LedgerFilter matches every subject of the zone's ledger.
func LedgerFilter(zone string) string { return ledgerPrefix + "." + zone + ".>" }

// LedgerSubject takes a ledger subject apart. The error says what is wrong.
func LedgerSubject(subject string) (zone string, kind Kind, token string, err error) {
	prefix, rest, _ := strings.Cut(subject, ".")
	zone, rest, named := strings.Cut(rest, ".")
	name, token, tokened := strings.Cut(rest, ".")
	kind = ledgerKind(name)
	info, ok := kind.Info()
	if prefix != ledgerPrefix || !named || !ok || (info.Token == TokenNone) == tokened {
		return "", KindUnknown, "", fmt.Errorf("%w: %q", ErrSubject, subject)
	}
	err = CheckName(zone)
	if err == nil && tokened {
		err = CheckName(token)
	}
	if err != nil {
		return "", KindUnknown, "", fmt.Errorf("%w: %q: %w", ErrSubject, subject, err)
	}
	return zone, kind, token, nil
}

func ledgerKind(name string) Kind {
	for i := range kinds {
		if kinds[i].Prefix == ledgerPrefix && kinds[i].Name == name {
			return kinds[i].Kind
		}
	}
	return KindUnknown
}

// CheckName reports whether s can be the name of a zone, a participant or a
// tool: 1 to 63 of a-z, 0-9 and '-', neither first nor last a '-'. Such a name
// is one NATS subject token and one SPIFFE path segment.
func CheckName(s string) error {
	if len(s) < 1 || len(s) > 63 {
		return fmt.Errorf("schemas: name %q has %d characters; use 1 to 63", clip(s), len(s))
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '-' || i == 0 || i == len(s)-1) {
			return fmt.Errorf("schemas: name %q: use a-z, 0-9 and, inside, '-'", clip(s))
		}
	}
	return nil
}

func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
