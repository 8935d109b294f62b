package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// httpStopWithin is for requests under way when a server ends.
const httpStopWithin = 5 * time.Second

// serveHTTP serves, says that it is ready, and lets requests under way end when ctx
// does; those that last longer are cut off.
func serveHTTP(ctx context.Context, server *http.Server, listener net.Listener, ready func() error) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := ready(); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpStopWithin)
	defer cancel()
	err := server.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}
