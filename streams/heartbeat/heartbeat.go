// Package heartbeat lets a participant say, signed and a few times a second,
// what it is, what it runs and what it has folded (PROTOCOL.md section 3), and
// lets whoever reads heartbeats keep the newest of each participant.
//
// A heartbeat is about now. One that cannot be stored in time is lost and never
// sent later: silence is what a sentinel must see of a participant that cannot
// be heard.
package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Appender stores one envelope and waits for the acknowledgement, at most until
// ctx ends. *streams.Conn implements it.
type Appender interface {
	Append(ctx context.Context, subject string, data []byte) (seq uint64, err error)
}

// Config is what Run needs. What does not say otherwise is required.
type Config struct {
	Conn        Appender
	Ledger      trust.Digest
	ID          trust.Identity    // of a role that beats: enforcer, executor, sentinel, recorder
	Key         *trust.SigningKey // bound to ID by a credential on the ledger
	Incarnation [16]byte          // random for each start of the process
	Build       trust.Digest      // of the executable; zero states none
	Settings    trust.Digest      // of the effective configuration, see Digest; zero states none
	Logger      *slog.Logger      // nil: nothing is logged

	// Read says what the participant knows now, and how long to wait for the
	// next beat: 0 means 250 ms, less than 10 ms means 10 ms. Run completes the
	// message and keeps it, so each call makes a new one; nil means that there is
	// nothing to say yet. It is called from Run's goroutine and must not block.
	Read func() (*pb.Heartbeat, time.Duration)

	// Now asks for a beat at once. Requests that come within a few milliseconds
	// share one. A capacity of 1 and a send that does not block is enough. May be
	// nil.
	Now <-chan struct{}
}

const (
	defaultInterval = 250 * time.Millisecond
	minInterval     = 10 * time.Millisecond
	minGap          = 5 * time.Millisecond // between two beats, however many are asked for

	maxDisarmed = 1024 // characters, by the schema
)

// Run beats at once, then once an interval and when Now asks, until ctx ends;
// it returns ctx's error. One append is on its way at a time and given up after
// an interval, 100 ms at least and 2 s at most, or up to four times later while the
// broker is slow; beats that fall due meanwhile are one beat, and one whose
// acknowledgement came late is followed by a whole interval's rest. Counters start at 1 and none is used twice, so a gap shows a
// loss. It fails at once if the configuration lacks something.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.check(); err != nil {
		return err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &beater{cfg: cfg, subject: schemas.Subject(cfg.ID.Zone, schemas.KindHeartbeat, cfg.ID.SubjectToken())}
	return b.run(ctx)
}

func (c *Config) check() error {
	fail := func(what string) error { return fmt.Errorf("heartbeat: %s: %s", c.ID, what) }
	switch {
	case c.ID == trust.Identity{}:
		return errors.New("heartbeat: nobody's; set ID to the participant's identity")
	case !schemas.KindHeartbeat.MayWrite(c.ID.Role):
		return fail("its role does not beat; enforcers, executors, sentinels and recorders do")
	case c.Conn == nil, c.Key == nil, c.Read == nil:
		return fail("set Conn, Key and Read")
	case c.Ledger.IsZero(), c.Incarnation == [16]byte{}:
		return fail("set Ledger to the genesis digest and Incarnation to random bytes")
	}
	return nil
}

// beater is one Run. Its fields belong to the goroutine that called it.
type beater struct {
	cfg     Config
	subject string
	counter uint64 // of the newest beat, stored or lost
	lost    uint64
	patience
}

func (b *beater) run(ctx context.Context) error {
	now, timer := b.cfg.Now, time.NewTimer(0)
	defer timer.Stop()
	var last time.Time // when the newest beat began
	for {
		if err := ctx.Err(); err != nil { // though a beat is due
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, open := <-now:
			if !open {
				now = nil // a closed channel would ask for ever
				continue
			}
			timer.Reset(time.Until(last.Add(minGap)))
		case <-timer.C:
			last = time.Now()
			interval := b.beat(ctx)
			timer.Reset(time.Until(last.Add(interval)))
		}
	}
}

// beat tells what Read says, and returns after which time the next beat is due.
func (b *beater) beat(ctx context.Context) time.Duration {
	beat, interval := b.cfg.Read()
	if interval == 0 {
		interval = defaultInterval
	}
	interval = max(interval, minInterval)
	if beat == nil {
		return interval
	}
	limit, begun := b.limit(interval), time.Now()
	timeout, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := b.send(timeout, beat)
	took := time.Since(begun)
	switch {
	case err == nil:
		b.acknowledged(took)
		if took > interval {
			return took + interval
		}
	case ctx.Err() != nil:
	case timeout.Err() != nil:
		b.gaveUp(limit)
		fallthrough
	default:
		b.report(err)
	}
	return interval
}

func (b *beater) send(ctx context.Context, beat *pb.Heartbeat) error {
	b.counter++
	beat.Ledger = b.cfg.Ledger[:]
	beat.Participant = b.cfg.ID.String()
	beat.Incarnation = b.cfg.Incarnation[:]
	beat.Counter = b.counter
	beat.BuildDigest = b.cfg.Build[:]
	beat.ConfigDigest = b.cfg.Settings[:]
	beat.Clock = timestamppb.Now()
	beat.Disarmed = printable(beat.GetDisarmed())
	payload, err := schemas.Marshal(beat)
	if err != nil {
		return err
	}
	if len(payload) > schemas.MaxItem {
		return fmt.Errorf("heartbeat: %d bytes are more than the %d that readers accept; say less in it", len(payload), schemas.MaxItem)
	}
	data, err := trust.Seal(schemas.KindHeartbeat.PayloadType(), payload, b.cfg.Key)
	if err != nil {
		return err
	}
	_, err = b.cfg.Conn.Append(ctx, b.subject, data)
	return err
}

// printable cuts an explanation to what the schema takes: a participant must
// not fall silent because an error's text is long or holds odd bytes.
func printable(text string) string {
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	return string(runes[:min(len(runes), maxDisarmed)])
}

// report counts a lost beat and warns of the first, second, fourth, eighth and
// so on.
func (b *beater) report(err error) {
	b.lost++
	if bits.OnesCount64(b.lost) == 1 {
		b.cfg.Logger.Warn("a heartbeat is lost", "participant", b.cfg.ID.String(), "counter", b.counter, "lost_so_far", b.lost, "err", err)
	}
}
