package files

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a path, in bytes, and of its segments.
const (
	maxPath     = 2048 // as an intent's resource
	maxSegment  = 255  // NAME_MAX of common file systems
	maxSegments = 64
)

// reserved begins the names that this tool keeps to itself.
const reserved = ".portcullis"

// split checks a path and returns its segments. A path that passes has one
// spelling and stays below the root on every system, whatever stands there.
func split(path string) ([]string, error) {
	switch {
	case path == "":
		return nil, refusef("the path is empty; name a file")
	case len(path) > maxPath:
		return nil, refusef("the path has %d bytes; at most %d", len(path), maxPath)
	case !utf8.ValidString(path):
		return nil, refusef("the path %q is not UTF-8", path)
	case strings.HasPrefix(path, "/"):
		return nil, refusef("the path %q is absolute; name it relative to the tool's root", path)
	case strings.HasSuffix(path, "/"):
		return nil, refusef("the path %q ends in a slash; name a file, not a directory", path)
	}
	for _, r := range path {
		// What does not print can make two paths look alike to the person who approves one.
		if !unicode.IsPrint(r) {
			return nil, refusef("the path %q holds %U, which does not print", path, r)
		}
		if r == '\\' || r == ':' {
			return nil, refusef("the path %q holds %q, which some systems read as a separator; use / between segments", path, r)
		}
	}
	segments := strings.Split(path, "/")
	if len(segments) > maxSegments {
		return nil, refusef("the path has %d segments; at most %d", len(segments), maxSegments)
	}
	for _, segment := range segments {
		if err := admit(segment); err != nil {
			return nil, err
		}
	}
	return segments, nil
}

// admit checks one segment.
func admit(segment string) error {
	switch {
	case segment == "":
		return refusef("the path has an empty segment; write one slash, not two")
	case segment == "." || segment == "..":
		return refusef("the path has the segment %q; spell it out from the root, without dot segments", segment)
	case len(segment) > maxSegment:
		return refusef("the segment %.40q… has %d bytes; at most %d", segment, len(segment), maxSegment)
	// In any case of letters, for file systems that do not tell them apart.
	case len(segment) >= len(reserved) && strings.EqualFold(segment[:len(reserved)], reserved):
		return refusef("the segment %q starts with %s, which this tool keeps to itself; choose another name", segment, reserved)
	}
	return nil
}
