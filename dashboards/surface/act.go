package surface

import (
	"context"
	"log/slog"
	"sync"
)

// Act is something that somebody did in the console, or tried to.
type Act struct {
	Route  string // the pattern: never the path, in which people write
	Status int    // of the answer
}

// relayed is what became of a record that somebody handed in. It is written by the
// goroutine of a request, and by those that it starts.
type relayed struct {
	mu       sync.Mutex
	digest   string
	position uint64
}

type relayedKey struct{}

// WithAct prepares for an act, whose record is told by Relayed.
func WithAct(ctx context.Context) context.Context {
	return context.WithValue(ctx, relayedKey{}, &relayed{})
}

// Relayed notes which record an act put on the ledger, and where, for Acted. Without
// WithAct it does nothing.
func Relayed(ctx context.Context, digest string, position uint64) {
	if at, ok := ctx.Value(relayedKey{}).(*relayed); ok {
		at.mu.Lock()
		defer at.mu.Unlock()
		at.digest, at.position = digest, position
	}
}

// Acted logs who did what, in which role, how that is known, and what became of it. It
// tells nothing that was sent: neither words nor keys nor cookies. What changes a zone is
// signed and on the ledger; this says who carried it there. What nobody in particular
// tried is told to those alone who want to know everything, so that strangers cannot
// fill a log.
func Acted(ctx context.Context, log *slog.Logger, act Act) {
	user := UserOf(ctx)
	told := []slog.Attr{
		slog.String("route", act.Route), slog.String("user", user.Name), slog.String("subject", user.Subject),
		slog.String("role", user.Role.String()), slog.String("how", user.How), slog.Int("status", act.Status),
	}
	if at, ok := ctx.Value(relayedKey{}).(*relayed); ok {
		at.mu.Lock()
		defer at.mu.Unlock()
		if at.digest != "" {
			told = append(told, slog.String("record", at.digest), slog.Uint64("position", at.position))
		}
	}
	level := slog.LevelInfo
	if !user.Role.Allows(Viewer) {
		level = slog.LevelDebug
	}
	log.LogAttrs(ctx, level, "somebody acted in the console", told...)
}
