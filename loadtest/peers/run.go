package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Config is one comparison. Every field is required but News.
type Config struct {
	Programs    []Program     // of the peers: see Programs and Skip
	Executable  string        // portcullis itself
	Policies    []int         // sizes of the task
	Outstanding []int         // questions, and actions, without an answer
	For         time.Duration // each figure, beside warming up
	Dir         string        // a folder to work in; what it gets is removed again
	News        func(string)  // told of each step; nil: nobody is
}

const (
	syncRelaxed = "relaxed"
	syncAlways  = "always"

	mostOutstanding = 4096
	leastFor        = 200 * time.Millisecond
)

// Check says what cannot be run.
func (c *Config) Check() error {
	if len(c.Programs) == 0 || c.Executable == "" || c.Dir == "" || len(c.Policies) == 0 || len(c.Outstanding) == 0 {
		return errors.New("peers: say the programs, the executable, a folder, the sizes and how many are outstanding")
	}
	for _, n := range c.Policies {
		if n < 1 || n > MostRules {
			return fmt.Errorf("peers: %d policies; give 1 to %d", n, MostRules)
		}
	}
	for _, n := range c.Outstanding {
		if n < 1 || n > mostOutstanding {
			return fmt.Errorf("peers: %d outstanding; give 1 to %d", n, mostOutstanding)
		}
	}
	if c.For < leastFor || c.For > time.Hour {
		return fmt.Errorf("peers: %v for each figure; give %v to 1h", c.For, leastFor)
	}
	return nil
}

// Run measures everybody in turn. An error means that there is no result: a figure of an engine that gave a wrong answer, or of
// a flow whose audit found something, would be none.
func Run(ctx context.Context, c Config) (*Result, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.News == nil {
		c.News = func(string) {}
	}
	r := &Result{Format: Format, Begun: time.Now().UTC(), Machine: engine.Here(), For: c.For, Programs: slices.Clone(c.Programs)}
	r.commands()
	for _, n := range c.Policies {
		if err := c.decisions(ctx, r, n); err != nil {
			return nil, err
		}
	}
	for _, sync := range []string{syncRelaxed, syncAlways} {
		if err := c.flows(ctx, r, sync); err != nil {
			return nil, err
		}
	}
	r.Took = time.Since(r.Begun)
	return r, nil
}

// commands says how each program is started.
func (r *Result) commands() {
	for i, p := range r.Programs {
		if p.Skipped == "" {
			r.Programs[i].Command = p.Name + " " + map[string]string{OPA: opaFlags, Cerbos: cerbosFlags}[p.Name]
		}
	}
	r.Programs = append(r.Programs, Program{Name: DirectCall, Command: "portcullis " + directFlags})
}

// starter starts one server with the task.
type starter func(ctx context.Context, program, dir string, t *Task, outstanding int) (*server, error)

// spelling is a way to tell a peer the task.
type spelling struct {
	engine string // as a result names it
	start  starter
}

// spellings are the ways to tell each peer.
var spellings = map[string][]spelling{
	OPA:    {{OPA, startOPA}},
	Cerbos: {{Cerbos, startCerbos}, {CerbosScopes, startCerbosScopes}},
}

// decisions measures all engines on one task.
func (c *Config) decisions(ctx context.Context, r *Result, policies int) error {
	t, err := NewTask(policies)
	if err != nil {
		return err
	}
	r.Tasks = append(r.Tasks, TaskFacts{Policies: policies, Questions: len(t.Questions), Allowed: t.Allowed()})
	asked := []string{}
	for _, p := range c.Programs {
		if p.Skipped != "" {
			continue
		}
		for _, s := range spellings[p.Name] {
			if err := c.serve(ctx, r, t, s.engine, s.start, p.Path); err != nil {
				return fmt.Errorf("peers: %s, %d policies: %w", s.engine, policies, err)
			}
			asked = append(asked, s.engine)
		}
	}
	if err := c.serve(ctx, r, t, DirectCall, startDirect, c.Executable); err != nil {
		return fmt.Errorf("peers: %s, %d policies: %w", DirectCall, policies, err)
	}
	signed, err := c.govern(ctx, r, t)
	if err != nil {
		return err
	}
	asked = append(asked, DirectCall, "governed")
	r.Expected = append(r.Expected,
		result.Check{
			What:  fmt.Sprintf("%d policies: every engine gives the same verdict on every question, allow and deny, and gave it under load", policies),
			Found: fmt.Sprintf("%d questions, %.0f %% allowed: %s", len(t.Questions), 100*t.Allowed(), strings.Join(asked, "; ")), Holds: true,
		},
		result.Check{
			What:  fmt.Sprintf("%d policies: decisions that were counted are signed by the enforcer and stored", policies),
			Found: fmt.Sprintf("%d records sampled and verified", signed), Holds: signed > 0,
		})
	return nil
}

