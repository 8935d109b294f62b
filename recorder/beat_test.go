package recorder

import (
	"log/slog"
	"testing"

	"github.com/portcullis-dev/portcullis/core/lineage"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

func (*world) quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// beat is a heartbeat of the recorder's that comes from now on.
func (w *world) beat(r *running) *pb.Heartbeat {
	w.t.Helper()
	heard := make(chan *pb.Heartbeat, 64)
	fold := w.fold()
	stop, err := w.connect("s1", false).SubscribeHeartbeats(func(raw streams.Raw) {
		if beat, _, err := fold.Heartbeat(raw.Subject, raw.Data); err == nil {
			select {
			case heard <- beat:
			default:
			}
		}
	})
	must(w.t, err)
	defer stop()
	var beat *pb.Heartbeat
	r.eventually("it beats", func() bool {
		select {
		case beat = <-heard:
			return true
		default:
			return false
		}
	})
	return beat
}

// lastPublished is the largest checkpoint on the stream that is authentic.
func (w *world) lastPublished() (last lineage.Checkpoint) {
	w.t.Helper()
	keys, err := w.fold().Governance().LogKeys()
	must(w.t, err)
	for _, raw := range w.records(streams.Checkpoints) {
		if s, err := keys.Open(raw.Data); err == nil && s.Size > last.Size {
			last = s.Checkpoint
		}
	}
	return last
}

// What a heartbeat says while all is well, and that none says it has started before
// the ledger was compared with what was signed.
func TestBeats(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	r.covers(w.noise(5))
	beat := w.beat(r)
	c := w.checkpoint()
	if beat.GetDisarmed() != "" || !beat.GetStarted() || beat.GetPosition() < c.Size || len(beat.GetFindings()) > 0 || beat.GetCheckpoint().GetSize() != c.Size || string(beat.GetCheckpoint().GetRoot()) != string(c.Root[:]) {
		t.Errorf("it beats %v", beat)
	}
	unread := &Recorder{}
	if beat, _ := unread.heartbeat(); beat != nil {
		t.Errorf("before anything is known it beats %v", beat)
	}
	unread.book = &book{fold: r.book.fold, health: feed.NewHealth(nil, w.quiet())}
	if beat, _ := unread.heartbeat(); beat == nil || beat.GetStarted() || beat.GetDisarmed() == "" || beat.GetCheckpoint() != nil || len(beat.GetFindings()) > 0 {
		t.Errorf("before the ledger is read it beats %v", beat)
	}
}
