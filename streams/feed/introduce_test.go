package feed_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// TestKeepIntroduced: a credential that the ledger lacks is appended again, one
// that it knows is not.
func TestKeepIntroduced(t *testing.T) {
	w := feedtest.New(t)
	e1 := w.Member("e1")
	subject := schemas.Subject(feedtest.ZoneName, schemas.KindCredential, "e1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var asked atomic.Int64
	go func() {
		ended <- feed.KeepIntroduced(ctx, w.Connect("e1"), subject, e1.Credential, func() bool {
			asked.Add(1)
			return feed.Unknown(w.Fold(), e1.Key.ID())
		})
	}()
	w.Eventually("e1 is known", func() bool { return !feed.Unknown(w.Fold(), e1.Key.ID()) })
	n := asked.Load()
	w.Eventually("it asks on", func() bool { return asked.Load() > n+1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := len(w.Records(schemas.KindCredential)); n != 1 {
		t.Errorf("introduced %d times", n)
	}
}

// TestUnknown: before a release nobody can be known, and nobody is missed.
func TestUnknown(t *testing.T) {
	if feed.Unknown(nil, trust.KeyID{}) || feed.Unknown(ledger.NewFold(trust.Digest{}, nil), trust.KeyID{}) {
		t.Error("somebody is missed before there is a release")
	}
}
