package streams

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// heardLog is what was logged, at the level of warnings.
type heardLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heardLog) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heardLog) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func TestALossIsToldOnceItLasts(t *testing.T) {
	told := func() (*lossLog, *heardLog) {
		h := new(heardLog)
		return &lossLog{log: slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelWarn})), participant: "x1"}, h
	}
	brief, ofBrief := told()
	brief.refused(nats.ErrAuthorization)
	brief.lost(errors.New("EOF"))
	brief.settled()

	long, ofLong := told()
	long.refused(nats.ErrAuthorization)
	long.lost(errors.New("EOF"))
	long.lost(errors.New("again")) // one loss, one warning

	after, ofAfter := told()
	after.refused(nats.ErrAuthorization)
	after.settled()
	after.lost(errors.New("EOF"))

	for end := time.Now().Add(time.Minute); ofLong.String() == "" || ofAfter.String() == ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a loss that lasts is not told: %q, %q", ofLong, ofAfter)
		}
	}
	if said := ofLong.String(); strings.Count(said, "connection lost") != 1 || !strings.Contains(said, nats.ErrAuthorization.Error()) || !strings.Contains(said, "x1") {
		t.Errorf("a loss with a refused key: %s", said)
	}
	if said := ofAfter.String(); !strings.Contains(said, "EOF") {
		t.Errorf("a refusal from before the connection stood is told of a later loss: %s", said)
	}
	if said := ofBrief.String(); said != "" {
		t.Errorf("a moment's loss is told: %s", said)
	}
}
