package zone

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
)

// Refresh puts into force what was enrolled or published in the fabric's folder
// since the zone was opened: who may connect, and which records belong on the
// ledger. Members are not started; see StartAll.
func (z *Zone) Refresh(ctx context.Context) error {
	if err := z.Reload(); err != nil {
		return err
	}
	return Found(ctx, z.cfg.Fabric, z.Broker(), z.cfg.Logger)
}

// Watch calls changed whenever participants or records of a fabric's folder have
// changed, until ctx ends or changed fails. It looks once an interval: a folder
// may be on a file system that tells nobody of changes.
func Watch(ctx context.Context, f *fabric.Fabric, interval time.Duration, changed func() error) error {
	before, err := fingerprint(f)
	if err != nil {
		return err
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now, err := fingerprint(f)
		if err != nil {
			return err
		}
		if now == before {
			continue
		}
		if err := changed(); err != nil {
			return err
		}
		before = now
	}
}

// fingerprint changes with the records and the participants of a fabric.
func fingerprint(f *fabric.Fabric) (trust.Digest, error) {
	records, err := f.Records()
	if err != nil {
		return trust.Digest{}, err
	}
	participants, err := f.Participants()
	if err != nil {
		return trust.Digest{}, err
	}
	text := slices.Concat(records...)
	for _, p := range participants {
		text = fmt.Appendf(text, "%d %q %q %q\n", p.Role, p.Name, p.NKeyPublic, p.Tools)
	}
	return trust.DigestOf(text), nil
}
