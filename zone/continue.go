package zone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/door"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// ReadSealed reads how a fabric's ledger ended. What it returns is not checked:
// see fabric.Sealed.
func ReadSealed(ctx context.Context, f *fabric.Fabric, conn *streams.Conn) (fabric.Sealed, error) {
	records, err := feed.Rest(ctx, conn, f.Zone, 0)
	if err != nil {
		return fabric.Sealed{}, err
	}
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: f.Zone, Keys: keys}, ledger.NewFold(f.Ledger, keys)
	var s fabric.Sealed
	for _, raw := range records {
		rec, err := fold.Step(parser.Parse(raw))
		if err != nil {
			continue // noise changes nothing
		}
		switch x := rec.Effect.Record.GetRecord().(type) {
		case *pb.Governance_Revoke:
			s.Revocations = append(s.Revocations, x.Revoke)
		case *pb.Governance_Seal:
			s.Seal = raw.Seq
		}
	}
	s.State = fold.Governance()
	names, unusable := GovernorsHere(f)
	if len(names) == 0 && unusable != nil {
		return fabric.Sealed{}, unusable
	}
	s.Signers = names
	s.Checkpoint, err = lastCheckpoint(ctx, f, conn, s)
	return s, err
}

// lastCheckpoint is the newest on the broker, unless that which `portcullis seal`
// kept does what is needed: cosignatures may be in one of the two alone.
func lastCheckpoint(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, s fabric.Sealed) ([]byte, error) {
	notes, err := readNotes(ctx, conn)
	if err != nil {
		return nil, err
	}
	kept, err := f.SealedCheckpoint()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.Checkpoint = kept
	if _, err := s.Check(); err == nil {
		return kept, nil
	}
	return newestOf(s.State, notes).signed.Note, nil
}

// ErrRuns reports a zone that still runs and must not: a ledger is continued when
// nobody serves the old one any more, because both have the same members.
var ErrRuns = errors.New("zone: the old zone still runs")

// SealedBroker is where a sealed ledger can be read: the broker that is named, or
// else one of this process's own on the folder's store. Stop must be called. A store
// that another process has open is ErrRuns.
func SealedBroker(f *fabric.Fabric, named Broker, log *slog.Logger) (b Broker, stop func(), err error) {
	if named != (Broker{}) {
		return named, func() {}, nil
	}
	server, err := StartServer(f, anyPort, 0, door.Limits{}, log)
	if errors.Is(err, streams.ErrStoreInUse) {
		return Broker{}, nil, fmt.Errorf("%w: its broker has %s open; make sure that it is sealed, stop what runs with %s, then continue it", ErrRuns, f.ServerDir(), f.Dir)
	}
	if err != nil {
		return Broker{}, nil, fmt.Errorf("zone: reading the sealed ledger: %w", err)
	}
	return Broker{Server: server, URL: server.URL()}, server.Shutdown, nil
}

// CheckQuiet refuses, with ErrRuns, as long as members of the zone are heard: a
// broker elsewhere may run on, and they must not.
func CheckQuiet(ctx context.Context, f *fabric.Fabric, conn *streams.Conn) error {
	o, err := Observe(ctx, ObserveConfig{Fabric: f, Conn: conn, Heartbeats: true})
	if err != nil {
		return err
	}
	defer o.Close()
	if err := o.Heard(ctx); err != nil {
		return err
	}
	var names []string
	for _, seen := range o.Beats() {
		names = append(names, seen.From.Name)
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("%w: heard are %s; stop every process of the old ledger but its broker, then continue it", ErrRuns, strings.Join(names, ", "))
}

// anyPort lets the embedded server choose.
const anyPort = -1
