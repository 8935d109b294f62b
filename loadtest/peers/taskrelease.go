package peers

import (
	"fmt"
	"slices"
	"strings"
	"testing/fstest"
)

// maxGroups is how many groups one identity may be in.
const maxGroups = 64

// Release is the task as the source of a release, one Cedar policy for each rule.
func (t *Task) Release() fstest.MapFS {
	source := fstest.MapFS{}
	for name, text := range map[string]string{
		"release.yaml": releaseText, "directory.yaml": t.directory(), "tools.yaml": toolsText, "limits.yaml": "limits: []\n",
		"policies/task.cedar": t.cedar(),
	} {
		source[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	return source
}

const releaseText = `note: A comparison of engines.
validity: 720h
thresholds: {release: 1, resume: 1}
decision_threshold: 1
durability: sync_always
bounds: {memory: 1h, max_deadline: 60s, start: 250ms, pulse_limit: 2s, pulse_interval: 500ms, max_clock_skew: 2s, hedge: 100ms, heartbeat_interval: 250ms, max_sessions: 1024}
`

const toolsText = `tools:
  - {name: pay, resource_type: Account, arguments: [{name: amount, type: long, required: true}, {name: currency, type: string, required: true, one_of: [EUR, USD]}]}
  - {name: refund, resource_type: Account, arguments: [{name: amount, type: long, required: true}, {name: currency, type: string, required: true, one_of: [EUR, USD]}]}
  - {name: read, resource_type: File, arguments: []}
`

// directory lists the agents that ask, and bystanders who hold the other teams: a policy about a group that nobody is in
// would not be accepted.
func (t *Task) directory() string {
	var b strings.Builder
	b.WriteString("directory:\n")
	entry := func(name string, groups []string) {
		fmt.Fprintf(&b, "  - {name: %s, role: agent, groups: [%s], tools: [%s]}\n", name, strings.Join(groups, ", "), strings.Join(tools, ", "))
	}
	for _, a := range t.Agents {
		entry(a.Name, a.Groups)
	}
	i := 0
	for groups := range slices.Chunk(t.teams(), maxGroups) {
		entry(fmt.Sprintf("bystander-%d", i), groups)
		i++
	}
	return b.String()
}

func (t *Task) cedar() string {
	var b strings.Builder
	for _, r := range t.Rules {
		effect, than := "permit", "<="
		if r.Forbid {
			effect, than = "forbid", ">"
		}
		fmt.Fprintf(&b, "@id(%q)%s(principal in Group::%q,action==Action::%q,resource)", r.ID, effect, r.Group, r.Tool)
		if r.Limit > 0 {
			fmt.Fprintf(&b, "when{context.arguments.amount%s%d}", than, r.Limit)
		}
		b.WriteString(";\n")
	}
	return b.String()
}
