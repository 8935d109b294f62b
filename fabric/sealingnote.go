package fabric

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const sealingField = "sealing_keys"

// sealingNote is release.yaml with a sealing key added; nil if it lists the key.
// It is edited as text, so that comments and layout stay, and read back to see
// that the edit says what was meant.
func (f *Fabric) sealingNote(key trust.SealTo) ([]byte, error) {
	name := sections[0].file
	path := filepath.Join(f.ReleaseDir(), name)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	source, err := readSection(text)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(source.body.GetSealingKeys(), func(k *pb.SealingKey) bool { return k.GetId() == key.ID() })
	if i >= 0 {
		if proto.Equal(source.body.GetSealingKeys()[i], key.Proto()) {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: %s lists another key as %s; choose another id", ErrSealingKey, path, key.ID())
	}
	noted := source.addSealingKey(string(text), key)
	edited, err := readSection([]byte(noted))
	want := proto.CloneOf(source.body)
	want.SealingKeys = append(want.SealingKeys, key.Proto())
	if err != nil || !proto.Equal(edited.body, want) {
		return nil, errors.Join(fmt.Errorf("%w: %s cannot be added to; let %s be a list with one key a line, or add by hand:\n%s", ErrSealingKey, path, sealingField, sealingEntry("  ", key)), err)
	}
	return []byte(noted), nil
}

func readSection(text []byte) (*ReleaseSource, error) {
	s := &ReleaseSource{body: &pb.Release{}, positions: map[string]policy.Position{}}
	return s, s.section(sections[0].file, sections[0].fields, text)
}

// addSealingKey adds an entry after the last one, indented as the first is, or a
// list of its own at the end.
func (s *ReleaseSource) addSealingKey(text string, key trust.SealTo) string {
	text = line(text)
	first, listed := s.positions[sealingField+"[0]"]
	if !listed || first.Column < 3 {
		return text + sealingField + ":\n" + sealingEntry("  ", key)
	}
	last := 0
	for path, at := range s.positions {
		if strings.HasPrefix(path, sealingField+"[") {
			last = max(last, at.Line)
		}
	}
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(slices.Insert(lines, last, sealingEntry(strings.Repeat(" ", first.Column-3), key)), "")
}

func sealingEntry(indent string, key trust.SealTo) string {
	return fmt.Sprintf("%s- id: %s\n%s  public_key: %q\n", indent, quote(key.ID()), indent, hex.EncodeToString(key.Proto().GetPublicKey()))
}
