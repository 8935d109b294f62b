package main

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
)

// haltLocal pulls the brake of this machine's executors.
func (g *globals) haltLocal(flags haltFlags) error {
	if flags.reason == "" {
		return usage(errors.New("say why with --reason"))
	}
	dir, err := g.dir()
	if err != nil {
		return err
	}
	brake, err := fabric.OpenBrake(dir)
	if err != nil {
		return err
	}
	if err := brake.Engage(flags.reason, time.Now()); err != nil {
		return &failure{exitLocalState, err}
	}
	says := brake.Engaged()
	return g.say(map[string]any{"event": "braked", "brake": brake.Path(), "says": says},
		"%s\nexecutors on this machine that run with %s stop now; others do not\n", says, dir)
}

// brakeOnSignal pulls the brake whenever the process gets the signal, until stop
// is called. A brake that cannot be written holds for this process.
func brakeOnSignal(brake *fabric.Brake, log *slog.Logger) (stop func()) {
	signals := make(chan os.Signal, 1)
	quit, done := make(chan struct{}), make(chan struct{})
	unnotify := notifyBrake(signals)
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-signals:
				pull(brake, log)
			}
		}
	}()
	return func() {
		unnotify()
		close(quit)
		<-done
	}
}

func pull(brake *fabric.Brake, log *slog.Logger) {
	const why = "signal SIGUSR1"
	if err := brake.Engage(why, time.Now()); err != nil && brake.Engaged() == "" {
		brake.Latch(why)
		log.Error("the brake could not be written; it holds for this process until it ends", "err", err)
	}
	log.Warn("the brake is on", "why", brake.Engaged())
}
