package zone

import (
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// noted is a stream of checkpoints of one tree, each by its size and the second in
// which it was stored. A negative size is that of a forged note.
type noted struct{ size, second int }

// searched reads notes as a search does, from the end backwards, and returns the
// size of the largest that it finds and how many it looked at.
func searched(t *testing.T, all bool, most uint64, stream ...noted) (size uint64, seen int) {
	t.Helper()
	signers, keys := loggers(t)
	s := &noteSearch{base: &base{origin: func(int) string { return keys.Origin() }, keys: []keysFrom{{0, keys, true}}}, most: most, all: all}
	for _, n := range slices.Backward(stream) {
		signer := signers[0]
		if n.size < 0 {
			n.size, signer = -n.size, signers[1]
		}
		note, err := signer.Sign(lineage.Checkpoint{Origin: keys.Origin(), Size: uint64(n.size)}.String(), time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if !s.see(streams.Raw{Data: note, Time: time.Unix(int64(n.second), 0)}) {
			break
		}
	}
	if s.found == nil {
		return 0, seen
	}
	return s.found.Size, seen
}

// loggers are a recorder that counts, a forger, and the keys that tell them apart.
func loggers(t *testing.T) (signers []*trust.LogSigner, keys *lineage.Keys) {
	t.Helper()
	origin := lineage.Origin("d.test", "z", trust.Digest{1}, 0)
	for range 2 {
		text, public, err := trust.GenerateLogKeys()
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := trust.ParseLogKeys(text)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := parsed.Signer(origin)
		if err != nil {
			t.Fatal(err)
		}
		if signers = append(signers, signer); keys == nil {
			if keys, err = lineage.NewKeys(origin, []*pb.Identity{{Role: pb.Role_ROLE_RECORDER, Name: "r1", LogKeys: public}}, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	return signers, keys
}

// TestSearchBack: a search reads until a minute before the largest that it found,
// or all; what does not verify or is too large is no reason to stop.
func TestSearchBack(t *testing.T) {
	const whatever = ^uint64(0)
	for name, tt := range map[string]struct {
		stream    []noted
		most      uint64
		some, all uint64 // what is found
		seen      int    // by the search of a minute
	}{
		"nothing":            {nil, whatever, 0, 0, 0},
		"in order":           {[]noted{{1, 10}, {2, 20}, {3, 100}}, whatever, 3, 3, 2},
		"a late copy":        {[]noted{{1, 10}, {9, 90}, {8, 95}}, whatever, 9, 9, 3},
		"old copies":         {[]noted{{9, 10}, {4, 100}, {5, 101}}, whatever, 5, 9, 3},
		"copies of the same": {[]noted{{9, 10}, {5, 80}, {5, 120}, {5, 170}}, whatever, 5, 9, 4},
		"forged":             {[]noted{{3, 10}, {-9, 100}, {-9, 200}}, whatever, 3, 3, 3},
		"too large":          {[]noted{{3, 10}, {9, 100}, {9, 200}}, 5, 3, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got, seen := searched(t, false, tt.most, tt.stream...); got != tt.some || seen != tt.seen {
				t.Errorf("found %d after %d notes, want %d after %d", got, seen, tt.some, tt.seen)
			}
			if got, seen := searched(t, true, tt.most, tt.stream...); got != tt.all || seen != len(tt.stream) {
				t.Errorf("all of it: found %d after %d notes, want %d", got, seen, tt.all)
			}
		})
	}
}
