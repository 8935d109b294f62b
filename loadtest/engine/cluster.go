package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// cluster says where the servers of a replicated ledger listen, on this machine.
type cluster struct {
	urls   []string // for clients
	routes []string // for each other, host:port
}

// newCluster takes free ports. Somebody else may take one before a server does: then that server says so.
func newCluster(servers int) (cluster, error) {
	var c cluster
	for range servers {
		client, err := freePort()
		if err != nil {
			return cluster{}, err
		}
		route, err := freePort()
		if err != nil {
			return cluster{}, err
		}
		c.urls = append(c.urls, "nats://"+client)
		c.routes = append(c.routes, route)
	}
	return c, nil
}

func freePort() (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // returns at once
	if err != nil {
		return "", fmt.Errorf("loadtest: a free port: %w", err)
	}
	address = l.Addr().String()
	return address, l.Close()
}

// nats is where the fabric says that its broker is; nothing for the embedded one.
func (c cluster) nats() fabric.NATS {
	if len(c.urls) == 0 {
		return fabric.NATS{}
	}
	return fabric.NATS{URL: strings.Join(c.urls, ","), Replicas: len(c.urls)}
}

// text is the configuration of one server, from 1.
func (c cluster) text(f *fabric.Fabric, number int) (string, error) {
	return zone.BrokerConfig(f, zone.Listen{Number: number, Routes: c.routes, StoreDir: filepath.Join(f.Dir, "server-"+strconv.Itoa(number))})
}

// files writes the configurations of all servers, for processes to read.
func (c cluster) files(f *fabric.Fabric) (paths []string, err error) {
	for i := range c.urls {
		text, err := c.text(f, i+1)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(f.Dir, "server-"+strconv.Itoa(i+1)+".conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("loadtest: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// servers are those of a cluster that run in this process.
type servers struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  chan error // capacity: one for each
}

// run starts the servers, and waits until each takes connections.
func (c cluster) run(ctx context.Context, f *fabric.Fabric, log *slog.Logger) (*servers, error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &servers{cancel: cancel, failed: make(chan error, len(c.urls))}
	ready := make(chan struct{}, len(c.urls))
	for i := range c.urls {
		cfg := streams.RunConfig{
			Logger: log, Limits: Wide(), Text: func() (string, error) { return c.text(f, i+1) },
			Ready: func(string, string) error { ready <- struct{}{}; return nil },
		}
		s.running.Go(func() {
			if err := streams.RunServer(running, cfg); err != nil {
				s.failed <- fmt.Errorf("server %d: %w", i+1, err)
			}
		})
	}
	for range c.urls {
		select {
		case <-ready:
		case err := <-s.failed:
			s.close()
			return nil, err
		case <-ctx.Done():
			s.close()
			return nil, errors.Join(errors.New("loadtest: the servers were not ready in time"), context.Cause(ctx))
		}
	}
	return s, nil
}

func (s *servers) close() {
	s.cancel()
	s.running.Wait()
}
