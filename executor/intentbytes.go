package executor

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// intentBytes keeps the bytes of intents from when they are read until they are
// claimed, denied, or too old for any deadline.
type intentBytes struct {
	byDigest map[trust.Digest][]byte
	age      []intentAge // oldest first
}

type intentAge struct {
	digest trust.Digest
	at     time.Time // log time
}

func newIntentBytes() *intentBytes { return &intentBytes{byDigest: make(map[trust.Digest][]byte)} }

func (b *intentBytes) add(rec ledger.Record) {
	for _, item := range rec.Items {
		b.byDigest[item.Digest] = item.Bytes
		b.age = append(b.age, intentAge{item.Digest, rec.LogTime})
	}
}

func (b *intentBytes) get(d trust.Digest) []byte { return b.byDigest[d] }

func (b *intentBytes) drop(d trust.Digest) { delete(b.byDigest, d) }

func (b *intentBytes) forget(before time.Time) {
	n := 0
	for n < len(b.age) && b.age[n].at.Before(before) {
		delete(b.byDigest, b.age[n].digest)
		n++
	}
	b.age = b.age[n:]
}
