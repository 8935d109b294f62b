package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// load lets the agents act until stop is called.
func (z *boundZone) load() (stop func()) {
	working, cancel := context.WithCancel(z.t.Context())
	var work sync.WaitGroup
	for _, a := range z.agents {
		for worker := range boundWorkers {
			work.Go(func() { z.work(working, a, boundTools[worker%len(boundTools)]) })
		}
	}
	return func() {
		cancel()
		work.Wait()
	}
}

func (z *boundZone) work(ctx context.Context, a *agent.Agent, tool string) {
	arguments, err := json.Marshal(map[string]string{"url": z.outside.url()})
	if err != nil {
		z.t.Error(err)
		return
	}
	request := agent.Request{Tool: tool, Resource: z.outside.url(), Arguments: arguments, Timeout: boundTimeout}
	var session *agent.Session
	wait := boundWaits
	for ctx.Err() == nil {
		if session == nil {
			if session, err = a.NewSession(); err != nil {
				z.t.Error(err)
				return
			}
		}
		switch ask(ctx, session, request, wait) {
		case answerDone:
			wait = boundWaits
		case answerNone:
			wait = min(2*wait, boundTimeout) // where that is for want of speed, more haste would only add to it
		case answerGap:
			session = nil
		}
	}
}

// answer is what an agent of the load makes of a proposal.
type answer int

const (
	answerNone answer = iota // nothing was started, or nobody said so in time
	answerDone               // it came to its end, or was refused
	answerGap                // the session may lack it and cannot go on
)

func ask(ctx context.Context, s *agent.Session, request agent.Request, wait time.Duration) answer {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	_, err := s.Propose(waiting, request)
	var not *agent.NotExecuted
	switch {
	case err == nil:
		return answerDone
	case errors.As(err, &not) && not.Status != pb.Status_STATUS_ABANDONED:
		return answerDone
	case errors.Is(err, agent.ErrRefused):
		time.Sleep(deniedPause) // a halted agent need not fill the ledger
		return answerDone
	case not != nil, errors.Is(err, context.DeadlineExceeded):
		<-waiting.Done()
		return answerNone
	default:
		return answerGap
	}
}
