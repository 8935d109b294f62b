package executor

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/permit"
)

// TestAbandonedActionsDoNotDrownALog: however many there are, there is a line a
// second, and every one is counted in some line.
func TestAbandonedActionsDoNotDrownALog(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var a abandonLog
	begun := time.Now()
	for i := range 2500 {
		a.report(log, begun.Add(time.Duration(i)*time.Millisecond), permit.Ruling{}, errors.New("no pulse"))
	}
	a.close(log)
	a.close(log)
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	for i, want := range []string{
		"untold_before=0 so_far=1", "untold_before=999 so_far=1001", "untold_before=999 so_far=2001", "untold_before=499 so_far=2500",
	} {
		if len(lines) != 4 || !strings.HasSuffix(lines[i], want) {
			t.Fatalf("line %d must end with %q; all are\n%s", i, want, text.String())
		}
	}
}
