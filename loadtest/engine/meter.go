package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/profile"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// brokerCode is the prefix of the functions that only the broker's goroutines run: those of connections within a
// process are started by whoever connects, and would bear the client's label.
const brokerCode = "github.com/nats-io/nats-server/"

// roleOf says whose a sample is.
func roleOf(labels map[string][]string, stack []string) string {
	switch {
	case profile.Any(stack, brokerCode):
		return roleBroker
	case len(labels[roleLabel]) > 0:
		return labels[roleLabel][0]
	case profile.Any(stack, "runtime.gcBgMarkWorker"), profile.Any(stack, "runtime.bgsweep"), profile.Any(stack, "runtime.bgscavenge"):
		return roleRuntime
	default:
		return roleOther
	}
}

// shared are the roles of one process: what a profile says of each, brought to the processor time that the system
// counted, for a profile loses samples on a busy machine.
func shared(cpu []byte, used time.Duration) ([]result.Role, error) {
	spent, err := profile.ByClass(cpu, roleOf)
	if err != nil {
		return nil, err
	}
	var sum time.Duration
	for _, d := range spent {
		sum += d
	}
	var roles []result.Role
	for name, d := range spent {
		roles = append(roles, result.Role{Name: name, CPU: time.Duration(float64(used) * float64(d) / float64(sum))})
	}
	sortRoles(roles)
	return roles, nil
}

// sortRoles puts the most expensive first.
func sortRoles(roles []result.Role) {
	slices.SortFunc(roles, func(a, b result.Role) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Name, b.Name))
	})
}
