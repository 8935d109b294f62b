package governance

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestHeadVector spells head 1 of a chain out, for other implementations.
func TestHeadVector(t *testing.T) {
	payload := trust.DigestOf([]byte("genesis"))
	input := append([]byte("portcullis/governance-head/v1\x00"), make([]byte, 32)...)
	input = binary.BigEndian.AppendUint64(input, 1)
	input = binary.BigEndian.AppendUint64(input, 7)
	input = append(input, payload[:]...)
	want := Head{Number: 1, Digest: trust.DigestOf(input)}
	if got := (Head{}).next(7, payload); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := want.Digest.String(); got != "709ad2a031e244293ef82929bddf4c5d33715d356c11d168adc31d8d20d6ec96" {
		t.Errorf("digest %s", got)
	}
}

type link struct{ seq, payload uint64 }

func headOf(links []link) Head {
	var h Head
	for _, l := range links {
		h = h.next(l.seq, trust.DigestOf(binary.BigEndian.AppendUint64(nil, l.payload)))
	}
	return h
}

// TestHeadsDiffer: any difference in number, order, position or bytes of the
// records makes another head.
func TestHeadsDiffer(t *testing.T) {
	draw := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) link {
		return link{rapid.Uint64Range(1, 3).Draw(t, "seq"), rapid.Uint64Range(1, 3).Draw(t, "payload")}
	}), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		if same := headOf(a) == headOf(b); same != slices.Equal(a, b) {
			t.Fatalf("%v and %v: equal heads: %v", a, b, same)
		}
	})
}

// TestCheckHead: every own head passes, a fork and a head from beyond do not.
func TestCheckHead(t *testing.T) {
	c := before(t, 1, 1)
	if err := c.state.CheckHead(Head{}.Proto()); !errors.Is(err, ErrForked) {
		t.Errorf("a head before genesis: %v", err)
	}
	var heads []Head
	grow := func(data []byte) { c.must(data); heads = append(heads, c.state.Head()) }
	grow(c.zone.Genesis)
	grow(c.release())
	grow(c.halt())
	grow(c.halt())
	for _, h := range heads {
		if err := c.state.CheckHead(h.Proto()); err != nil {
			t.Errorf("own head %d: %v", h.Number, err)
		}
		for i := range h.Digest {
			forged := h
			forged.Digest[i] ^= 1
			if err := c.state.CheckHead(forged.Proto()); !errors.Is(err, ErrForked) {
				t.Fatalf("head %d with byte %d changed: %v", h.Number, i, err)
			}
		}
		moved := Head{Number: h.Number%4 + 1, Digest: h.Digest}
		if err := c.state.CheckHead(moved.Proto()); !errors.Is(err, ErrForked) {
			t.Errorf("head %d under number %d: %v", h.Number, moved.Number, err)
		}
	}
	beyond := c.state.Head().next(9, trust.Digest{1})
	tests := []struct {
		name string
		head *pb.Head
		want error
	}{
		{"beyond", beyond.Proto(), ErrWithheld},
		{"far beyond", &pb.Head{Number: 1<<64 - 1, Digest: make([]byte, 32)}, ErrWithheld},
		{"none", nil, ErrForked},
		{"number 0", &pb.Head{Digest: make([]byte, 32)}, ErrForked},
		{"short digest", &pb.Head{Number: 1, Digest: heads[0].Digest[:31]}, ErrForked},
		{"no digest", &pb.Head{Number: 1}, ErrForked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := c.state.CheckHead(test.head); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	handed := heads[0].Proto()
	handed.Digest[0] ^= 1
	if c.state.CheckHead(heads[0].Proto()) != nil {
		t.Error("Proto hands out the head's own bytes")
	}
}
