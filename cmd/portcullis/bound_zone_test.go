package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/story/process"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// boundZone is a zone of processes whose actions are seen outside: two enforcers
// that must agree, two executors, a sentinel, and agents that never pause.
type boundZone struct {
	*killLoop
	outside  *outside
	bounds   bounds
	governor *streams.Conn
	agents   []*agent.Agent

	acked  map[trust.Digest]time.Time // halts, by id
	halts  []trust.Digest             // of the test's own, not lifted
	frozen []frozen
}

// bounds are the times of the release in force that are promised.
type bounds struct{ start, pulse time.Duration }

var (
	boundAgents = []string{"scout", "robin", "wren"}
	boundTools  = []string{"http-get", "http-poll"}
)

const (
	boundWorkers = 8                      // of each agent
	boundTimeout = 2 * time.Second        // of each intent
	boundWaits   = 100 * time.Millisecond // for an answer, at first; a void claim gets none
	deniedPause  = 5 * time.Millisecond
)

func newBoundZone(t *testing.T) *boundZone {
	z := &boundZone{killLoop: newKillLoop(t), outside: newOutside(t), acked: map[trust.Digest]time.Time{}}
	z.fabric = boundFabric(t, z.outside.host())
	release, err := z.fabric.Release()
	must(t, err)
	if k := release.Proto.GetDecisionThreshold(); k != 2 {
		t.Fatalf("%d enforcers must agree, 2 are meant; the template's release.yaml was edited in vain", k)
	}
	z.bounds = bounds{release.Bounds.Start, release.Bounds.PulseLimit}
	return z
}

func boundFabric(t *testing.T, host string) *fabric.Fabric {
	release := templateOf(t, "release.yaml")
	release["release.yaml"].Data = []byte(strings.Replace(string(release["release.yaml"].Data), "decision_threshold: 1", "decision_threshold: 2", 1))
	var directory, tools, served strings.Builder
	for _, name := range boundAgents {
		fmt.Fprintf(&directory, "  - {name: %s, role: agent, groups: [staff], tools: [%s]}\n", name, strings.Join(boundTools, ", "))
	}
	for i, name := range []string{"e1", "e2"} {
		fmt.Fprintf(&directory, "  - {name: %s, role: enforcer, rank: %d}\n", name, i)
	}
	for _, name := range []string{"x1", "x2"} {
		fmt.Fprintf(&directory, "  - {name: %s, role: executor, tools: [%s]}\n", name, strings.Join(boundTools, ", "))
	}
	for _, name := range boundTools {
		fmt.Fprintf(&tools, "  - {name: %s, resource_type: Url, arguments: [{name: url, type: string, required: true, max_length: 2048}]}\n", name)
		fmt.Fprintf(&served, "  - {tool: %s, method: GET, scheme: http, host: %q, path: /act, allow: {loopback: true}}\n", name, host)
	}
	for name, text := range map[string]string{
		"directory.yaml":      "directory:\n" + directory.String() + "  - name: s1\n    role: sentinel\n",
		"tools.yaml":          "tools:\n" + tools.String(),
		"limits.yaml":         "limits: []\n",
		"policies/call.cedar": "@id(\"staff-call\")\n@reason(\"Staff may call the outside.\")\npermit (principal in Group::\"staff\", action, resource is Url);\n",
	} {
		release[name] = &fstest.MapFile{Data: []byte(text)}
	}
	f := createFabric(t, filepath.Join(t.TempDir(), "data"), release)
	must(t, os.WriteFile(filepath.Join(f.Dir, "tools.yaml"), []byte("http:\n"+served.String()), 0o600))
	return f
}

// startAll starts the processes, the first executor through a link if there is
// one, and connects the agents, a governor and the reader.
func (z *boundZone) startAll(x1 *link) {
	z.t.Helper()
	z.startParts("server", "sentinel")
	z.join("enforcer", "e1", z.broker.URL)
	z.join("enforcer", "e2", z.broker.URL)
	way := z.broker.URL
	if x1 != nil {
		way = x1.url()
	}
	z.join("executor", "x1", way)
	z.join("executor", "x2", z.broker.URL)
	ctx, log := z.t.Context(), slog.New(slog.DiscardHandler)
	for _, name := range boundAgents {
		m, err := z.fabric.Load(pb.Role_ROLE_AGENT, name, trust.Digest{})
		must(z.t, err)
		conn, err := z.broker.Connect(ctx, m, log)
		must(z.t, err)
		z.t.Cleanup(conn.Close)
		a, err := zone.Agent(ctx, conn, m, log)
		must(z.t, err)
		z.t.Cleanup(a.Close)
		z.agents = append(z.agents, a)
	}
	g, err := z.fabric.Governor("g1")
	must(z.t, err)
	z.governor, err = z.broker.ConnectGovernor(ctx, g, log)
	must(z.t, err)
	z.t.Cleanup(z.governor.Close)
	z.reader, err = zone.ConnectReader(ctx, z.fabric, z.broker, log)
	must(z.t, err)
	z.t.Cleanup(z.reader.Close)
}

// join starts one part under its own name.
func (z *boundZone) join(role, name, url string) {
	z.t.Helper()
	executable, err := os.Executable()
	must(z.t, err)
	ctx, cancel := context.WithTimeout(z.t.Context(), killLoopPatience)
	defer cancel()
	p, err := process.Start(ctx, name, executable, "--json", "--log-level", "info", "--data", z.fabric.Dir, "--server", url, role, name)
	must(z.t, err)
	z.parts[name] = p
}

// verdict is the whole test's: each halt that stands on the ledger against
// every act that it tells of or that was seen.
func (z *boundZone) verdict() (*account, []stop, []act) {
	z.t.Helper()
	book, arrivals := z.settle()
	stops, acts := book.stops(z.acked), book.acts(arrivals)
	check := checker{z.bounds.start, z.frozen}
	var wrong []string
	for _, s := range stops {
		wrong = append(wrong, check.check(s, acts)...)
	}
	z.complain(wrong)
	z.complain(append(book.stale(acts), dishonest(acts)...))
	z.complain(book.late(acts, z.bounds.start))
	excused := 0
	for _, a := range acts {
		if check.wasFrozen(a) {
			excused++
		}
	}
	if excused > 0 {
		z.t.Logf("%d acts had started in time when their executor was frozen, and were seen when it went on", excused)
	}
	return book, stops, acts
}

// settle reads the ledger to its end when nothing can start any more and
// whatever was seen outside has its outcome.
func (z *boundZone) settle() (*account, []arrival) {
	z.t.Helper()
	time.Sleep(boundTimeout) // until the last deadline
	ctx, cancel := context.WithTimeout(z.t.Context(), killLoopPatience)
	defer cancel()
	for book := newAccount(); ; {
		must(z.t, book.read(z.t.Context(), z.reader))
		arrivals := z.outside.arrivals(z.t)
		open := 0
		for _, a := range arrivals {
			if len(book.outcomes[a.claim]) == 0 {
				open++
			}
		}
		if open == 0 {
			return book, arrivals
		}
		select {
		case <-ctx.Done():
			z.t.Fatalf("%d of %d acts have no outcome", open, len(arrivals))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// complain reports the first of what is wrong, and how much there is.
func (z *boundZone) complain(wrong []string) {
	z.t.Helper()
	const most = 20
	for i, w := range wrong {
		if i == most {
			z.t.Errorf("… and %d more", len(wrong)-most)
			return
		}
		z.t.Error(w)
	}
}
