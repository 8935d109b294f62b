package recorder

import (
	"context"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// signed is a checkpoint that this recorder signed. It does not change; what
// witnesses add makes a new one.
type signed struct {
	lineage.Checkpoint
	note     []byte
	keys     *lineage.Keys   // by which it is checked
	hashes   tlog.HashReader // of its tree
	cosigned int
}

// quiet is how often a checkpoint is published while nothing but pulses comes: a
// zone that stands idle must not fill its disk with signatures. The newest one is
// signed, on disk and served all the same.
const quiet = 10 * time.Second

// sign looks once an interval whether there is something new, and signs it.
func (r *Recorder) sign(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Interval)
	defer tick.Stop()
	var unsent []byte // the newest note that is not known to be published
	var published time.Time
	for {
		note, news, err := r.signOnce()
		if err != nil {
			return err
		}
		if note != nil && (news || time.Since(published) >= quiet) {
			unsent, published = note, time.Now()
			ring(r.cosign)
		}
		if unsent != nil && r.publish(ctx, unsent) {
			unsent = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-r.due:
		}
	}
}

// signOnce signs what is new, if it may, and returns the note; nil if it did not.
// News says that anything but pulses came since it signed last.
func (r *Recorder) signOnce() (note []byte, news bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.book
	if b.started() && b.ended() {
		r.ended = len(b.fold.Governance().Losses())
		b.again()
		return nil, false, nil
	}
	fault := b.fault()
	if fault == "" && b.tree.Size() > b.tree.Checkpoint().Size {
		if r.signed, err = b.checkpoint(time.Now()); err != nil {
			return nil, false, err
		}
		note, news, b.news = r.signed.note, b.news, false
		fault = b.fault() // the last one may be signed now
	}
	r.report(fault, note != nil)
	return note, news, nil
}

// report tells whether the recorder signs. It runs with mu held.
func (r *Recorder) report(fault string, signed bool) {
	before := r.Status()
	r.tell(func(s *Status) {
		s.Silent, s.Findings = fault, nil
		if signed {
			s.Signed++
		}
		s.Position, s.Checkpoint, s.Cosigned = 0, lineage.Checkpoint{}, 0
		b := r.book
		if b == nil {
			return
		}
		s.Position = b.seq()
		if !b.started() {
			return
		}
		s.Checkpoint = b.pastNow().last()
		if r.signed != nil {
			s.Cosigned = r.signed.cosigned
		}
		if fork := b.fork(); fork != nil {
			s.Findings = []*pb.Finding{fork}
		}
	})
	if before.Silent == fault {
		return
	}
	ring(r.now)
	switch {
	case fault == "":
		r.cfg.Logger.Info("signing checkpoints")
	case len(r.Status().Findings) > 0:
		r.cfg.Logger.Error("nothing is signed", "why", fault)
	default:
		r.cfg.Logger.Warn("nothing is signed", "why", fault)
	}
}

// publishTimeout is how long the broker may take to store a note.
const publishTimeout = 2 * time.Second

// publish appends a note to the zone's checkpoints.
func (r *Recorder) publish(ctx context.Context, note []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	_, err := r.cfg.Conn.Append(ctx, schemas.Subject(r.cfg.ID.Zone, schemas.KindCheckpoint, ""), note)
	if err != nil && ctx.Err() == nil {
		r.cfg.Logger.Warn("a checkpoint was not published", "err", err)
	}
	return err == nil
}
