package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// StartBound is B of the zone: how long after its claim an action may start at the latest.
func (w *World) StartBound() time.Duration { return w.bound }

// Halt halts everything, and returns when the ledger has acknowledged it.
func (w *World) Halt(ctx context.Context) (zone.Sent, error) {
	halt, err := w.send(ctx, zone.HaltRecord(&pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, "a load test halts"))
	if err != nil {
		return halt, fmt.Errorf("loadtest: halting: %w", err)
	}
	return halt, nil
}

// Resume lifts a halt.
func (w *World) Resume(ctx context.Context, halt trust.Digest) error {
	if _, err := w.send(ctx, zone.ResumeRecord([]trust.Digest{halt}, "a load test goes on")); err != nil {
		return fmt.Errorf("loadtest: resuming: %w", err)
	}
	return nil
}

// send appends a governance record. Whether it took effect the audit says.
func (w *World) send(ctx context.Context, record *pb.Governance) (zone.Sent, error) {
	data, err := w.gov.Sign(record)
	if err != nil {
		return zone.Sent{}, err
	}
	return w.gov.Send(ctx, data)
}

// Release puts the next release in force, as `portcullis release publish` does: it differs by its note.
func (w *World) Release(ctx context.Context, note string) error {
	err := w.release(ctx, note)
	if err != nil {
		return fmt.Errorf("loadtest: publishing a release: %w", err)
	}
	return nil
}

func (w *World) release(ctx context.Context, note string) error {
	path := filepath.Join(w.Fabric.ReleaseDir(), "release.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, rest, ok := strings.Cut(string(text), "\n")
	if !ok {
		return errors.New("its release.yaml has one line only")
	}
	if err := os.WriteFile(path, []byte("note: "+note+"\n"+rest), 0o600); err != nil {
		return err
	}
	source, err := fabric.LoadReleaseDir(w.Fabric.ReleaseDir())
	if err != nil {
		return err
	}
	standing, err := w.gov.Releases(ctx)
	if err != nil {
		return err
	}
	plan, err := w.Fabric.Plan(source, standing.InForce().Release)
	if err != nil {
		return err
	}
	governor, err := w.Fabric.Governor(governorName)
	if err != nil {
		return err
	}
	if _, err := plan.Sign(governor.Key); err != nil {
		return err
	}
	_, err = w.gov.PublishPlan(ctx, plan)
	return err
}
