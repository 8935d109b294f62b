package sentinel

import (
	"context"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// trees is what a sentinel heard of the ledger's Merkle tree. The feed's guard
// guards it.
type trees struct {
	keys   *lineage.Keys // by which checkpoints are checked, as of the governance head
	head   uint64        // its number
	newest *pb.CheckpointHead
}

// witness takes one message of the checkpoints' stream. What no recorder of the
// release signed, or what is of an older tree, counts for nothing.
func (s *Sentinel) witness(raw streams.Raw) {
	keys := s.treeKeys()
	if keys == nil {
		return
	}
	c, err := keys.Open(raw.Data) // slow, and anybody's: not while others wait
	if err != nil {
		s.cfg.Logger.Debug("noise among the checkpoints", "subject", raw.Subject, "reason", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.eye; e != nil && e.trees.keys == keys {
		e.compareTree(c)
		if e.watch.Alarm() {
			ring(s.alarm)
		}
	}
}

// treeKeys are those by which checkpoints are checked now; nil while the sentinel
// cannot tell.
func (s *Sentinel) treeKeys() *lineage.Keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.eye
	if e == nil || e.fold == nil || !e.health.Started() {
		return nil
	}
	keys, err := e.logKeys(e.fold)
	if err != nil {
		s.cfg.Logger.Error("checkpoints are not checked", "err", err)
		return nil
	}
	return keys
}

func (e *eye) compareTree(c lineage.Signed) {
	gov := e.fold.Governance()
	source := trust.Identity{TrustDomain: gov.TrustDomain(), Zone: gov.Zone(), Role: pb.Role_ROLE_RECORDER, Name: c.Recorder}
	e.watch.Checkpoint(e.fold, source.String(), c.Head())
	if c.Size >= e.trees.newest.GetSize() {
		e.trees.newest = c.Head()
	}
}

// logKeys are those of the governance in force. A loss begins another tree, of
// which nothing is known yet.
func (e *eye) logKeys(f *ledger.Fold) (*lineage.Keys, error) {
	gov := f.Governance()
	if e.trees.keys != nil && e.trees.head == gov.Head().Number {
		return e.trees.keys, nil
	}
	keys, err := gov.LogKeys()
	if err != nil {
		return nil, fmt.Errorf("sentinel: the release's log keys: %w", err)
	}
	if e.trees.keys != nil && e.trees.keys.Origin() != keys.Origin() {
		e.trees.newest = nil
	}
	e.trees.keys, e.trees.head = keys, gov.Head().Number
	return keys, nil
}

// seen is the newest checkpoint for a pulse: of the tree of now.
func (e *eye) seen() *pb.CheckpointHead {
	if _, err := e.logKeys(e.fold); err != nil {
		return nil
	}
	return e.trees.newest
}

const (
	catchUpWithin = 5 * time.Second
	lookAgain     = 50 * time.Millisecond
)

// catchUpWithTrees compares the newest checkpoint that was there before the
// sentinel listened, once it has read the ledger. It ends early with ctx.
func (s *Sentinel) catchUpWithTrees(ctx context.Context) error {
	for !s.judging() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
	ask, cancel := context.WithTimeout(ctx, catchUpWithin)
	defer cancel()
	newest, there, err := s.cfg.Conn.LastCheckpoint(ask)
	if err != nil {
		s.cfg.Logger.Warn("the newest checkpoint could not be read; the next one will be", "err", err)
	}
	if err == nil && there {
		s.witness(newest)
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *Sentinel) judging() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eye.judges()
}
