package streams

import (
	"errors"
	"fmt"
	"net"
)

// dialer makes the connections. What is given up is gone: the kernel delivers
// nothing that it still holds of one when it is closed. Otherwise records that waited
// while a network was cut would come when it is mended, long after their sender was
// told that nobody knows what became of them, and behind newer ones.
//
// (*Conn).Close loses nothing by it: it waits until the broker has read everything.
type dialer struct{}

// Dial implements nats.CustomDialer.
func (dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: connectTimeout}).Dial(network, address)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("streams: connect: %s is no TCP network", network), conn.Close())
	}
	if err := tcp.SetLinger(0); err != nil {
		return nil, errors.Join(fmt.Errorf("streams: connect: %w", err), conn.Close())
	}
	return conn, nil
}
