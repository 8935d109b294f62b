package world

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Stores stops the brokers, copies what they keep, and starts them again: a backup, as the manual says to make one.
func (w *World) Stores(brokers ...*Broker) (copies map[*Broker]string) {
	w.t.Helper()
	for _, b := range brokers {
		b.Stop(w.t)
	}
	copies = map[*Broker]string{}
	for _, b := range brokers {
		copies[b] = filepath.Join(w.t.TempDir(), "copy")
		b.Disk.Copy(copies[b])
	}
	for _, b := range brokers {
		b.Restart(w.t)
	}
	return copies
}

// AwaitRecorded waits until the recorder has signed for every record that the ledger has now.
func (w *World) AwaitRecorded() {
	w.t.Helper()
	var wanted uint64
	w.await("the recorder does not sign for the ledger", func() bool {
		w.exports++
		var told struct{ Last, Covered uint64 }
		out := w.Command("export", "--output", filepath.Join(w.dir, fmt.Sprintf("ledger-%d.pcx", w.exports)))
		must(w.t, json.Unmarshal([]byte(out), &told))
		if wanted == 0 {
			wanted = told.Last
		}
		return told.Covered >= wanted
	})
}

// Ended are the parts whose process has ended.
func (w *World) Ended() (ended []*Part) {
	for _, p := range w.parts {
		if !p.Running() {
			ended = append(ended, p)
		}
	}
	return ended
}

// Supervise has parts started again that end by themselves, while the test waits for actions, as an init system would.
func (w *World) Supervise() { w.supervised = true }

// Revive starts again what has ended.
func (w *World) Revive() {
	w.t.Helper()
	for _, p := range w.Ended() {
		p.Launch()
	}
}

// AcceptLoss does what the manual says of a ledger that lost records: once no lost intent can still be carried out, the marks of
// executors that are beyond its end are removed, governors sign for the loss, lift the trip, and what has ended is started
// again.
func (w *World) AcceptLoss() {
	w.t.Helper()
	time.Sleep(intentTimeout) // nobody asks for longer
	for _, name := range executorNames {
		w.Part(name).Kill()
		if err := os.Remove(w.Fabric.MarkPath(name)); err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
	w.Revive()
	var said string
	var err error
	w.await("governors cannot sign for the loss", func() bool {
		w.Revive()
		said, err = w.Try("loss", "--reason", "a copy was restored")
		return err == nil
	})
	w.t.Logf("portcullis loss: %s", said)
	w.Resume()
}
