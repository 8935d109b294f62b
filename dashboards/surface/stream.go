package surface

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// sendWithin is how long one event may take to go out: who does not read is left.
const sendWithin = 10 * time.Second

// Stream is an answer that goes on: events as EventSource reads them (HTML, Server-sent
// events). It belongs to the goroutine of its request.
type Stream struct {
	w    http.ResponseWriter
	out  *http.ResponseController
	sent int
}

// OpenStream begins one. It ends with its request.
func OpenStream(w http.ResponseWriter) (*Stream, error) {
	s := &Stream{w: w, out: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that gather answers would hold it back
	w.WriteHeader(http.StatusOK)
	return s, s.out.Flush()
}

// Send sends one event with a value as its data.
func (s *Stream) Send(event string, v any) error {
	data, err := json.Marshal(v) // one line: it escapes line breaks
	if err != nil {
		return err
	}
	if err := s.out.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
		return fmt.Errorf("surface: %w", err)
	}
	s.sent++
	if _, err := fmt.Fprintf(s.w, "event: %s\nid: %d\ndata: %s\n\n", event, s.sent, data); err != nil {
		return err
	}
	return s.out.Flush()
}
