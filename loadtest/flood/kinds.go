package flood

import (
	"context"
	"crypto/rand"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Kind is one way to flood a zone.
type Kind struct {
	Name string
	What string // in a sentence

	// attack floods until ctx ends. That the zone throws it out is no error.
	attack func(ctx context.Context, a attacker) error
}

// attacker is the agent that floods, and where.
type attacker struct {
	address string
	member  *fabric.Member
}

// Kinds are all ways that one enrolled agent has.
func Kinds() []Kind {
	return []Kind{
		{"lists", "valid intents in the largest lists that are signed once", lists(schemas.MaxItems, false)},
		{"intents", "valid intents one by one, each signed", lists(1, false)},
		{"sessions", "valid intents, each in a session of its own", lists(64, true)},
		{"slow", "valid intents of actions that do not end before their deadline", slow},
		{"noise", "random bytes of all sizes where intents belong", noise},
		{"small", "empty messages on subjects that it may not use", small},
		{"large", "messages beyond every limit, and the longest lines", large},
		{"connections", "connections by the hundred, most of which never say who they are", connections},
		{"subscriptions", "subscriptions and pings", subscriptions},
		{"unread", "valid intents with large results that it never reads", unread},
	}
}

// width is how many connections it floods on at a time: as many as it may.
const width = 8

// again runs one connection after the other, several at a time, until ctx ends.
func again(ctx context.Context, a attacker, flood func(h *hostile) error) error {
	var g errgroup.Group
	for range width {
		g.Go(func() error {
			for ctx.Err() == nil {
				h, err := dial(a.address, a.member.NKeySeed)
				if err != nil {
					pause(ctx, 10*time.Millisecond)
					continue
				}
				stop := context.AfterFunc(ctx, func() { _ = h.Close() })
				_ = flood(h) // it was thrown out, or it is time to end
				stop()
				_ = h.Close()
			}
			return nil
		})
	}
	return g.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func introduce(h *hostile, a attacker) error {
	return h.publish(schemas.Subject(a.member.ID.Zone, schemas.KindCredential, a.member.ID.Name), a.member.Credential)
}

func lists(n int, sessions bool) func(context.Context, attacker) error {
	return flooding(n, sessions, "file-read", "reports/q3.txt", true)
}

// slow asks for what the measured zone does slowly.
func slow(ctx context.Context, a attacker) error {
	return flooding(64, false, "file-write", "out/slow", true)(ctx, a)
}

func unread(ctx context.Context, a attacker) error {
	return flooding(64, false, "file-read", "reports/large", false)(ctx, a)
}

// flooding sends lists of n valid intents.
func flooding(n int, sessions bool, tool, resource string, reads bool) func(context.Context, attacker) error {
	return func(ctx context.Context, a attacker) error {
		return again(ctx, a, func(h *hostile) error {
			if reads {
				go h.deaf()
			} else if _, err := h.Write([]byte("SUB " + schemas.Subject(a.member.ID.Zone, schemas.KindAnswer, a.member.ID.Name) + " 1\r\n")); err != nil {
				return err
			}
			if err := introduce(h, a); err != nil {
				return err
			}
			m := &maker{agent: a.member}
			for {
				data, err := m.list(n, sessions, tool, resource)
				if err != nil {
					return err
				}
				if err := h.publish(m.subject(), data); err != nil {
					return err
				}
			}
		})
	}
}

func noise(ctx context.Context, a attacker) error {
	return again(ctx, a, func(h *hostile) error {
		go h.deaf()
		m, data := &maker{agent: a.member}, make([]byte, schemas.MaxEnvelope)
		_, _ = rand.Read(data)
		for size := 0; ; size = (size*3 + 1) % len(data) {
			if err := h.publish(m.subject(), data[:size]); err != nil {
				return err
			}
		}
	})
}

func small(ctx context.Context, a attacker) error {
	return again(ctx, a, func(h *hostile) error {
		go h.deaf()
		piece := []byte(strings.Repeat("PUB fabric.home.governance 0\r\n\r\n", 1000))
		for {
			if _, err := h.Write(piece); err != nil {
				return err
			}
		}
	})
}

func large(ctx context.Context, a attacker) error {
	lines := false
	return again(ctx, a, func(h *hostile) error {
		go h.deaf()
		if lines = !lines; lines {
			_, err := h.Write([]byte("PUB " + strings.Repeat("a", 1<<20)))
			return err
		}
		m := &maker{agent: a.member}
		return h.publish(m.subject(), make([]byte, 2*schemas.MaxEnvelope))
	})
}

// connections opens sockets that say nothing beside such that log in and leave.
func connections(ctx context.Context, a attacker) error {
	var g errgroup.Group
	for i := range width / 2 {
		g.Go(func() error {
			var held []net.Conn
			defer func() {
				for _, c := range held {
					_ = c.Close()
				}
			}()
			for ctx.Err() == nil {
				if i == 0 {
					if h, err := dial(a.address, a.member.NKeySeed); err == nil {
						held = append(held, h)
					}
				} else if c, err := net.DialTimeout("tcp", a.address, dialWithin); err == nil { //nolint:noctx // it has a limit of its own
					held = append(held, c)
				}
				if len(held) > 100 {
					_ = held[0].Close()
					held = held[1:]
				}
				pause(ctx, time.Millisecond)
			}
			return nil
		})
	}
	return g.Wait()
}

func subscriptions(ctx context.Context, a attacker) error {
	return again(ctx, a, func(h *hostile) error {
		go h.deaf()
		piece := strings.Builder{}
		for range 500 {
			piece.WriteString("SUB _INBOX.>  1\r\nPING\r\nUNSUB 1\r\n")
		}
		for {
			if _, err := h.Write([]byte(piece.String())); err != nil {
				return err
			}
		}
	})
}
