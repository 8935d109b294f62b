package streams

import (
	"testing"

	"github.com/portcullis-dev/portcullis/schemas"
)

// The way of a record, as doc.go tells it: appended by an agent, stored,
// announced, delivered; and an answer back.
func TestTheWayOfARecord(t *testing.T) {
	embedded := func(tcp bool) func(testing.TB) *world {
		return func(t testing.TB) *world {
			w := newWorld(t, nil)
			w.tcp = tcp
			return w
		}
	}
	for name, world := range map[string]func(testing.TB) *world{
		"in process": embedded(false), "tcp": embedded(true), "external server": newExternalWorld,
	} {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			alice, enf := w.connect("alice"), w.connect("enf")
			w.append(alice, subj(schemas.KindIntent, "alice"), "before")
			tp := w.follow(enf, FollowConfig{})
			eventually(t, "live", func() bool { return tp.state() == Live })
			last := w.append(alice, subj(schemas.KindIntent, "alice"), "while")
			for i, r := range tp.upTo(t, last) {
				if want := []string{"before", "while"}[i]; string(r.Data) != want || r.Subject != "fabric.z.intent.alice" || r.Time.IsZero() || r.Foreign {
					t.Errorf("record %d is %+v, want %q", i, r, want)
				}
			}
			answers := make(chan string, 1)
			stop, err := alice.SubscribeAnswers(func(b []byte) { answers <- string(b) })
			must(t, err)
			defer stop()
			must(t, alice.nc.Flush())
			must(t, enf.PublishAnswer("alice", []byte("yes")))
			if a := <-answers; a != "yes" {
				t.Errorf("answer is %q", a)
			}
		})
	}
}
