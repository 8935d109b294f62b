package stdio

import (
	"errors"
	"fmt"
	"io"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// fromServer takes what the server writes, until it ends. A line that is no
// message is dropped: some servers greet.
func (l *link) fromServer() error {
	lines := jsonrpc.NewLines(l.cfg.Server.Reader(), maxMessage)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, jsonrpc.ErrLong) {
			return fmt.Errorf("mcp: reading from the server: %w", err)
		}
		m := jsonrpc.Message{}
		if err == nil {
			m, err = jsonrpc.Parse(line, maxMessage)
		}
		if err != nil {
			l.cfg.Logger.Warn("a line of the server was dropped", "err", err)
			l.garbled(m)
			continue
		}
		l.serverSays(m)
	}
}

// garbled ends the wait for an answer that came and cannot be read.
func (l *link) garbled(m jsonrpc.Message) {
	if m.ID != nil {
		l.drop(m.ID)
	}
}

func (l *link) serverSays(m jsonrpc.Message) {
	if !m.IsResponse() {
		if m.Method == "notifications/tools/list_changed" {
			l.cfg.Session.Changed()
		}
		l.tell(m.Raw)
		return
	}
	if l.answered(jsonrpc.FromServer, m) {
		return
	}
	l.mu.Lock()
	what, known := l.asked[jsonrpc.Key(m.ID)]
	delete(l.asked, jsonrpc.Key(m.ID))
	l.mu.Unlock()
	switch {
	case !known && string(m.ID) == "null": // about a message that the server could not read
		l.tell(m.Raw)
	case !known:
		l.cfg.Logger.Warn("an answer of the server to no request was dropped", "id", string(m.ID))
	case what == askedTools:
		l.tell(l.cfg.Session.Listed(m))
	default:
		l.tell(m.Raw)
	}
}
