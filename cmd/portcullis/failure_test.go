package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestExitOf: each error of the packages below has its exit code, however deep
// it is wrapped, and an unknown one is never taken for success.
func TestExitOf(t *testing.T) {
	tests := []struct {
		err  error
		exit int
	}{
		{nil, exitDone},
		{errors.New("anything"), exitError},
		{streams.ErrRefused, exitError},
		{agent.ErrNotSent, exitError},
		{usage(errors.New("typed wrongly")), exitUsage},
		{&agent.Refused{}, exitRefused},
		{&agent.NotExecuted{}, exitNotExecuted},
		{unreachable(errors.New("gone")), exitUnreachable},
		{orUnreachable(context.DeadlineExceeded), exitUnreachable},
		{orUnreachable(zone.ErrForeignLedger), exitLocalState},
		{&streams.AppendError{Class: streams.ErrUnreachable}, exitUnreachable},
		{&agent.Unanswered{}, exitUnanswered},
		{orUnreachable(&streams.AppendError{Class: streams.ErrUnknown, Cause: context.DeadlineExceeded}), exitUnanswered},
		{fabric.ErrNoFabric, exitLocalState},
		{fabric.ErrExposed, exitLocalState},
		{fabric.ErrRecords, exitLocalState},
		{fabric.ErrMark, exitLocalState},
		{fabric.ErrNoBrake, exitLocalState},
		{zone.ErrTools, exitLocalState},
		{streams.ErrStoreInUse, exitLocalState},
		{zone.ErrRuns, exitLocalState},
		{&evidence.BrokenError{Why: errors.New("cut off")}, exitFindings},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, exitLocalState},
	}
	for _, test := range tests {
		err := test.err
		if err != nil {
			err = fmt.Errorf("outer: %w", fmt.Errorf("inner: %w", err))
		}
		if got := exitOf(err); got != test.exit {
			t.Errorf("%v: exit %d, and %d is wanted", err, got, test.exit)
		}
	}
}

// TestExitCodes: the table is its own index, and every failure has a mend.
func TestExitCodes(t *testing.T) {
	var names []string
	for i, c := range exitCodes {
		if c.code != i || c.name == "" || c.meaning == "" || (c.mend == "") != (i == exitDone) || slices.Contains(names, c.name) {
			t.Errorf("row %d: %+v", i, c)
		}
		names = append(names, c.name)
	}
	out, _, exit := cli(t, "help", "exit-codes")
	for _, name := range names {
		if !strings.Contains(out, name) || exit != exitDone {
			t.Errorf("help does not tell %s", name)
		}
	}
}

func TestReport(t *testing.T) {
	tests := map[string]struct {
		err        error
		what, mend string
	}{
		"mend in the error":  {errors.New("a: b; do c"), "a: b", "do c"},
		"a command to type":  {errors.New("a; make one with: portcullis init"), "a", "make one with: portcullis init"},
		"a mode to change":   {errors.New("a; run: chmod 600 x"), "a", "run: chmod 600 x"},
		"a cause at the end": {errors.New("a; b: c"), "a; b: c", exitCodes[exitError].mend},
		"no mend":            {errors.New("a"), "a", exitCodes[exitError].mend},
		"several":            {errors.New("a; b\nc; d"), "a; b\nc; d", exitCodes[exitError].mend},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var text, object strings.Builder
			exit := (&globals{stderr: &text, started: true}).report(test.err)
			if want := "portcullis: " + test.what + "\n  mend: " + test.mend + "\n"; text.String() != want || exit != exitError {
				t.Errorf("%q, and %q is wanted", text.String(), want)
			}
			(&globals{stderr: &object, started: true, json: true}).report(test.err)
			var got struct {
				Error struct {
					Code, What, Mend string
					Exit             int
				}
			}
			if err := json.Unmarshal([]byte(object.String()), &got); err != nil || got.Error.What != test.what || got.Error.Mend != test.mend || got.Error.Code != "error" || got.Error.Exit != exitError {
				t.Errorf("%v: %s", err, object.String())
			}
		})
	}
	var nothing strings.Builder
	if exit := (&globals{stderr: &nothing}).report(silent(exitRefused)); exit != exitRefused || nothing.Len() > 0 {
		t.Errorf("exit %d: %q", exit, nothing.String())
	}
}
