package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// reservedTypes are identifiers that a resource type may not take: Cedar's
// keywords, its built-in types, and the entity types of the model.
var reservedTypes = []string{
	"true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar",
	"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String",
	"decimal", "ipaddr", "datetime", "duration", "principal", "action", "resource", "context",
	string(agentType), string(groupType), string(actionType),
}

// validEntityType reports whether s is one Cedar identifier that is not taken.
func validEntityType(s string) bool {
	return validName(s) && !strings.ContainsAny(s, "-.") && !slices.Contains(reservedTypes, s)
}

// validName reports whether s may name an attribute, a limit or a policy:
// 1 to 128 letters, digits, '_', '-' and '.', not starting with a digit, '-' or
// '.', and not one of the two keys that Cedar's JSON keeps for itself.
func validName(s string) bool {
	if s == "" || len(s) > maxNameBytes || s == "__entity" || s == "__extn" {
		return false
	}
	for i := range len(s) {
		if !nameByte(s[i], i == 0) {
			return false
		}
	}
	return true
}

func nameByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		return true
	case c >= '0' && c <= '9', c == '-', c == '.':
		return !first
	}
	return false
}

// validText reports whether s is 1 to limit bytes of UTF-8 without control
// characters.
func validText(s string, limit int) bool {
	if s == "" || len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || (r >= 0x7f && r < 0xa0) })
}

// validIdentity reports whether s can be a SPIFFE ID. Who calls has parsed it
// strictly; this guards against an empty or mangled one.
func validIdentity(s string) bool {
	rest, ok := strings.CutPrefix(s, "spiffe://")
	return ok && rest != "" && validText(s, maxIdentityBytes)
}

// shorten cuts s to at most limit bytes at a character boundary and marks the
// cut.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
