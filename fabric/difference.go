package fabric

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Difference is one thing in which two releases differ. Before or After is
// empty where the release has none of it; policies have Lines instead.
type Difference struct {
	Path   string   `json:"path"` // such as directory.scout.tools
	Before string   `json:"before,omitempty"`
	After  string   `json:"after,omitempty"`
	Lines  []string `json:"lines,omitempty"` // see LineDiff
}

func (d Difference) String() string {
	switch {
	case len(d.Lines) > 0:
		return d.Path + "\n  " + strings.Join(d.Lines, "\n  ")
	case d.Before == "":
		return "+ " + d.Path + ": " + d.After
	case d.After == "":
		return "- " + d.Path + ": " + d.Before
	default:
		return "~ " + d.Path + ": " + d.Before + " → " + d.After
	}
}

// Differences lists what differs between two releases, in the order of the
// schema and by name: everything but version, predecessor and validity, which
// differ always. The order of entries that have a name does not count.
func Differences(before, after *pb.Release) []Difference {
	a, b := proto.CloneOf(before), proto.CloneOf(after)
	for _, r := range []*pb.Release{a, b} {
		r.Version, r.Replaces, r.NotBefore, r.Expires, r.Policies = 0, nil, nil, nil, nil
	}
	return append(policyDifferences(before, after), messageDifferences("", a.ProtoReflect(), b.ProtoReflect())...)
}

// policyDifferences compares files of policies line by line.
func policyDifferences(before, after *pb.Release) (all []Difference) {
	texts := [2]map[string]string{{}, {}}
	names := map[string]bool{}
	for i, r := range []*pb.Release{before, after} {
		for _, p := range r.GetPolicies() {
			texts[i][p.GetName()] += p.GetText()
			names[p.GetName()] = true
		}
	}
	for _, name := range sortedKeys(names) {
		if lines := LineDiff(texts[0][name], texts[1][name]); len(lines) > 0 {
			all = append(all, Difference{Path: name, Lines: lines})
		}
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func messageDifferences(path string, a, b protoreflect.Message) (all []Difference) {
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		at := strings.TrimPrefix(path+"."+string(fd.Name()), ".")
		switch {
		case fd.IsList() && named(fd):
			all = append(all, listDifferences(at, a.Get(fd).List(), b.Get(fd).List())...)
		case fd.Message() != nil && !fd.IsList() && !scalar(fd) && a.Has(fd) && b.Has(fd):
			all = append(all, messageDifferences(at, a.Get(fd).Message(), b.Get(fd).Message())...)
		default:
			all = append(all, differ(at, written(a, fd), written(b, fd))...)
		}
	}
	return all
}

func differ(path, before, after string) []Difference {
	if before == after {
		return nil
	}
	return []Difference{{Path: path, Before: before, After: after}}
}

// listDifferences compares entries by name. One that stands on one side only is
// one difference.
func listDifferences(path string, a, b protoreflect.List) (all []Difference) {
	before, after := byName(a), byName(b)
	names := map[string]bool{}
	for _, side := range []map[string]protoreflect.Message{before, after} {
		for name := range side {
			names[name] = true
		}
	}
	for _, name := range sortedKeys(names) {
		at := path + "." + name
		one, other := before[name], after[name]
		if one != nil && other != nil {
			all = append(all, messageDifferences(at, one, other)...)
			continue
		}
		all = append(all, differ(at, entryText(one), entryText(other))...)
	}
	return all
}

func byName(list protoreflect.List) map[string]protoreflect.Message {
	all := make(map[string]protoreflect.Message, list.Len())
	for i := range list.Len() {
		m := list.Get(i).Message()
		name := m.Get(nameField(m.Descriptor())).String()
		if _, twice := all[name]; twice { // a fault of the release that lint names
			name += "#" + strconv.Itoa(i)
		}
		all[name] = m
	}
	return all
}

// nameField is the field by which entries of a list are told apart.
func nameField(d protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	for _, name := range []protoreflect.Name{"name", "id", "rule"} {
		if fd := d.Fields().ByName(name); fd != nil && fd.Kind() == protoreflect.StringKind {
			return fd
		}
	}
	return nil
}

func named(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && nameField(fd.Message()) != nil
}

// scalar reports whether a message is written as one value.
func scalar(fd protoreflect.FieldDescriptor) bool {
	switch fd.Message().FullName() {
	case (&durationpb.Duration{}).ProtoReflect().Descriptor().FullName(), (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName():
		return true
	}
	return false
}

// written is a field's value as the source would say it, "" where it is unset.
func written(m protoreflect.Message, fd protoreflect.FieldDescriptor) string {
	if !m.Has(fd) {
		if fd.Kind() == protoreflect.EnumKind && !fd.IsList() {
			return valueText(fd, m.Get(fd)) // its zero value has a name
		}
		return ""
	}
	if !fd.IsList() {
		return valueText(fd, m.Get(fd))
	}
	list := m.Get(fd).List()
	parts := make([]string, list.Len())
	for i := range parts {
		parts[i] = valueText(fd, list.Get(i))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func valueText(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		switch x := v.Message().Interface().(type) {
		case *durationpb.Duration:
			return x.AsDuration().String()
		case *timestamppb.Timestamp:
			return x.AsTime().Format(time.RFC3339)
		}
		return "{" + entryText(v.Message()) + "}"
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return shortName(fd.Enum(), value)
		}
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.StringKind:
		return quote(v.String())
	case protoreflect.BytesKind:
		return bytesText(v.Bytes())
	default:
		return v.String()
	}
}

// bytesText writes keys and digests in full, and longer values, such as
// certificates, by their digest.
func bytesText(b []byte) string {
	if len(b) <= len(trust.Digest{}) {
		return hex.EncodeToString(b)
	}
	return "sha256:" + trust.DigestOf(b).String()
}

// entryText writes an entry's fields but for its name; "" for no entry.
func entryText(m protoreflect.Message) string {
	if m == nil {
		return ""
	}
	name := nameField(m.Descriptor())
	var parts []string
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); fd != name && m.Has(fd) {
			parts = append(parts, fmt.Sprintf("%s %s", fd.Name(), written(m, fd)))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "{}")
}
