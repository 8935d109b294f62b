package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/door"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// StartServer starts the embedded broker of a fabric with the durability that
// its release demands. Port 0 means the fabric's own; -1 any free one. MaxBytes
// bounds the ledger; 0 means the default of package streams. Limits are those of
// each agent that connects over the network; zero means door.DefaultLimits.
func StartServer(f *fabric.Fabric, port int, maxBytes int64, limits door.Limits, log *slog.Logger) (*streams.Server, error) {
	if !f.NATS.Embedded() {
		return nil, fmt.Errorf("%w: %s", ErrOwnServers, f.NATS.URL)
	}
	participants, err := Participants(f)
	if err != nil {
		return nil, err
	}
	release, err := f.Release()
	if err != nil {
		return nil, err
	}
	if port == 0 {
		port = f.NATS.Port
	}
	server, err := streams.StartServer(streams.ServerConfig{
		StoreDir: f.ServerDir(), Port: port, Durability: durabilityOf(release.Proto.GetDurability()),
		Zones: []streams.ZoneConfig{{Zone: f.Zone, MaxBytes: maxBytes}}, Participants: participants, Limits: limits, Logger: log,
	})
	if err != nil {
		return nil, explainPort(err, port)
	}
	return server, nil
}

// ErrOwnServers reports a fabric whose ledger stands on servers that an operator
// runs: an embedded one would begin another.
var ErrOwnServers = errors.New("zone: the ledger of this data folder stands on servers of your own; run each with: portcullis broker run")

// explainPort finds out whether a server could not start because its port is
// taken: the server itself says so only in words.
func explainPort(err error, port int) error {
	if port < 1 || errors.Is(err, streams.ErrStoreInUse) {
		return err
	}
	probe, taken := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // returns at once
	if taken != nil {
		return fmt.Errorf("zone: port %d cannot be listened on: %w; stop what uses it, or choose another with --port", port, taken)
	}
	return errors.Join(err, probe.Close())
}

func durabilityOf(d pb.Durability) streams.Durability {
	if d == pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS {
		return streams.RelaxedSyncMayLoseRecords
	}
	return streams.SyncAlways
}

// Participants lists who may connect to the broker.
func Participants(f *fabric.Fabric) ([]streams.Participant, error) {
	members, err := f.Participants()
	if err != nil {
		return nil, err
	}
	all := make([]streams.Participant, len(members))
	for i, m := range members {
		all[i] = streams.Participant{Zone: f.Zone, Name: m.Name, Role: m.Role, Key: m.NKeyPublic, Tools: m.Tools}
	}
	return all, nil
}

// ErrForeignLedger reports a broker whose ledger is not this fabric's.
var ErrForeignLedger = errors.New("zone: the broker holds another ledger")

// Found brings the ledger up to date with the fabric's records: genesis and
// every release that it lacks are appended, in order. It is safe to repeat: a
// record that stands on the ledger is not appended again.
func Found(ctx context.Context, f *fabric.Fabric, b Broker, log *slog.Logger) error {
	conn, err := b.connectAnyGovernor(ctx, f, fmt.Errorf("zone: no governor's key is in %s; found the ledger where one is", f.Dir), log)
	if err != nil {
		return err
	}
	defer conn.Close()
	return Append(ctx, f, conn)
}

// Append appends the fabric's records that the ledger lacks, in their order.
func Append(ctx context.Context, f *fabric.Fabric, conn *streams.Conn) error {
	standing, first, err := governanceOf(ctx, f.Zone, conn)
	if err != nil {
		return err
	}
	if !first.IsZero() && first != f.Ledger {
		return fmt.Errorf("%w: it begins with genesis %s, the fabric in %s with %s; use the data folder that made it, or another server",
			ErrForeignLedger, first.Short(), f.Dir, f.Ledger.Short())
	}
	records, err := f.Founding()
	if err != nil {
		return err
	}
	subject := schemas.Subject(f.Zone, schemas.KindGovernance, "")
	for _, data := range records {
		env, err := trust.ParseEnvelope(data)
		if err != nil {
			return err
		}
		if standing[trust.DigestOf(env.Payload)] {
			continue
		}
		if _, err := conn.Append(ctx, subject, data); err != nil {
			return fmt.Errorf("zone: appending a governance record: %w", err)
		}
	}
	return nil
}

// governanceOf reads which governance payloads stand on the ledger, and the
// digest of the first genesis among them.
func governanceOf(ctx context.Context, zone string, conn *streams.Conn) (standing map[trust.Digest]bool, first trust.Digest, err error) {
	records, err := feed.Rest(ctx, conn, zone, 0)
	if err != nil {
		return nil, trust.Digest{}, err
	}
	standing = make(map[trust.Digest]bool)
	for _, raw := range records {
		env, err := trust.ParseEnvelope(raw.Data)
		if err != nil || env.PayloadType != schemas.KindGovernance.PayloadType() {
			continue
		}
		standing[trust.DigestOf(env.Payload)] = true
		record := new(pb.Governance)
		if first.IsZero() && schemas.Decode(env.Payload, schemas.MaxPayload, record) == nil && record.GetGenesis() != nil {
			first = trust.DigestOf(env.Payload)
		}
	}
	return standing, first, nil
}
