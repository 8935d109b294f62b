package zone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrUnwell reports a part that could not act, or that cannot be seen to be able.
var ErrUnwell = errors.New("zone: not well")

const (
	// healthAnswer bounds an answer, so that whoever asks cannot be flooded.
	healthAnswer = 8 << 10
	// healthAskers is how many may ask at once; the others are turned away.
	healthAskers = 8
	// healthGrace is what an answer may take on its way, beside HealthPatience.
	healthGrace = time.Second
)

// HealthDoor answers at a Unix socket whether a member could act. Whoever connects
// gets one Health as JSON and sends nothing. It is worked out when it is asked for:
// there is no word that could grow old, and a process that hangs answers nobody.
type HealthDoor struct {
	zone     *Zone
	role     pb.Role
	name     string
	log      *slog.Logger
	listener net.Listener
	cancel   context.CancelFunc
	answers  sync.WaitGroup
}

// OpenHealth begins to answer at a path for one member, which need not have been
// started yet. The folder is this user's alone, and made if it is missing. A socket
// that a process left behind is replaced; one that somebody answers at is not. Close
// the door when done.
func (z *Zone) OpenHealth(ctx context.Context, path string, role pb.Role, name string) (*HealthDoor, error) {
	if err := clearSocket(ctx, path); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("zone: answering for health: %w; name a path of less than 100 characters in a folder that is there", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &HealthDoor{zone: z, role: role, name: name, log: z.cfg.Logger, listener: listener, cancel: cancel}
	d.answers.Go(func() { d.serve(ctx) })
	return d, nil
}

// Close ends answering and removes the socket.
func (d *HealthDoor) Close() {
	d.cancel()
	_ = d.listener.Close() // it has no more to say
	d.answers.Wait()
}

func (d *HealthDoor) serve(ctx context.Context) {
	seats := make(chan struct{}, healthAskers)
	for {
		asker, err := d.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of file descriptors, for example
			d.log.Warn("nobody can ask for health", "err", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(healthGrace):
			}
			continue
		}
		select {
		case seats <- struct{}{}:
			d.answers.Go(func() {
				defer func() { <-seats }()
				d.answer(ctx, asker)
			})
		default:
			_ = asker.Close() // no answer is no health
		}
	}
}

func (d *HealthDoor) answer(ctx context.Context, asker net.Conn) {
	defer asker.Close()
	h := d.zone.Health(ctx, d.role, d.name)
	if h.Why = shorten(h.Why, healthWhy); asker.SetWriteDeadline(time.Now().Add(healthGrace)) != nil {
		return
	}
	if err := json.NewEncoder(asker).Encode(h); err != nil {
		d.log.Debug("nobody waited for an answer about health", "err", err)
	}
}

// healthWhy is how many characters an explanation may have: in JSON each takes six
// bytes at most.
const healthWhy = healthAnswer / 16

func shorten(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most])
	}
	return text
}

// socketFolder makes the folder of a socket if it is missing, and demands that it
// is this user's alone: a container's folder in memory may come with another mode
// each time that the container starts.
func socketFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("zone: answering for health: %w; make the folder above it first", err)
	}
	folder, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("zone: answering for health: %w", err)
	}
	if folder.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("zone: answering for health: %s is open to group or others; run: chmod 700 %s", dir, dir)
	}
	return nil
}

// clearSocket demands that a path is free, in a folder of this user's alone, and
// removes the socket of a process that is gone.
func clearSocket(ctx context.Context, path string) error {
	if err := socketFolder(filepath.Dir(path)); err != nil {
		return err
	}
	there, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("zone: answering for health: %w", err)
	case there.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("zone: answering for health: %s is there and no socket; name another path", path)
	}
	asker, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("zone: answering for health: somebody answers at %s already; name another path", path), asker.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("zone: answering for health: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("zone: answering for health: %w", err)
	}
	return nil
}

// AskHealth asks at a Unix socket whether a part could act. Without a clear yes in
// time the error wraps ErrUnwell: nobody answers, or something else than Health, or
// the part says why it is unable.
func AskHealth(ctx context.Context, path string) (Health, error) {
	ctx, cancel := context.WithTimeout(ctx, HealthPatience+2*healthGrace)
	defer cancel()
	data, err := askSocket(ctx, path)
	if err != nil {
		return Health{}, fmt.Errorf("%w: no answer at %s: %w", ErrUnwell, path, err)
	}
	h, err := readHealth(data)
	switch {
	case err != nil:
		return Health{}, fmt.Errorf("%w: what answers at %s: %w", ErrUnwell, path, err)
	case !h.Able:
		return h, fmt.Errorf("%w: %s %s: %s", ErrUnwell, h.Role, h.Name, h.Why)
	default:
		return h, nil
	}
}

func askSocket(ctx context.Context, path string) ([]byte, error) {
	asker, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer asker.Close()
	if until, ok := ctx.Deadline(); ok {
		if err := asker.SetReadDeadline(until); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = asker.Close() })
	defer stop()
	return io.ReadAll(io.LimitReader(asker, healthAnswer+1))
}

// readHealth reads exactly one Health that does not contradict itself.
func readHealth(data []byte) (Health, error) {
	if len(data) > healthAnswer {
		return Health{}, fmt.Errorf("it says more than %d bytes", healthAnswer)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var h Health
	if err := decoder.Decode(&h); err != nil {
		return Health{}, fmt.Errorf("not the JSON that is wanted: %w", err)
	}
	if decoder.More() {
		return Health{}, errors.New("not the JSON that is wanted: something follows it")
	}
	if h.Role == "" || h.Name == "" || h.Able != (h.Why == "") {
		return Health{}, errors.New("not the JSON that is wanted: it does not say who it is, or contradicts itself")
	}
	return h, nil
}
