package streams

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// ZoneConfig is what an operator may choose about a zone's streams.
type ZoneConfig struct {
	Zone     string
	Replicas int   // 1 or 3; 0 means 1
	MaxBytes int64 // of the ledger; a full ledger denies. 0: as much as the disk has
}

func (z ZoneConfig) check() error {
	if err := schemas.CheckName(z.Zone); err != nil {
		return fmt.Errorf("streams: zone: %w", err)
	}
	if z.Replicas != 0 && z.Replicas != 1 && z.Replicas != 3 {
		return fmt.Errorf("streams: zone %s: %d replicas; use 1 or 3", z.Zone, z.Replicas)
	}
	if z.MaxBytes < 0 {
		return fmt.Errorf("streams: zone %s: max bytes %d is negative; use 0 for no limit", z.Zone, z.MaxBytes)
	}
	return nil
}

func (z ZoneConfig) maxBytes(s Stream) int64 {
	if s == Ledger && z.MaxBytes > 0 {
		return z.MaxBytes
	}
	return -1
}

// Ensure creates the zone's streams, or verifies that existing ones are as the
// table says. A stream that differs is never altered: the error names the
// fields. It needs a Conn in the FABRIC account (an administrator's key).
//
// Streams with three replicas need servers that have found each other: all three
// to create a stream, two to verify it. Ensure waits for them until ctx ends.
func (c *Conn) Ensure(ctx context.Context, z ZoneConfig) error {
	if err := z.check(); err != nil {
		return err
	}
	js, err := c.nc.JetStream()
	if err != nil {
		return fmt.Errorf("streams: ensure zone %s: %w", z.Zone, err)
	}
	for s := range streamCount {
		want := s.settings(z)
		err := ensureStream(ctx, js, want)
		for z.Replicas > 1 && awaitsServers(ctx, err) {
			c.log.Warn("waiting for the other servers", "stream", want.Name, "err", err)
			if err := pause(ctx, c, ensureWait, err); err != nil {
				return fmt.Errorf("streams: ensure stream %s on %d servers: %w; check with each server's log that all run and reach each other", want.Name, z.Replicas, err)
			}
			err = ensureStream(ctx, js, want)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	ensureWait = time.Second     // between two attempts
	ensureTry  = 5 * time.Second // for an answer of a cluster whose leader may be gone
)

// JetStream's error codes of a cluster that is not complete (yet).
var incomplete = []nats.ErrorCode{
	10004, // the cluster is incomplete
	10005, // no suitable peers for placement
	10008, // the cluster's leader is not known
	10023, // too few peers with enough room
	10118, // the stream is offline
}

// errLeaderless reports a stream that is there and that nobody leads yet: a server may tell
// of one that its others have not heard of.
var errLeaderless = errors.New("it has no leader yet")

// awaitsServers reports whether an attempt failed for want of servers that may
// come.
func awaitsServers(ctx context.Context, err error) bool {
	if api, ok := errors.AsType[*nats.APIError](err); ok {
		return slices.Contains(incomplete, api.ErrorCode)
	}
	return ctx.Err() == nil && (errors.Is(err, errLeaderless) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoStreamResponse) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrJetStreamNotEnabled))
}

func ensureStream(ctx context.Context, js nats.JetStreamContext, want *nats.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, ensureTry)
	defer cancel()
	have, err := js.StreamInfo(want.Name, nats.Context(ctx))
	if errors.Is(err, nats.ErrStreamNotFound) {
		have, err = js.AddStream(want, nats.Context(ctx))
	}
	if err != nil {
		return fmt.Errorf("streams: ensure stream %s: %w", want.Name, err)
	}
	if want.Replicas > 1 && (have.Cluster == nil || have.Cluster.Leader == "") {
		return fmt.Errorf("streams: ensure stream %s: %w", want.Name, errLeaderless)
	}
	if fields := drift(want, &have.Config); len(fields) > 0 {
		return fmt.Errorf("streams: stream %s is not as it must be: %s; correct these fields with an administrator's key, or use another store",
			want.Name, strings.Join(fields, ", "))
	}
	return nil
}

// drift lists the fields in which a stream differs from its table, every field
// that JetStream has included: one that we do not name must be off.
func drift(want, have *nats.StreamConfig) []string {
	h := *have
	h.Metadata = nil // the server writes its version there
	if h.FirstSeq == 1 {
		h.FirstSeq = 0 // 1 is what 0 means
	}
	w, v := reflect.ValueOf(*want), reflect.ValueOf(h)
	var fields []string
	for i := range w.NumField() {
		a, b := w.Field(i).Interface(), v.Field(i).Interface()
		if !reflect.DeepEqual(a, b) {
			fields = append(fields, fmt.Sprintf("%s is %v, must be %v", w.Type().Field(i).Name, plain(b), plain(a)))
		}
	}
	return fields
}

// plain makes pointers printable.
func plain(v any) any {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && !r.IsNil() {
		return r.Elem().Interface()
	}
	return v
}
