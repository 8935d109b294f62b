package zone

import (
	"log/slog"
	"net"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/door"
)

// OpenDoor opens a door before a broker, for everybody who may connect to it.
// Dial makes a client connection of that broker, which must be reachable in no
// other way.
func OpenDoor(f *fabric.Fabric, address string, dial func() (net.Conn, error), limits door.Limits, log *slog.Logger) (*door.Door, error) {
	guests, err := Guests(f)
	if err != nil {
		return nil, err
	}
	return door.Open(door.Config{Address: address, Dial: dial, Guests: guests, Limits: limits, Logger: log})
}

// Guests lists who may come in by a door. Agents are the ones who are limited.
func Guests(f *fabric.Fabric) ([]door.Guest, error) {
	participants, err := Participants(f)
	if err != nil {
		return nil, err
	}
	guests := make([]door.Guest, len(participants))
	for i, p := range participants {
		guests[i] = door.Guest{Name: p.Name, Key: p.Key, Trusted: p.Role != pb.Role_ROLE_AGENT}
	}
	return guests, nil
}
