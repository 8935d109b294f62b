package streams

import (
	"fmt"
	"syscall"
	"testing"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// crowd is a zone with one participant of each role and n more of one.
func crowd(tb testing.TB, role pb.Role, n int) []Participant {
	tb.Helper()
	ps := newCast(tb).all
	for i := range n {
		key, _ := newUser(tb)
		p := Participant{Zone: zone, Name: fmt.Sprintf("more-%d", i), Role: role, Key: key}
		if role == pb.Role_ROLE_EXECUTOR {
			p.Tools = []string{"files"}
		}
		ps = append(ps, p)
	}
	return ps
}

// BenchmarkStart is how long a broker takes to start, and to reload, by the number
// of its participants: that many agents, or that many executors.
func BenchmarkStart(b *testing.B) {
	for _, role := range []pb.Role{pb.Role_ROLE_AGENT, pb.Role_ROLE_EXECUTOR} {
		for _, n := range []int{1000, 3000, 10000} {
			ps := crowd(b, role, n)
			b.Run(fmt.Sprintf("%ss-%d", RoleName(role), n), func(b *testing.B) {
				b.Run("start", func(b *testing.B) { benchStart(b, ps, false) })
				b.Run("reload", func(b *testing.B) { benchStart(b, ps, true) })
			})
		}
	}
}

func benchStart(b *testing.B, ps []Participant, reload bool) {
	cfg := ServerConfig{StoreDir: b.TempDir(), Port: -1, Durability: RelaxedSyncMayLoseRecords, Participants: ps}
	var s *Server
	if reload {
		var err error
		s, err = StartServer(cfg)
		must(b, err)
		defer s.Shutdown()
	}
	used := processorSeconds(b)
	for b.Loop() {
		if reload {
			must(b, s.Reload(ps))
			continue
		}
		s, err := StartServer(cfg)
		must(b, err)
		s.Shutdown()
	}
	b.ReportMetric((processorSeconds(b)-used)/float64(b.N), "cpu-s/op")
}

// processorSeconds is what this process has used.
func processorSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
