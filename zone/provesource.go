package zone

import (
	"context"
	"math"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/streams"
)

// LedgerSource reads a live ledger and its checkpoints.
type LedgerSource struct{ Conn *streams.Conn }

// Records implements ProofSource.
func (s LedgerSource) Records(ctx context.Context, from, to uint64, each func(ledger.Raw) error) (last uint64, err error) {
	return streams.Read(ctx, s.Conn, streams.ReadConfig{From: from, To: to}, func(raw streams.Raw) error {
		return each(ledger.Raw{Seq: raw.Seq, Time: raw.Time, Subject: raw.Subject, Data: raw.Data})
	})
}

// Checkpoints implements ProofSource.
func (s LedgerSource) Checkpoints(ctx context.Context, each func(note []byte) bool) error {
	newest, err := streams.Read(ctx, s.Conn, streams.ReadConfig{Stream: streams.Checkpoints, From: math.MaxUint64}, func(streams.Raw) error { return nil })
	if err != nil {
		return err
	}
	more := true
	for at := newest; at > 0 && more; at-- {
		_, err := streams.Read(ctx, s.Conn, streams.ReadConfig{Stream: streams.Checkpoints, From: at, To: at}, func(raw streams.Raw) error {
			more = each(raw.Data)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
