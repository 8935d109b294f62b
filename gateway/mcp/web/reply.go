package web

import (
	"net/http"
	"slices"
	"sync"
)

// reply is the answer to one tools/call while it is written: one message, or a
// stream. Safe for concurrent use; after close it writes nothing.
type reply struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	streams bool // the client reads streams
	open    bool // it is a stream
	closed  bool
	code    int   // of an answer that is one message
	final   event // of the server's stream, which had the answer
}

func newReply(w http.ResponseWriter, r *http.Request) *reply {
	return &reply{w: w, streams: accepts(r, kindStream), code: http.StatusOK}
}

// stream makes the reply a stream. It reports whether it is one.
func (o *reply) stream() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.open || !o.streams {
		return o.open
	}
	o.open = true
	o.w.Header().Set("Content-Type", kindStream)
	o.w.Header().Set("Cache-Control", "no-cache")
	o.w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(o.w).Flush()
	return true
}

// write adds to a stream.
func (o *reply) write(raw []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open && !o.closed {
		_, _ = o.w.Write(raw) // whoever left hears nothing
		_ = http.NewResponseController(o.w).Flush()
	}
}

// status notes how the server's transport refused, for the client to see: its
// session may be over, or it may have to sign in.
func (o *reply) status(up *http.Response) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open || o.closed {
		return
	}
	if slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, up.StatusCode) {
		o.code = up.StatusCode
	}
	for _, challenge := range up.Header.Values("Www-Authenticate") {
		o.w.Header().Add("Www-Authenticate", challenge)
	}
}

// ends notes the event that had the server's answer.
func (o *reply) ends(final event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.final = final
}

// finish writes the last message.
func (o *reply) finish(message []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
	case o.open && message == nil:
	case o.open:
		_, _ = o.w.Write(o.final.with(message))
	case message == nil: // the client gave the call up and wants no answer
		o.w.WriteHeader(http.StatusAccepted)
	default:
		writeJSON(o.w, o.code, message)
	}
}

// over reports whether nothing is written any more.
func (o *reply) over() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

func (o *reply) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}
