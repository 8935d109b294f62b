package sentinel

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// logbook is r1's hand.
type logbook struct {
	w    *watch
	keys *trust.LogKeys
}

func startWithLog(t *testing.T) (*watch, logbook) {
	text, public, err := trust.GenerateLogKeys()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := trust.ParseLogKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, func(r *pb.Release) {
		for _, e := range r.GetDirectory() {
			if e.GetName() == "r1" {
				e.LogKeys = public
			}
		}
	})
	return w, logbook{w, keys}
}

// says appends a checkpoint over the first records, with a root of its own.
func (l logbook) says(size uint64, root string) {
	l.w.t.Helper()
	keys, err := l.w.Fold().Governance().LogKeys()
	if err != nil {
		l.w.t.Fatal(err)
	}
	l.signs(keys.Origin(), size, root)
}

func (l logbook) signs(origin string, size uint64, root string) {
	l.w.t.Helper()
	signer, err := l.keys.Signer(origin)
	if err != nil {
		l.w.t.Fatal(err)
	}
	c := lineage.Checkpoint{Origin: origin, Size: size, Root: lineage.Hash(trust.DigestOf([]byte(root)))}
	note, err := signer.Sign(c.String(), time.Now())
	if err != nil {
		l.w.t.Fatal(err)
	}
	l.append(note)
}

func (l logbook) append(note []byte) {
	l.w.t.Helper()
	if _, err := l.w.Connect("r1").Append(l.w.Soon(), schemas.Subject(feedtest.ZoneName, schemas.KindCheckpoint, ""), note); err != nil {
		l.w.t.Fatal(err)
	}
}

// named waits for a pulse that names a tree of this size.
func (w *watch) named(size uint64) {
	w.t.Helper()
	w.Eventually("a pulse names the checkpoint", func() bool {
		records := w.Records(schemas.KindPulse)
		return len(records) > 0 && decode(w.t, records[len(records)-1].Data).GetCheckpoint().GetSize() == size
	})
}

func (w *watch) forked() bool {
	for _, h := range w.Fold().Governance().Halts() {
		if h.Rule == schemas.DriftCheckpointFork {
			return true
		}
	}
	return false
}

func TestItsPulsesNameTheNewestCheckpoint(t *testing.T) {
	w, log := startWithLog(t)
	w.pulsing()
	log.says(3, "three")
	w.named(3)
	log.says(5, "five")
	w.named(5)
	log.says(3, "three") // late, with cosignatures or as a copy
	log.append([]byte("no note\n"))
	log.signs("example.org/another/log", 90, "another log's")
	log.says(6, "six")
	w.named(6)
	if w.forked() {
		t.Error("it tripped on checkpoints that agree")
	}
}

func TestACheckpointThatWasThereBeforeItStarted(t *testing.T) {
	w, log := startWithLog(t)
	log.says(4, "four")
	w.named(4)
	w.close()
	w.run()
	w.pulsing()
	w.named(4)
	log.says(4, "another four")
	w.Eventually("it trips", w.forked)
}

func TestItTripsOnCheckpointsThatContradict(t *testing.T) {
	w, log := startWithLog(t)
	w.pulsing()
	log.says(5, "five")
	w.named(5)
	log.says(5, "another five")
	w.Eventually("it trips", w.forked)
}
