package streams

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// StoreFault says why the server's store takes nothing any more; nil while it
// does. At the first write or sync that fails (a full or read-only disk, an I/O
// error) the server acknowledges nothing more on that stream, and tells its
// clients nothing either. Only a new start mends that, so whoever runs the server
// should end it.
func (s *Server) StoreFault() error {
	health := s.ns.Healthz(&server.HealthzOptions{Details: true})
	for _, e := range health.Errors {
		// On a busy machine a healthy server is often not "ready for connections"
		// within the millisecond that it gives itself. That says nothing of a store.
		if e.Type != server.HealthzErrorConn {
			return fmt.Errorf("streams: store %s failed: %s; mend the disk, then start the server again", s.cfg.StoreDir, e.Error)
		}
	}
	return nil
}
