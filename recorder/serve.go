package recorder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/portcullis-dev/portcullis/recorder/tiles"
)

// Limits of what a reader may take: the largest answer has a few kilobytes, or
// for a bundle a few dozen.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
	closeTimeout  = 2 * time.Second
)

// Serve serves the tree in a recorder's folder (see tiles.Handler) until ctx
// ends. It closes the listener, and returns ctx's error or why it ended sooner.
func Serve(ctx context.Context, listener net.Listener, dir string) error {
	server := &http.Server{
		Handler: tiles.Handler(tiles.TreeDir(dir)), BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("recorder: serving the tree at %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return errors.Join(ctx.Err(), server.Close())
	}
	return ctx.Err()
}
