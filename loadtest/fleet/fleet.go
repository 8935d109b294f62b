package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Config is one run.
type Config struct {
	Sizes         []int         // numbers of followers, ascending
	Beaters       int           // participants that beat, at most; 0: as many as followers
	PerConnection int           // followers on one connection; 0 means 1
	Halts         int           // halts at each size; 0 means 20
	Beat          time.Duration // how long everybody beats; 0 means 3 s
	Quiet         bool          // no pulses while halts are measured, but records that cost a follower less
	Dir           string        // an empty folder, or one to be made; what it gets is removed again
	Logger        *slog.Logger  // nil: nothing is logged
	News          io.Writer     // told of each step; nil: nobody is
	Machine       result.Machine

	// Profiles is a folder for one heap profile of each size, while all followers follow; "" for none.
	Profiles string
}

const (
	defaultHalts = 20
	defaultBeat  = 3 * time.Second
	mostOfAll    = 20000
)

// Check says what cannot be run.
func (c *Config) Check() error {
	if len(c.Sizes) == 0 || c.Dir == "" {
		return errors.New("fleet: say the sizes, and a folder to work in")
	}
	for i, n := range c.Sizes {
		if n < 1 || n > mostOfAll || i > 0 && n <= c.Sizes[i-1] {
			return fmt.Errorf("fleet: size %d; give ascending numbers from 1 to %d", n, mostOfAll)
		}
	}
	if c.Beaters < 0 || c.PerConnection < 0 || c.Halts < 0 || c.Halts > mostHalts || c.Beat < 0 {
		return fmt.Errorf("fleet: nothing can be less than nothing, nor halts more than %d", mostHalts)
	}
	return nil
}

// withDefaults is the config with every zero value that stands for another replaced.
func (c Config) withDefaults() Config {
	if c.Halts == 0 {
		c.Halts = defaultHalts
	}
	if c.Beat == 0 {
		c.Beat = defaultBeat
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.News == nil {
		c.News = io.Discard
	}
	c.PerConnection = max(c.PerConnection, 1)
	return c
}

// Run measures each size in turn, each with a zone of its own, and says what must hold of them. An error means that there
// is no result.
func Run(ctx context.Context, cfg Config) (_ *Result, err error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	r := &Result{Format: Format, Begun: time.Now(), Machine: cfg.Machine, Params: cfg.params()}
	for _, n := range cfg.Sizes {
		size, err := cfg.measure(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("fleet: %d followers: %w", n, err)
		}
		r.Sizes = append(r.Sizes, *size)
		r.Expected = append(r.Expected, size.checks()...)
	}
	return r, nil
}

func (c *Config) params() []result.Param {
	sizes := make([]string, len(c.Sizes))
	for i, n := range c.Sizes {
		sizes[i] = strconv.Itoa(n)
	}
	beaters := "as many as followers"
	if c.Beaters > 0 {
		beaters = "at most " + strconv.Itoa(c.Beaters)
	}
	return []result.Param{
		{Name: "sizes", Value: strings.Join(sizes, ",")},
		{Name: "beaters", Value: beaters},
		{Name: "per-connection", Value: strconv.Itoa(c.PerConnection)},
		{Name: "halts", Value: strconv.Itoa(c.Halts)},
		{Name: "beat", Value: c.Beat.String()},
		{Name: "quiet", Value: strconv.FormatBool(c.Quiet)},
	}
}

// measure measures one size: followers first, then, in another zone, beaters.
func (c *Config) measure(ctx context.Context, n int) (*Size, error) {
	beaters := n
	if c.Beaters > 0 {
		beaters = min(n, c.Beaters)
	}
	// Both ends of a connection are in this process, and a store has files too.
	if err := allowFiles(2*uint64(max(n/c.PerConnection, beaters)) + 1000); err != nil { //nolint:gosec // positive
		return nil, err
	}
	size := &Size{Followers: n}
	err := c.inside(n, "halts", func(dir string) error { return c.halts(ctx, dir, n, size) })
	if err != nil {
		return nil, err
	}
	err = c.inside(n, "beats", func(dir string) error { return c.beats(ctx, dir, beaters, &size.Beaters) })
	return size, err
}

// inside gives a part of the run a folder, and clears up behind it.
func (c *Config) inside(n int, what string, do func(dir string) error) error {
	dir := filepath.Join(c.Dir, fmt.Sprintf("%s-%d", what, n))
	err := do(dir)
	runtime.GC()
	return errors.Join(err, os.RemoveAll(dir))
}

// tell says what is being done.
func (c *Config) tell(format string, a ...any) { fmt.Fprintf(c.News, format+"\n", a...) }

// checks is what must hold of a size. None is about speed.
func (s *Size) checks() []result.Check {
	of := func(what string) string { return fmt.Sprintf("%d followers: %s", s.Followers, what) }
	h, b := &s.Halts, &s.Beaters
	return []result.Check{
		{
			What:  of("each of them folded every halt, and holds it in force"),
			Found: fmt.Sprintf("%d halts, each by %d followers at least", h.Count, h.Folded), Holds: h.Count > 0 && h.Folded == s.Followers,
		},
		{
			What:  of("of each beater a sentinel's fold takes heartbeats, and refuses none"),
			Found: fmt.Sprintf("of %d of %d beaters; %d refused", b.Heard, b.Count, b.Refused), Holds: b.Count > 0 && b.Heard == b.Count && b.Refused == 0,
		},
	}
}
