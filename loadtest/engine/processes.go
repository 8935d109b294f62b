package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/profile"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// processes is a crew of processes: those that a deployment runs, but for executors, whose actions cost what the
// parameters say. Connections are TCP on this machine; what each process costs the system tells.
type processes struct {
	executable string
	data       string // folder
	at         zone.Broker
	all        []*child
}

// startProcesses starts this executable once for each role, and for each server. Agents and observer stay in this
// process.
func startProcesses(ctx context.Context, f *fabric.Fabric, p Params, at cluster) (crew, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("loadtest: %w", err)
	}
	ps := &processes{executable: executable, data: f.Dir}
	if err := ps.startAll(ctx, f, p, at); err != nil {
		return nil, errors.Join(err, ps.close())
	}
	return ps, nil
}

func (ps *processes) startAll(ctx context.Context, f *fabric.Fabric, p Params, at cluster) error {
	all, err := members(f)
	if err != nil {
		return err
	}
	if p.Replicas > 1 {
		err = ps.cluster(ctx, f, at)
	} else {
		err = ps.begin(ctx, roleBroker, append([]string{"server", "--port", "-1"}, wideFlags()...)...)
	}
	if err != nil {
		return err
	}
	if ps.at.URL == "" {
		ps.at.URL = ps.all[0].url
	}
	for _, m := range all {
		role := trust.RoleName(m.role)
		arguments := []string{"--server", ps.at.URL}
		if m.role == pb.Role_ROLE_EXECUTOR {
			arguments = append(arguments, "loadtest", role, m.name, "--cost-cpu", p.Cost.CPU.String(), "--cost-sleep", p.Cost.Sleep.String())
		} else {
			arguments = append(arguments, role, m.name)
		}
		if err := ps.begin(ctx, role, arguments...); err != nil {
			return err
		}
	}
	return nil
}

// cluster starts the servers of a replicated ledger and founds it there.
func (ps *processes) cluster(ctx context.Context, f *fabric.Fabric, at cluster) error {
	files, err := at.files(f)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := ps.begin(ctx, roleBroker, append([]string{"broker", "run", file}, wideFlags()...)...); err != nil {
			return err
		}
	}
	ps.at = zone.BrokerOf(f)
	_, err = zone.FoundAt(ctx, f, ps.at, slog.New(slog.DiscardHandler))
	return err
}

// begin starts one process.
func (ps *processes) begin(ctx context.Context, role string, arguments ...string) error {
	c, err := start(ctx, role, ps.executable, append([]string{"--json", "--data", ps.data}, arguments...)...)
	if err == nil {
		ps.all = append(ps.all, c)
	}
	return err
}

func (ps *processes) broker() zone.Broker { return ps.at }

func (ps *processes) fault() error {
	var errs []error
	for _, c := range ps.all {
		errs = append(errs, c.fault())
	}
	return errors.Join(errs...)
}

// spent is what one process has used so far.
type spent struct {
	cpu  time.Duration
	peak uint64 // largest resident size, bytes
}

// measure counts processor time and memory of every process, and of this one.
func (ps *processes) measure(p *profile.Profile) (stop func() ([]result.Role, error), err error) {
	before, err := ps.spent()
	if err != nil {
		return nil, err
	}
	return func() ([]result.Role, error) {
		_, err := p.Stop()
		after, err2 := ps.spent()
		if err = errors.Join(err, err2); err != nil {
			return nil, err
		}
		byRole := map[string]*result.Role{}
		add := func(role string, before, after spent) {
			if byRole[role] == nil {
				byRole[role] = &result.Role{Name: role}
			}
			r := byRole[role]
			r.Processes++
			r.CPU += after.cpu - before.cpu
			r.Memory += after.peak
		}
		for i, c := range ps.all {
			add(c.role, before[i], after[i])
		}
		add(roleAgents, before[len(ps.all)], after[len(ps.all)])
		var roles []result.Role
		for _, r := range byRole {
			roles = append(roles, *r)
		}
		sortRoles(roles)
		return roles, nil
	}, nil
}

// spent reads what every child has used, and this process at last.
func (ps *processes) spent() ([]spent, error) {
	var all []spent
	for _, pid := range append(ps.pids(), os.Getpid()) {
		s, err := spentBy(pid)
		if err != nil {
			return nil, fmt.Errorf("loadtest: what process %d uses: %w", pid, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (ps *processes) pids() []int {
	pids := make([]int, len(ps.all))
	for i, c := range ps.all {
		pids[i] = c.cmd.Process.Pid
	}
	return pids
}

func spentBy(pid int) (spent, error) {
	cpu, err := cpuOf("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return spent{}, err
	}
	peak, err := peakOf("/proc/" + strconv.Itoa(pid) + "/status")
	return spent{cpu, peak}, err
}

// resident is the memory of all processes, this one's too.
func (ps *processes) resident() uint64 {
	sum := resident(0)
	for _, pid := range ps.pids() {
		sum += resident(pid)
	}
	return sum
}

// close ends the processes, those that act first and the broker last.
func (ps *processes) close() error {
	var errs []error
	for _, c := range slices.Backward(ps.all) {
		errs = append(errs, c.end())
	}
	ps.all = nil
	return errors.Join(errs...)
}
