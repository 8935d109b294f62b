package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/portcullis-dev/portcullis/streams/door"
)

// RunConfig is what a server needs that runs a configuration of Config's in a
// process of its own. Text is required.
type RunConfig struct {
	Text   func() (string, error) // reads the configuration: at the start, and at each reload
	Reload <-chan struct{}        // each value reads it anew and puts it in force; nil: never
	Logger *slog.Logger           // nil: nothing is logged
	Limits door.Limits            // of each agent; zero: door.DefaultLimits

	// Ready is called once clients can connect; its error ends the server.
	Ready func(name, url string) error
}

// storeLook is how often a running server's store is looked at.
const storeLook = 500 * time.Millisecond

// RunServer runs a server until ctx ends, and returns nil then. It refuses a
// configuration that does not enforce a table of rights, or whose store is in use,
// and ends when the server's store takes nothing any more: what runs on is no
// broker, and in a cluster the others do its work.
func RunServer(ctx context.Context, cfg RunConfig) error {
	opts, err := cfg.options()
	if err != nil {
		return err
	}
	s := &Server{cfg: ServerConfig{StoreDir: opts.StoreDir, Host: opts.Host, Port: opts.Port}, gate: gate{limits: cfg.Limits}, log: newServerLog(cfg.Logger)}
	if s.unlock, err = claimStore(opts.StoreDir); err != nil {
		return err
	}
	defer s.Shutdown()
	if err := s.boot(opts); err != nil {
		return err
	}
	if cfg.Ready != nil {
		if err := cfg.Ready(s.ns.Name(), s.URL()); err != nil {
			return err
		}
	}
	return s.serve(ctx, cfg)
}

func (s *Server) serve(ctx context.Context, cfg RunConfig) error {
	look := time.NewTicker(storeLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-cfg.Reload:
			if err := s.reread(cfg); err != nil {
				s.log.write(slog.LevelError, "the configuration stays as it was: %v", []any{err})
			}
		case <-look.C:
			if err := s.failed(); err != nil {
				return err
			}
		}
	}
}

// reread puts the configuration in force as it is now, twice: see Reload.
func (s *Server) reread(cfg RunConfig) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	for range 2 {
		opts, err := cfg.options()
		if err != nil {
			return err
		}
		if err := s.gate.reload(s.ns, opts); err != nil {
			return fmt.Errorf("streams: reload: %w", err)
		}
	}
	return nil
}

// options reads the configuration and refuses one that lets people in without the
// table of rights.
func (cfg RunConfig) options() (*server.Options, error) {
	if cfg.Text == nil {
		return nil, errors.New("streams: run server: Text is required")
	}
	text, err := cfg.Text()
	if err != nil {
		return nil, err
	}
	opts := &server.Options{}
	if err := opts.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("streams: run server: the configuration: %w", err)
	}
	named := func(name string) bool {
		return slices.ContainsFunc(opts.Accounts, func(a *server.Account) bool { return a.GetName() == name })
	}
	switch {
	case !named(fabricAccount) || opts.SystemAccount != systemAccount:
		err = fmt.Errorf("it has no account %s, or its system account is not %s; print one with: portcullis broker config", fabricAccount, systemAccount)
	case !opts.JetStream || opts.StoreDir == "":
		err = errors.New("it does not run JetStream with a store_dir; print one with: portcullis broker config")
	case opts.NoAuthUser != "" || opts.AllowNonTLS:
		err = errors.New("it lets in clients without a key, or without TLS beside TLS; print one with: portcullis broker config")
	case opts.Websocket.Port != 0 || opts.MQTT.Port != 0 || opts.LeafNode.Port != 0 || opts.Cluster.Port != 0 && !opts.Cluster.NoAdvertise:
		err = errors.New("it lets in clients elsewhere than by the door that limits agents, or sends them elsewhere; print one with: portcullis broker config")
	}
	if err != nil {
		return nil, fmt.Errorf("streams: run server: the configuration: %w", err)
	}
	opts.NoSigs = true
	return opts, nil
}

// failed says why the server stores nothing any more. In a cluster a server that
// is behind, or that lacks the others, is not one that failed.
func (s *Server) failed() error {
	if !s.ns.JetStreamEnabled() {
		return fmt.Errorf("streams: store %s failed: the server gave up JetStream, its log says why; mend the disk, then start the server again", s.cfg.StoreDir)
	}
	for _, fault := range s.ns.Healthz(&server.HealthzOptions{Details: true}).Errors {
		if strings.Contains(fault.Error, "write error") {
			return fmt.Errorf("streams: store %s failed: %s; mend the disk, then start the server again", s.cfg.StoreDir, fault.Error)
		}
	}
	return nil
}