// inside gives a part of the run a folder, and clears up behind it.
func (c *Config) inside(do func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(c.Dir, "peers-")
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return do(dir)
}

// serve measures one server at every number outstanding.
func (c *Config) serve(ctx context.Context, r *Result, t *Task, who string, start starter, program string) error {
	return c.inside(func(dir string) error {
		s, err := start(ctx, program, dir, t, slices.Max(c.Outstanding))
		if err != nil {
			return err
		}
		defer s.close()
		for _, outstanding := range c.Outstanding {
			c.News(fmt.Sprintf("%s, %d policies, %d outstanding", who, len(t.Rules), outstanding))
			m, err := s.measure(ctx, outstanding, c.For)
			if err != nil {
				return err
			}
			r.Decisions = append(r.Decisions, m.line(who, len(t.Rules), outstanding))
		}
		return nil
	})
}

// govern measures governed decisions, with both kinds of sync and both kinds of lists.
func (c *Config) govern(ctx context.Context, r *Result, t *Task) (signed int, err error) {
	for _, sync := range []string{syncRelaxed, syncAlways} {
		for _, maxList := range []int{1, 0} {
			for _, outstanding := range c.Outstanding {
				if outstanding == 1 && maxList != 1 {
					continue // a list of one
				}
				n, err := c.governOne(ctx, r, t, sync, maxList, outstanding)
				if err != nil {
					return 0, fmt.Errorf("peers: governed, %d policies, sync %s: %w", len(t.Rules), sync, err)
				}
				signed += n
			}
		}
	}
	return signed, nil
}

func (c *Config) governOne(ctx context.Context, r *Result, t *Task, sync string, maxList, outstanding int) (signed int, err error) {
	who := Singles
	if maxList != 1 {
		who = Lists
	}
	c.News(fmt.Sprintf("%s, sync %s, %d policies, %d outstanding", who, sync, len(t.Rules), outstanding))
	err = c.inside(func(dir string) error {
		court, err := openCourt(ctx, dir, t, sync == syncRelaxed, outstanding, maxList)
		if err != nil {
			return err
		}
		defer court.shut()
		m, err := court.measure(ctx, outstanding, c.For)
		if err != nil {
			return err
		}
		line := m.line(who, len(t.Rules), outstanding)
		line.Sync = sync
		r.Decisions = append(r.Decisions, line)
		signed, err = court.watched.verify()
		return err
	})
	return signed, err
}

// flows measures the flow of four records, bare and governed.
func (c *Config) flows(ctx context.Context, r *Result, sync string) error {
	for _, outstanding := range c.Outstanding {
		for _, lists := range []bool{false, true} {
			if lists && outstanding == 1 {
				continue // a list of one
			}
			for _, measure := range []func(context.Context, string, string, int, bool, time.Duration) (Flow, error){bare, governedFlow} {
				c.News(fmt.Sprintf("the flow of four records, sync %s, %d outstanding", sync, outstanding))
				err := c.inside(func(dir string) error {
					line, err := measure(ctx, dir, sync, outstanding, lists, c.For)
					r.Flows = append(r.Flows, line)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
	}
	r.Expected = append(r.Expected, result.Check{
		What: "sync " + sync + ": the audit of every governed flow found nothing", Found: "nothing", Holds: true,
	})
	return nil
}
