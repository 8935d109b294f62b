package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/demo"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/story"
)

// demo is the surface that shows the story of `portcullis demo`.
func (p *consoleParts) demo() []surface.Route {
	d := demo.New(demo.Config{Tell: tellDemo, Within: story.Limit + demoEndsWithin})
	p.closers = append(p.closers, d.Close)
	return d.Routes()
}

const (
	demoEndsWithin = time.Minute // for its parts to stop, one after the other
	demoLine       = 1 << 20     // most bytes of one line of it
	demoErrors     = 16 << 10    // how much is kept of what it says when it fails
)

// tellDemo tells the story in a process of its own, which has a zone of its own on a
// temporary folder: no data folder is named. Its standard input is a pipe that ends with
// this process, however this process ends; it then stops its parts and removes its
// folder.
func tellDemo(ctx context.Context, hear func(demo.Event) error) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this executable: %w", err)
	}
	child := exec.CommandContext(ctx, executable, "--json", "demo", "--records", "--while-input") //nolint:gosec // this very program
	input, err := child.StdinPipe()
	if err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	defer func() { _ = input.Close() }()
	child.Cancel, child.WaitDelay = input.Close, demoEndsWithin
	errs := &lastBytes{most: demoErrors}
	child.Stderr = errs
	out, err := child.StdoutPipe()
	if err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	heard := hearDemo(out, hear)
	if heard != nil {
		_ = input.Close()
		_, _ = io.Copy(io.Discard, out) // so that it can end
	}
	if err := child.Wait(); err != nil && heard == nil {
		return demoFailure(err, errs.text)
	}
	return heard
}

// hearDemo hands on what the story tells until it ends.
func hearDemo(out io.Reader, hear func(demo.Event) error) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, demoLine)
	for lines.Scan() {
		e, err := demoEvent(lines.Bytes())
		if err == nil && e.Data != nil {
			err = hear(e)
		}
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("listening to the demo: %w", err)
	}
	return nil
}

// demoEvent reads one line of `portcullis demo --records`. What is told of a record is
// kept apart from its bytes; the line after the last step tells a page nothing.
func demoEvent(line []byte) (e demo.Event, err error) {
	var told struct {
		Event string            `json:"event"`
		Lines []json.RawMessage `json:"lines"`
		Raw   story.Raw         `json:"raw"`
		story.Heading
	}
	if err := json.Unmarshal(line, &told); err != nil {
		return e, fmt.Errorf("listening to the demo: %w", err)
	}
	switch told.Event {
	case "told":
		return e, nil
	case "outline", "begins":
		e.Data = bytes.Clone(line)
	case "record":
		e.Record = &demo.Record{Seq: told.Raw.Seq, Time: told.Raw.Time, Subject: told.Raw.Subject, Envelope: told.Raw.Data, Lines: told.Lines}
		e.Data, err = json.Marshal(object{"event": "record", "step": told.Number, "lines": told.Lines})
	default:
		var step story.Step
		if err := json.Unmarshal(line, &step); err != nil {
			return e, fmt.Errorf("listening to the demo: %w", err)
		}
		e.Data, err = json.Marshal(struct {
			Event string `json:"event"`
			story.Step
		}{"over", step})
	}
	return e, err
}

// demoFailure is what the child said last, which is why it failed.
func demoFailure(err error, said []byte) error {
	var failed struct {
		Error struct {
			What string `json:"what"`
		} `json:"error"`
	}
	all := strings.Split(strings.TrimSpace(string(said)), "\n")
	if json.Unmarshal([]byte(all[len(all)-1]), &failed) == nil && failed.Error.What != "" {
		return errors.New(failed.Error.What)
	}
	return fmt.Errorf("the demo's process: %w", err)
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	text []byte
	most int
}

func (l *lastBytes) Write(b []byte) (int, error) {
	l.text = append(l.text, b...)
	l.text = l.text[max(0, len(l.text)-l.most):]
	return len(b), nil
}
