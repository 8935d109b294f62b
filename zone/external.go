package zone

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
)

// Listen says where a broker that somebody else runs is to listen and to keep
// its store. Zero fields mean this machine, the fabric's port, and the fabric's
// own folder.
type Listen struct {
	Host     string
	Port     int
	StoreDir string
}

// BrokerConfig is the configuration for a nats-server that an operator runs
// himself. It lets in whoever has a folder in the fabric now; print it again
// when somebody is enrolled.
func BrokerConfig(f *fabric.Fabric, at Listen) (string, error) {
	participants, err := Participants(f)
	if err != nil {
		return "", err
	}
	release, err := f.Release()
	if err != nil {
		return "", err
	}
	operator, err := f.Operator()
	if err != nil {
		return "", err
	}
	if at.Port == 0 {
		at.Port = f.NATS.Port
	}
	if at.StoreDir == "" {
		at.StoreDir = f.ServerDir()
	}
	return streams.Config(streams.ConfigParams{
		Host: at.Host, Port: at.Port, StoreDir: at.StoreDir, Durability: durabilityOf(release.Proto.GetDurability()),
		Admins: []string{operator.NKeyPublic}, Participants: participants,
	})
}

// FoundAt makes the fabric's streams on a broker that runs BrokerConfig, or
// verifies them, and brings its ledger up to date. It is safe to repeat.
func FoundAt(ctx context.Context, f *fabric.Fabric, url string, log *slog.Logger) error {
	operator, err := f.Operator()
	if err != nil {
		return err
	}
	conn, err := streams.Connect(ctx, streams.ConnConfig{URL: url, Seed: operator.NKeySeed, Name: "operator", Logger: log})
	if err != nil {
		return fmt.Errorf("zone: connecting the operator: %w", err)
	}
	defer conn.Close()
	if err := conn.Ensure(ctx, streams.ZoneConfig{Zone: f.Zone}); err != nil {
		return err
	}
	return Found(ctx, f, Broker{URL: url}, log)
}
