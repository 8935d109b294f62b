package zone_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// auditedZone is driftingZone with a recorder r1, which is required, and an
// auditor a1. Both are started, and those that are named.
func auditedZone(t *testing.T, change func(*pb.Release), start ...string) *drifting {
	t.Helper()
	release, ok := edited(t).(fstest.MapFS)
	if !ok {
		t.Fatal("the edited template is no map of files")
	}
	directory := release["directory.yaml"]
	directory.Data = append(slices.Clip(directory.Data), "\n  - {name: a1, role: auditor}\n"...)
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Enforcers: 2, Executors: 2, Sentinels: 2, Release: release,
		Durability: pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS,
	})
	must(t, err)
	w := new(drifting)
	w.live = &live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(w.handle), Build: theBuild,
	}}
	w.Zone, err = zone.Open(t.Context(), w.config)
	must(t, err)
	t.Cleanup(w.Close)
	w.gov, w.observer = w.governing()
	w.release(slowMachine, change)
	must(t, w.Start(t.Context(), pb.Role_ROLE_RECORDER, "r1"))
	must(t, w.Start(t.Context(), pb.Role_ROLE_AUDITOR, "a1"))
	w.start(start...)
	return w
}

// beatOf is the newest heartbeat of a participant; nil before the first.
func (w *drifting) beatOf(name string) *pb.Heartbeat {
	for _, s := range w.observer.Beats() {
		if s.From.Name == name {
			return s.Beat
		}
	}
	return nil
}
