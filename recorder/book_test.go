package recorder

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// Bytes on the ledger that have headers of their own are leaves without a subject
// and a time, as every reader of the stream sees them.
func TestForeignMessagesAreLeaves(t *testing.T) {
	w := feedtest.New(t)
	w.WriteForeign("alice", schemas.KindIntent, "alice", []byte("foreign"))
	w.Write("alice", schemas.KindIntent, "alice", []byte("noise"))
	conn, last := w.Connect("g0"), w.Last()

	folder, err := tiles.Lock(filepath.Join(t.TempDir(), "r1"))
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	tree, err := folder.Open()
	must(t, err)
	b := &book{r: &Recorder{due: make(chan struct{}, 1)}, health: feed.NewHealth(conn, slog.New(slog.DiscardHandler)), tree: tree, edge: new(lineage.Edge)}
	must(t, feed.Until(t.Context(), feed.Config{
		Conn: conn, Zone: feedtest.ZoneName, Ledger: w.Zone.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler),
	}, last, readAhead, b.step))

	var want lineage.Edge
	foreign := 0
	var logTime time.Time
	_, err = streams.Read(t.Context(), conn, streams.ReadConfig{To: last}, func(raw streams.Raw) error {
		if raw.Foreign {
			foreign++
		}
		if raw.Time.After(logTime) {
			logTime = raw.Time
		}
		want.Append(lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: logTime, Subject: raw.Subject, Data: trust.DigestOf(raw.Data)}.Leaf())
		return nil
	})
	must(t, err)
	if foreign != 1 || b.tree.Size() != last || b.tree.Root() != want.Root() {
		t.Errorf("%d foreign messages; the tree of %d has root %v, want %v of %d", foreign, b.tree.Size(), b.tree.Root(), want.Root(), last)
	}
}
