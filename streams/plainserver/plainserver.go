// Package plainserver runs a plain NATS server from a configuration text, as an
// operator would who does not use the embedded one. It is for tests.
package plainserver

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Start runs a server on the text until the test ends and returns its URL.
func Start(t testing.TB, config string) string {
	t.Helper()
	options := &server.Options{NoLog: true, NoSigs: true}
	if err := options.ProcessConfigString(config); err != nil {
		t.Fatalf("plainserver: the configuration is refused: %v", err)
	}
	ns, err := server.NewServer(options)
	if err != nil {
		t.Fatalf("plainserver: %v", err)
	}
	ns.Start()
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(20 * time.Second) {
		t.Fatal("plainserver: the server takes no connections")
	}
	return ns.ClientURL()
}
