package sim

import (
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Config is the world of one run. It stays as it is while steps are cut away.
type Config struct {
	Enforcers int  // 2 or 3
	Threshold int  // k: how many of them must sign the same decision
	Liars     int  // enforcers that sign ALLOW for everything, from e1 on
	Bold      bool // executors bid at every chance and never disarm: the book alone stops them
	Prompt    bool // pulses are appended the moment they are made
	Copies    bool // the broker, or someone with its powers, appends old bytes again
	Withholds bool // the broker withholds governance from one follower at a time
	// Substitutes lets the broker show one follower other bytes than the ledger's,
	// for records of any kind. What is promised then is in the package's comment.
	Substitutes bool
	// Warps lets it show one follower other times. Only local clocks stand against
	// that until the next pulse, and bold executors have none: they are not Bold.
	Warps     bool
	LyingTime bool             // the broker's timestamps are off by up to maxSkew, forward and back, for everybody
	Rates     map[string]int64 // boot clocks: nanoseconds per true microsecond, by node
}

// The durations of every release here: short, so that a run of a few hundred
// steps lives through all of them.
const (
	memory        = 12 * time.Second
	maxDeadline   = 4 * time.Second
	startBound    = 250 * time.Millisecond
	pulseLimit    = 2 * time.Second
	pulseInterval = 400 * time.Millisecond
	maxSkew       = time.Second
	hedge         = 50 * time.Millisecond
	maxSessions   = 4
	limitWindow   = 5 * time.Second
	limitMax      = 100
)

func bounds() *pb.Bounds {
	return &pb.Bounds{
		Memory: durationpb.New(memory), MaxDeadline: durationpb.New(maxDeadline), Start: durationpb.New(startBound),
		PulseLimit: durationpb.New(pulseLimit), PulseInterval: durationpb.New(pulseInterval), MaxClockSkew: durationpb.New(maxSkew),
		Hedge: durationpb.New(hedge), HeartbeatInterval: durationpb.New(time.Second), MaxSessions: maxSessions,
	}
}

// slowest and fastest are the rates of boot clocks: a tenth off.
const (
	slowest = 900
	fastest = 1100
)

// NewConfig draws a world.
func NewConfig(seed uint64) Config {
	r := rand.New(rand.NewPCG(seed, 'c')) //nolint:gosec // a seed must give the same world every time
	c := Config{
		Enforcers: 2 + r.IntN(2), Threshold: 1 + r.IntN(2), Bold: r.IntN(2) == 0, Prompt: r.IntN(2) == 0, Copies: r.IntN(2) == 0,
		Withholds: r.IntN(4) == 0, LyingTime: r.IntN(4) == 0, Rates: map[string]int64{},
	}
	if r.IntN(4) == 0 {
		c.Liars = 1 + r.IntN(2)
	}
	switch r.IntN(8) {
	case 0:
		c.Substitutes = true
	case 1:
		c.Warps, c.Bold = true, false
	}
	for _, name := range []string{"e1", "e2", "e3", "x1", "x2", "s1"} {
		c.Rates[name] = slowest + r.Int64N(fastest-slowest+1)
	}
	return c
}

// lies reports whether liars alone make a quorum. Then decisions mean nothing,
// and what is promised of claims and starts must hold all the same.
func (c Config) lies() bool { return c.Liars >= c.Threshold }
