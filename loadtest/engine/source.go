package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// The zone of a load test.
const (
	trustDomain = "loadtest.portcullis.local"
	zoneName    = "load"
)

// create makes a fabric of the size that is asked for, as everybody's is made.
func (p Params) create(dir string, servers cluster) (*fabric.Fabric, error) {
	source := filepath.Join(dir, "source")
	if err := p.writeSource(source); err != nil {
		return nil, err
	}
	params := fabric.Params{
		TrustDomain: trustDomain, Zone: zoneName, Enforcers: p.Enforcers, K: p.K, Release: os.DirFS(source), Clock: time.Now,
		NATS: servers.nats(),
	}
	if p.Relaxed {
		params.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	}
	f, err := fabric.Create(filepath.Join(dir, "data"), params)
	if err != nil {
		return nil, fmt.Errorf("loadtest: making the zone: %w", err)
	}
	return f, nil
}

// writeSource writes the release's source, as a user would.
func (p Params) writeSource(dir string) error {
	for name, text := range map[string]string{
		"release.yaml":        releaseText,
		"directory.yaml":      p.directory(),
		"tools.yaml":          p.tools(),
		"limits.yaml":         "limits: []\n",
		"policies/load.cedar": p.policies(),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("loadtest: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("loadtest: %w", err)
		}
	}
	return nil
}

// releaseText has the bounds of the release that every new zone begins with. One drift rule is more patient: here the
// load and all roles share a machine, and that it has nothing to spare is what a load test is for.
const releaseText = `note: A load test.
validity: 720h
thresholds: {release: 1, resume: 1}
decision_threshold: 1
durability: sync_always
bounds:
  memory: 1h
  max_deadline: 60s
  start: 250ms
  pulse_limit: 2s
  pulse_interval: 500ms
  max_clock_skew: 2s
  hedge: 100ms
  heartbeat_interval: 250ms
  max_sessions: 1024
drift:
  - {rule: heartbeat.missing, intervals: 40}
`

// directory lets every agent ask for every tool, the closed one too, and every executor serve all others.
func (p Params) directory() string {
	var b strings.Builder
	b.WriteString("directory:\n  - {name: s1, role: sentinel}\n")
	tools := []string{ClosedTool}
	for i := range p.Tools {
		tools = append(tools, ToolName(i))
	}
	for i := range p.Executors {
		fmt.Fprintf(&b, "  - {name: x%d, role: executor, tools: [%s]}\n", i+1, strings.Join(tools[1:], ", "))
	}
	fmt.Fprintf(&b, "  - {name: bystander, role: agent, groups: [%s], tools: [%s]}\n", strings.Join(p.teams(), ", "), ClosedTool)
	for i := range p.Agents {
		fmt.Fprintf(&b, "  - {name: %s, role: agent, groups: [load], tools: [%s]}\n", AgentName(i), strings.Join(tools, ", "))
	}
	return b.String()
}

// teams are groups in which no agent of the load is: those of a bystander, for policies to be about.
func (p Params) teams() []string {
	const most = 64 // of one identity
	teams := make([]string, min(most, p.Policies))
	for i := range teams {
		teams[i] = fmt.Sprintf("team-%d", i)
	}
	return teams
}

func (p Params) tools() string {
	var b strings.Builder
	b.WriteString("tools:\n")
	for i := range p.Tools + 1 {
		name := ClosedTool
		if i > 0 {
			name = ToolName(i - 1)
		}
		fmt.Fprintf(&b, "  - {name: %s, resource_type: Thing, arguments: [{name: text, type: string, required: true, max_length: 49152}]}\n", name)
	}
	return b.String()
}

// policies are one that permits what Uniform asks for, and others beside it: by group, by resource, by action, and
// forbids that look at the arguments. None of them changes a verdict.
func (p Params) policies() string {
	var b strings.Builder
	b.WriteString("@id(\"load\")\npermit (principal in Group::\"load\", action, resource is Thing)\nwhen { resource.id like \"open/*\" && action != Action::\"" + ClosedTool + "\" };\n")
	teams := p.teams()
	for i := 1; i < p.Policies; i++ {
		team := teams[i%len(teams)]
		switch i % 4 {
		case 1:
			fmt.Fprintf(&b, "@id(\"p%d\")permit(principal in Group::\"%s\",action,resource);\n", i, team)
		case 2:
			fmt.Fprintf(&b, "@id(\"p%d\")permit(principal,action,resource==Thing::\"thing/%d\");\n", i, i)
		case 3:
			fmt.Fprintf(&b, "@id(\"p%d\")permit(principal in Group::\"%s\",action==Action::\"%s\",resource);\n", i, team, ToolName(i%p.Tools))
		default:
			fmt.Fprintf(&b, "@id(\"p%d\")forbid(principal,action,resource==Thing::\"thing/%d\")when{context.arguments.text==\"%d\"};\n", i, i-2, i)
		}
	}
	return b.String()
}
