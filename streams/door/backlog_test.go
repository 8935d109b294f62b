package door

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatWaitsStaysInOrder: whatever is put comes out once, in order, whether the
// kernel takes it at once or not.
func TestWhatWaitsStaysInOrder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // returns at once
	must(t, err)
	defer l.Close()
	rapid.Check(t, func(t *rapid.T) {
		client, err := net.Dial("tcp", l.Addr().String()) //nolint:noctx // of this machine
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		ours, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		b, want := newBacklog(ours, 32<<20), []byte(nil)
		ended := make(chan struct{})
		go func() { defer close(ended); b.deliver() }()
		for i := range rapid.IntRange(1, 30).Draw(t, "puts") {
			data := bytes.Repeat([]byte{byte(i)}, rapid.IntRange(0, 1<<20).Draw(t, "size"))
			if err := b.put(data); err != nil {
				t.Fatal(err)
			}
			want = append(want, data...)
		}
		b.end()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes did not come as they were put: %v", len(want), err)
		}
		<-ended
	})
}

func TestABacklogHasABound(t *testing.T) {
	client, other := net.Pipe() // nobody reads
	defer other.Close()
	b := newBacklog(client, 10)
	must(t, b.put(make([]byte, 10)))
	if err := b.put([]byte{1}); !errors.Is(err, errUnread) {
		t.Errorf("one byte more: %v", err)
	}
	must(t, b.put(nil))
	must(t, client.Close())
	b.deliver() // returns: nothing can be written
}
