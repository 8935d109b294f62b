package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/evidence"
)

// progressBar shows how far an audit has come, on one line of a terminal.
type progressBar struct {
	to    io.Writer // nil: nobody looks
	size  int64     // bytes to read; 0 if it is not known
	shown time.Time
}

const (
	barEvery = 100 * time.Millisecond
	barWidth = 30
)

// progressBar writes to standard error if that is a terminal.
func (g *globals) progressBar(size int64, quiet bool) *progressBar {
	if quiet || !isTerminal(g.stderr) {
		return &progressBar{}
	}
	return &progressBar{to: g.stderr, size: size}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (b *progressBar) tell(p evidence.Progress) {
	if b.to == nil || time.Since(b.shown) < barEvery {
		return
	}
	b.shown = time.Now()
	fmt.Fprintf(b.to, "\r\x1b[K%s", b.line(p))
}

func (b *progressBar) line(p evidence.Progress) string {
	what := fmt.Sprintf("%d records, to %s", p.Records, p.LogTime.Format(time.RFC3339))
	if p.Reading > 1 {
		what += ", around sealed arguments"
	}
	if b.size <= 0 {
		return what
	}
	done := min(float64(p.Bytes)/float64(b.size), 1)
	full := int(done * barWidth)
	return fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done*100, what)
}

// clear takes the line away.
func (b *progressBar) clear() {
	if b.to != nil {
		fmt.Fprint(b.to, "\r\x1b[K")
	}
}
