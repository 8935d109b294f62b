package streams

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		filter, subject string
		want            bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.b", "a", false},
		{"a", "a.b", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "a.b.c", false},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{"*.b", "a.b", true},
		{"a.b", "", false},
	} {
		if matches(tc.filter, tc.subject) != tc.want {
			t.Errorf("%s of %s: want %v", tc.subject, tc.filter, tc.want)
		}
	}
}

// TestClusterFilteredReadsAreWhole: a read through a filter is over only when one
// replica has said so that has all of the range, whatever stands at its end, and
// however many subjects there are.
func TestClusterFilteredReadsAreWhole(t *testing.T) {
	c := newCluster(t, clusterConfig{durable: relaxed})
	op, enf := c.operator(), c.at("enf")
	const names = 1100 // more than the broker answers for at once
	for i := range names {
		must(t, op.AppendAsync(soon(t), subj(schemas.KindCredential, fmt.Sprintf("n%d", i)), []byte("credential"), func(_ uint64, err error) {
			if err != nil {
				t.Error(err)
			}
		}))
	}
	c.append(op, subj(schemas.KindGovernance, ""), "governance")
	alice := c.at("alice")
	c.append(alice, subj(schemas.KindIntent, "alice"), "after")
	foreign := func() {
		m := nats.NewMsg(subj(schemas.KindIntent, "alice"))
		m.Header.Set("X", "y")
		_, err := alice.nc.RequestMsgWithContext(soon(t), m)
		must(t, err)
	}
	for range 3 {
		for filter, want := range map[string]int{subj(schemas.KindCredential, "*"): names, subj(schemas.KindGovernance, ""): 1, subj(schemas.KindPulse, ""): 0} {
			got := 0
			_, err := Read(soon(t), enf, ReadConfig{Filter: filter}, func(Raw) error { got++; return nil })
			must(t, err)
			if got != want {
				t.Errorf("%s: %d records, want %d", filter, got, want)
			}
		}
		foreign() // the end of the next range is nobody's record
	}
}

// TestAReplicaThatLagsIsNoLoss: what a replica lacks and its leader has is not
// believed to be missing; what the leader lacks too is.
func TestAReplicaThatLagsIsNoLoss(t *testing.T) {
	c := newCluster(t, clusterConfig{durable: relaxed})
	enf, alice := c.at("enf"), c.at("alice")
	head := c.append(alice, subj(schemas.KindIntent, "alice"), "1")
	r, err := openReader(enf, Ledger)
	must(t, err)
	defer r.close()
	wantErr(t, r.beyond(soon(t), head), errTryAgain, "a replica has no position")
	must(t, r.beyond(soon(t), head+1))
	_, err = r.exhausted(soon(t), subj(schemas.KindPulse, ""), 1, head+1)
	wantErr(t, err, errTryAgain)
	f := &follower[Raw]{ctx: t.Context(), c: enf, r: r, state: newStateTeller(nil), last: Raw{Seq: head}}
	for range confirmations + 1 {
		must(t, f.strike(true, ErrRegressed))
		if f.strikes > 0 || !f.doubt {
			t.Fatal("a replica that lags counts against the stream")
		}
	}
	f.last.Seq = head + 1
	for f.strikes < clusterConfirmations-1 {
		must(t, f.strike(true, ErrRegressed))
	}
	wantErr(t, f.strike(true, ErrRegressed), ErrRegressed)

	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = enf.Get(short, math.MaxUint64)
	wantErr(t, err, ErrMissing)
	seq, err := enf.SeqAt(soon(t), time.Now().Add(time.Hour))
	must(t, err)
	if seq != head+1 {
		t.Errorf("the next record will stand at %d, want %d", seq, head+1)
	}
}
