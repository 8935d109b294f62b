//go:build faults

package single_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// site is a zone of real processes, and what those outside of it know: what its broker acknowledged, which outcomes agents
// were told of, and which effects arrived.
type site struct {
	t       *testing.T
	fabric  *fabric.Fabric
	port    string
	broker  zone.Broker
	outside *outside
	parts   map[string]*process
	logs    string // folder

	clients []func() // end them
	scout   *agent.Agent
	stray   *streams.Conn
	reader  *streams.Conn

	mu   sync.Mutex
	told facts
	more chan struct{} // capacity 1: told.executed has grown
}

// facts are what the broker and executors told those outside.
type facts struct {
	executed []*agent.Outcome
	acked    map[uint64]acked // by position
}

// acked is a record that the broker acknowledged to the test itself.
type acked struct {
	digest trust.Digest
	at     time.Time // when the acknowledgement was there
}

const (
	workers       = 8                    // that propose, each in a session of its own
	intentTimeout = 2 * time.Second      // of each intent
	strayPause    = 5 * time.Millisecond // between two records of the stray
)

// everything is every part, in the order of starting: nobody pulses before the recorder is heard.
var everything = []string{"server", "recorder", "sentinel", "enforcer", "executor"}

// names are the parts' in the directory; the server has none.
var names = map[string][]string{"enforcer": {"e1"}, "executor": {"x1"}, "sentinel": {"s1"}, "recorder": {"r1"}}

// newSite makes a zone in a folder, which must not exist.
func newSite(t *testing.T, dir string, durability pb.Durability) *site {
	t.Helper()
	s := &site{t: t, outside: newOutside(t), port: freePort(t), parts: map[string]*process{}, logs: t.TempDir(), more: make(chan struct{}, 1)}
	s.fabric = newFabric(t, dir, s.outside.host(), durability)
	s.broker = zone.Broker{URL: "nats://127.0.0.1:" + s.port}
	s.forget()
	t.Cleanup(func() {
		s.disconnect()
		for _, name := range everything {
			if p := s.parts[name]; p != nil && t.Failed() {
				t.Logf("%s: %s", name, ending(p.text(), 4096))
			}
		}
		s.kill(everything...)
	})
	return s
}

// forget begins anew, and returns what was told until now.
func (s *site) forget() (before facts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.told = s.told, facts{acked: map[uint64]acked{}}
	return before
}

// facts is what was told until now.
func (s *site) facts() facts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return facts{slices.Clone(s.told.executed), maps.Clone(s.told.acked)}
}

// start starts parts, one after the other, and demands that each gets ready.
func (s *site) start(parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		must(s.t, s.try(part))
	}
}

// try starts a part that may refuse.
func (s *site) try(part string) error {
	arguments := append([]string{"--json", "--log-level", "info", "--data", s.fabric.Dir, "--server", s.broker.URL, part}, names[part]...)
	if part == "server" {
		arguments = append(arguments, "--port", s.port)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	p, err := startProcess(ctx, filepath.Join(s.logs, part+".log"), arguments...)
	if err != nil {
		delete(s.parts, part)
		return fmt.Errorf("%s: %w", part, err)
	}
	s.parts[part] = p
	return nil
}

// kill ends parts as kill -9 does, all at once.
func (s *site) kill(parts ...string) {
	var ended sync.WaitGroup
	for _, name := range parts {
		if p := s.parts[name]; p != nil {
			ended.Go(p.kill)
		}
	}
	ended.Wait()
}

// connect connects an agent, a stray, whose records are noise, and a reader.
func (s *site) connect() {
	s.t.Helper()
	s.disconnect()
	ctx, log := s.t.Context(), slog.New(slog.DiscardHandler)
	member := func(name string) (*fabric.Member, *streams.Conn) {
		m, err := s.fabric.Load(pb.Role_ROLE_AGENT, name, trust.Digest{})
		must(s.t, err)
		conn, err := s.broker.Connect(ctx, m, log)
		must(s.t, err)
		s.clients = append(s.clients, conn.Close)
		return m, conn
	}
	m, conn := member("scout")
	var err error
	s.scout, err = zone.Agent(ctx, conn, m, log)
	must(s.t, err)
	s.clients = append(s.clients, s.scout.Close)
	_, s.stray = member("mallory")
	s.reader, err = zone.ConnectReader(ctx, s.fabric, s.broker, log)
	must(s.t, err)
	s.clients = append(s.clients, s.reader.Close)
}

func (s *site) disconnect() {
	for _, end := range slices.Backward(s.clients) {
		end()
	}
	s.clients = nil
}

// load lets agents act, and noise be appended, until stop is called.
func (s *site) load() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var work sync.WaitGroup
	for range workers {
		work.Go(func() { s.act(ctx) })
	}
	work.Go(func() { s.append(ctx) })
	return func() {
		cancel()
		work.Wait()
	}
}

