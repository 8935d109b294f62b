package witness

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// maxBody bounds a request: a note, and a proof of 63 hashes in base64.
const maxBody = lineage.MaxNote + 4<<10

const maxHeader = 16 << 10 // bytes

// limits are how long a client may take.
type limits struct{ header, request, answer, idle, shutdown time.Duration }

var defaultLimits = limits{
	header: 5 * time.Second, request: 10 * time.Second, answer: 10 * time.Second, idle: 2 * time.Minute,
	shutdown: 5 * time.Second,
}

// sizeType is the media type of the size that a StaleError answers.
const sizeType = "text/x.tlog.size"

// Handler serves POST /add-checkpoint, and nothing else.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.serveAdd)
	return mux
}

// Serve answers requests until ctx ends, then lets those under way finish for a
// few seconds. It returns nil when ctx ended it, and closes the listener always.
func (w *Witness) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           w.Handler(),
		ReadHeaderTimeout: w.limits.header,
		ReadTimeout:       w.limits.request,
		WriteTimeout:      w.limits.answer,
		IdleTimeout:       w.limits.idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(w.cfg.Logger.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.limits.shutdown)
	defer cancel()
	if server.Shutdown(patience) != nil {
		_ = server.Close() // whoever is that slow was answered by nobody
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (w *Witness) serveAdd(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		w.answerRead(rw, err)
		return
	}
	lines, err := w.AddCheckpoint(body)
	if err != nil {
		w.refuse(rw, err)
		return
	}
	w.cfg.Meter.Answered(http.StatusOK)
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = rw.Write(lines) // a client that is gone asks again
}

func (w *Witness) answerRead(rw http.ResponseWriter, err error) {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		w.fail(rw, "witness: the request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	w.fail(rw, "witness: the request broke off", http.StatusBadRequest)
}

// fail answers with a status that is no success.
func (w *Witness) fail(rw http.ResponseWriter, text string, status int) {
	w.cfg.Meter.Answered(status)
	http.Error(rw, text, status)
}

// refuse answers an error with the status that C2SP tlog-witness gives it.
func (w *Witness) refuse(rw http.ResponseWriter, err error) {
	if stale, ok := errors.AsType[*StaleError](err); ok {
		w.cfg.Meter.Answered(http.StatusConflict)
		rw.Header().Set("Content-Type", sizeType)
		rw.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(rw, strconv.FormatUint(stale.Size, 10)+"\n") // a client that is gone asks again
		return
	}
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			w.cfg.Logger.Info("refused a checkpoint", "status", known.status, "err", err)
			w.fail(rw, err.Error(), known.status)
			return
		}
	}
	w.cfg.Logger.Error("a checkpoint could not be cosigned", "err", err)
	w.fail(rw, "witness: it cannot cosign now; its log says why", http.StatusInternalServerError)
}

var statuses = []struct {
	err    error
	status int
}{
	{ErrMalformed, http.StatusBadRequest},
	{ErrUnknown, http.StatusNotFound},
	{ErrUnsigned, http.StatusForbidden},
	{ErrFork, http.StatusConflict},
	{ErrProof, http.StatusUnprocessableEntity},
}
