//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestFaultLost cuts the executor off from the ledger when its claim was sent,
// in several ways, and for longer than the start bound. It must never act on that
// claim, whenever it learns that the claim is valid.
func TestFaultLost(t *testing.T) {
	t.Parallel()
	z := newLostZone(t)
	for _, test := range []struct {
		name   string
		stored bool   // the claim reaches the broker before the executor is cut off
		lose   func() // until the executor may hear again
		want   pb.Status
	}{
		{"deaf for a while", true, func() {
			z.outlastBound()
			z.link.hear()
		}, pb.Status_STATUS_ABANDONED},
		{"deaf, then a new connection", true, func() {
			z.outlastBound()
			z.link.cut()
		}, pb.Status_STATUS_ABANDONED},
		{"the server is frozen", false, func() {
			must(t, z.parts["server"].Pause())
			z.link.hear()
			z.outlastBound()
			must(t, z.parts["server"].Resume())
		}, pb.Status_STATUS_ABANDONED},
		{"the executor is killed", true, func() {
			z.parts["executor"].Kill()
			z.link.cut()
			z.startExecutor()
		}, pb.Status_STATUS_INDETERMINATE},
	} {
		t.Run(test.name, func(t *testing.T) {
			z.reach()
			deaf := z.link.deafAt(schemas.Subject(z.fabric.Zone, schemas.KindClaim, "file-write"), test.stored)
			answer := z.propose(test.name)
			<-deaf
			test.lose()
			var not *agent.NotExecuted
			if err := <-answer; !errors.As(err, &not) || not.Status != test.want {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if n := z.written()[test.name]; n != 0 {
				t.Errorf("acted %d times on a claim that it could not read in time", n)
			}
		})
	}
	z.check()
	z.checkStarts()
}

// lostZone is a kill loop's zone whose executor reaches the broker through a link.
type lostZone struct {
	*killLoop
	link    *link
	bound   time.Duration
	session *agent.Session
	reached int
}

func newLostZone(t *testing.T) *lostZone {
	l := newKillLoop(t)
	release, err := l.fabric.Release()
	must(t, err)
	z := &lostZone{killLoop: l, link: newLink(t, "127.0.0.1:"+l.port), bound: release.Bounds.Start}
	for worker := range killLoopWorkers {
		must(t, os.WriteFile(filepath.Join(l.fabric.FilesDir(), z.file(worker)), nil, 0o600))
	}
	z.startParts("server", "recorder", "sentinel", "enforcer")
	z.startExecutor()
	z.connect()
	z.session, err = z.scout.NewSession()
	must(t, err)
	return z
}

const lostTimeout = 30 * time.Second // of each intent; generous, for slow machines

func (*lostZone) file(worker int) string { return fmt.Sprintf("out/%d.txt", worker) }

func (z *lostZone) startExecutor() {
	direct := z.broker
	defer func() { z.broker = direct }()
	z.broker.URL = z.link.url()
	z.start("executor")
}

// outlastBound waits until no action may start any more on a claim that was
// sent before.
func (z *lostZone) outlastBound() { time.Sleep(z.bound) }

// propose proposes to append a line; what became of it comes through the channel.
func (z *lostZone) propose(line string) <-chan error {
	answer := make(chan error, 1)
	arguments, err := json.Marshal(map[string]string{"path": z.file(0), "content": line + "\n", "mode": "append"})
	must(z.t, err)
	go func() {
		out, err := z.session.Propose(z.t.Context(), agent.Request{
			Tool: "file-write", Resource: z.file(0), Arguments: arguments, Timeout: lostTimeout,
		})
		if err == nil {
			z.done(line, out)
		}
		answer <- err
	}()
	return answer
}

// reach proposes until something is executed: nothing is wrong with the link
// when it hears (L1).
func (z *lostZone) reach() {
	z.t.Helper()
	for deadline := time.Now().Add(killLoopPatience); ; {
		z.reached++
		err := <-z.propose(fmt.Sprintf("reached %d", z.reached))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			z.t.Fatalf("nothing is executed through a link that hears: %v", err)
		}
	}
}