// act proposes one call after the other.
func (s *site) act(ctx context.Context) {
	arguments, err := json.Marshal(map[string]string{"url": s.outside.url()})
	if err != nil {
		s.t.Error(err)
		return
	}
	var session *agent.Session
	for ctx.Err() == nil {
		if session == nil {
			if session, err = s.scout.NewSession(); err != nil {
				s.t.Error(err)
				return
			}
		}
		// Its deadline ends it, not ctx: what was asked for is seen to its end.
		out, err := session.Propose(context.WithoutCancel(ctx), agent.Request{
			Tool: "http-get", Resource: s.outside.url(), Arguments: arguments, Timeout: intentTimeout,
		})
		var not *agent.NotExecuted
		switch {
		case err == nil:
			s.done(out)
		case errors.As(err, &not), errors.Is(err, agent.ErrRefused):
		default:
			session = nil // it may have a gap now
			pause(ctx, 20*time.Millisecond)
		}
	}
}

func (s *site) done(out *agent.Outcome) {
	s.mu.Lock()
	s.told.executed = append(s.told.executed, out)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// append appends numbered noise and remembers what was acknowledged.
func (s *site) append(ctx context.Context) {
	subject := schemas.Subject(s.fabric.Zone, schemas.KindIntent, "mallory")
	for n := 0; ctx.Err() == nil; n++ {
		data := fmt.Appendf(nil, "not an envelope, number %d, %d", n, time.Now().UnixNano()) // no two are alike
		if seq, err := s.stray.Append(ctx, subject, data); err == nil {
			s.mu.Lock()
			s.told.acked[seq] = acked{trust.DigestOf(data), time.Now()}
			s.mu.Unlock()
		}
		pause(ctx, strayPause)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// awaitProgress waits until something more is executed (L1).
func (s *site) awaitProgress() {
	s.t.Helper()
	select { // what was executed before does not count
	case <-s.more:
	default:
	}
	select {
	case <-s.more:
	case <-time.After(patience):
		s.t.Fatalf("nothing was executed for %v", patience)
	}
}

// eventually waits until something is so.
func (s *site) eventually(what string, so func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// cli runs a command of the binary under test on this zone's folder.
func (s *site) cli(arguments ...string) (stdout, stderr string, err error) {
	c := exec.CommandContext(s.t.Context(), binary, append([]string{"--data", s.fabric.Dir, "--server", s.broker.URL}, arguments...)...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	return out.String(), strings.TrimSpace(errs.String()), err
}

// mustCLI is cli that has to succeed.
func (s *site) mustCLI(arguments ...string) string {
	s.t.Helper()
	out, stderr, err := s.cli(arguments...)
	if err != nil {
		s.t.Fatalf("portcullis %s: %v: %s%s", strings.Join(arguments, " "), err, out, stderr)
	}
	return out
}

// ending is at most so many bytes of a text's end.
func ending(text string, most int) string {
	text = strings.TrimSpace(text)
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}
