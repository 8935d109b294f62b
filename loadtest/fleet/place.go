package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

const (
	zoneName    = "fleet"
	tool        = "file-read" // of the release that a new fabric begins with
	sentinel    = "s1"
	startWithin = time.Minute
)

// place is a zone without enforcers at work: a broker, a governor, and a sentinel if it is asked for.
type place struct {
	fabric *fabric.Fabric
	zone   *zone.Zone
	gov    *zone.Governing
	log    *slog.Logger
}

func executorName(i int) string { return fmt.Sprintf("fleet-%d", i) }

// create makes a fabric whose directory has so many executors. Records may be lost: what is measured is how they spread,
// not how they are kept.
func create(dir string, executors int) (*fabric.Fabric, error) {
	source := filepath.Join(dir, "source")
	template, err := fabric.Template()
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(source, template); err != nil {
		return nil, fmt.Errorf("the release's source: %w", err)
	}
	if err := enlist(filepath.Join(source, "directory.yaml"), executors); err != nil {
		return nil, err
	}
	return fabric.Create(filepath.Join(dir, "fabric"), fabric.Params{
		TrustDomain: "fleet.test", Zone: zoneName, Clock: time.Now, Release: os.DirFS(source), Recorders: fabric.NoRecorders,
		Durability: pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS,
	})
}

// enlist adds executors to a directory's source.
func enlist(path string, executors int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the release's source: %w", err)
	}
	var b strings.Builder
	b.Write(text)
	for i := range executors {
		fmt.Fprintf(&b, "  - {name: %s, role: executor, tools: [%s]}\n", executorName(i), tool)
	}
	if err := os.Remove(path); err != nil { // it is copied without the right to write
		return fmt.Errorf("the release's source: %w", err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("the release's source: %w", err)
	}
	return nil
}

// open starts the broker of a fabric, and connects a governor.
func open(ctx context.Context, f *fabric.Fabric, log *slog.Logger) (*place, error) {
	z, err := zone.Open(ctx, zone.Config{Fabric: f, Logger: log, Port: -1})
	if err != nil {
		return nil, err
	}
	gov, err := zone.Govern(ctx, f, zone.Broker{URL: z.URL()}, log)
	if err != nil {
		z.Close()
		return nil, err
	}
	return &place{fabric: f, zone: z, gov: gov, log: log}, nil
}

// pulse starts the sentinel and waits until it pulses.
func (p *place) pulse(ctx context.Context) error {
	if err := p.zone.Start(ctx, pb.Role_ROLE_SENTINEL, sentinel); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	return p.zone.Ready(ctx)
}

// rustleEvery is a little less than the second after which followers that hear nothing ask the broker.
const rustleEvery = 900 * time.Millisecond

// rustle keeps the ledger from being idle as pulses do, but with bytes that are no record: followers read them, and refuse
// them without a signature to verify. The returned function ends it.
func (p *place) rustle(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(rustleEvery)
		defer ticker.Stop()
		for ctx.Err() == nil {
			// One that is lost is made up for by the next.
			_, _ = p.gov.Conn().Append(ctx, schemas.Subject(zoneName, schemas.KindGovernance, ""), []byte("no record"))
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (p *place) close() {
	p.gov.Close()
	p.zone.Close()
}
