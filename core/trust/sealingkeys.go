package trust

import (
	"fmt"
	"maps"
	"slices"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// SealingKeys is a set of sealing keys with their private halves, by id. It is
// immutable and safe for concurrent use; nil holds none.
type SealingKeys struct{ byID map[string]*SealingKey }

// NewSealingKeys holds the keys. One id names one key.
func NewSealingKeys(keys ...*SealingKey) (*SealingKeys, error) {
	s := &SealingKeys{byID: make(map[string]*SealingKey, len(keys))}
	for _, k := range keys {
		if s.byID[k.to.id] != nil {
			return nil, fmt.Errorf("trust: sealing key %s stands twice; keep one", k.to.id)
		}
		s.byID[k.to.id] = k
	}
	return s, nil
}

// Key is the key of an id.
func (s *SealingKeys) Key(id string) (*SealingKey, bool) {
	if s == nil {
		return nil, false
	}
	k, ok := s.byID[id]
	return k, ok
}

// IDs lists the ids, ascending.
func (s *SealingKeys) IDs() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.byID))
}

// Lacking lists the ids of those among listed that the set cannot open for: it
// has no key of that id, or another one.
func (s *SealingKeys) Lacking(listed []*pb.SealingKey) []string {
	var ids []string
	for _, l := range listed {
		to, err := NewSealTo(l)
		if held, ok := s.Key(l.GetId()); err != nil || !ok || held.to != to {
			ids = append(ids, l.GetId())
		}
	}
	return ids
}
