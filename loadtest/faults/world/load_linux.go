package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// load is what never pauses: agents that propose, and a guest whose noise is appended and acknowledged.
type load struct {
	w       *World
	stop    context.CancelFunc
	working sync.WaitGroup

	mu    sync.Mutex
	told  map[trust.Digest]*agent.Outcome // actions of which an agent was told that they are executed
	acked []acknowledged                  // the guest's
}

// acknowledged is a record that the broker said it keeps.
type acknowledged struct {
	seq    uint64
	digest trust.Digest
}

const (
	workersOfAgent = 4
	intentTimeout  = 2 * time.Second
	// The load is to be there at every moment, not to be a measure: the machine has to carry three brokers.
	actPause   = 30 * time.Millisecond
	noisePause = 50 * time.Millisecond
)

func newLoad(w *World) *load {
	w.t.Helper()
	l := &load{w: w, told: map[trust.Digest]*agent.Outcome{}}
	var ctx context.Context
	ctx, l.stop = context.WithCancel(w.t.Context())
	for _, name := range agentNames {
		conn, member := w.agent(name)
		a, err := zone.Agent(w.t.Context(), conn, member, w.log)
		must(w.t, err)
		w.t.Cleanup(a.Close)
		for worker := range workersOfAgent {
			l.working.Go(func() { l.act(ctx, a, toolNames[worker%len(toolNames)]) })
		}
	}
	stray, _ := w.agent(strayName)
	l.working.Go(func() { l.noise(ctx, stray) })
	w.t.Cleanup(l.end)
	return l
}

// end stops the load and waits until everybody has had an answer.
func (l *load) end() {
	l.stop()
	l.working.Wait()
}

// act proposes one action after the other.
func (l *load) act(ctx context.Context, a *agent.Agent, tool string) {
	url := l.w.Outside.url()
	arguments, err := json.Marshal(map[string]string{"url": url})
	if err != nil {
		l.w.t.Error(err)
		return
	}
	request := agent.Request{Tool: tool, Resource: url, Arguments: arguments, Timeout: intentTimeout}
	var session *agent.Session
	for ctx.Err() == nil {
		if session == nil {
			if session, err = a.NewSession(); err != nil {
				l.w.t.Error(err)
				return
			}
		}
		// Its deadline ends it, not ctx: what was asked for is seen to its end.
		out, err := session.Propose(context.WithoutCancel(ctx), request)
		if err == nil {
			l.mu.Lock()
			l.told[out.Intent] = out
			l.mu.Unlock()
		}
		if not := (*agent.NotExecuted)(nil); err != nil && !errors.As(err, &not) && !errors.Is(err, agent.ErrRefused) {
			session = nil // the ledger may lack an intent of it
		}
		pause(ctx, actPause)
	}
}

// noise appends numbered noise.
func (l *load) noise(ctx context.Context, stray *streams.Conn) {
	subject := schemas.Subject(l.w.Fabric.Zone, schemas.KindIntent, strayName)
	for n := 0; ctx.Err() == nil; n++ {
		data := fmt.Appendf(nil, "not an envelope, number %d", n)
		appending, cancel := context.WithTimeout(context.WithoutCancel(ctx), Patience)
		seq, err := stray.Append(appending, subject, data)
		cancel()
		if err == nil {
			l.mu.Lock()
			l.acked = append(l.acked, acknowledged{seq, trust.DigestOf(data)})
			l.mu.Unlock()
		}
		pause(ctx, noisePause)
	}
}

// agent connects one agent of the fabric.
func (w *World) agent(name string) (*streams.Conn, *fabric.Member) {
	w.t.Helper()
	m, err := w.Fabric.Load(pb.Role_ROLE_AGENT, name, trust.Digest{})
	must(w.t, err)
	ctx, cancel := context.WithTimeout(w.t.Context(), Patience)
	defer cancel()
	conn, err := w.at.Connect(ctx, m, w.log)
	must(w.t, err)
	w.t.Cleanup(conn.Close)
	return conn, m
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
