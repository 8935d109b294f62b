package streams

import (
	"fmt"
	"net/http"
)

// StoreFault says why the server's store takes nothing any more; nil while it
// does. At the first write or sync that fails (a full or read-only disk, an I/O
// error) the server acknowledges nothing more on that stream, and tells its
// clients nothing either. Only a new start mends that, so whoever runs the server
// should end it.
func (s *Server) StoreFault() error {
	health := s.ns.Healthz(nil)
	if health.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("streams: store %s failed: %s; mend the disk, then start the server again", s.cfg.StoreDir, health.Error)
}
