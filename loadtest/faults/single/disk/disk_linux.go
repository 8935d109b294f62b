package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// Disk is a file system on a device that can lose its power. It belongs to one
// goroutine.
type Disk struct {
	dir   string // where it is mounted
	image string // what is on the medium while it is off

	child   *exec.Cmd // nil while it is off
	orders  io.WriteCloser
	answers *bufio.Reader
}

// Make makes a disk of some bytes with an empty ext4, kept in an image file, to be
// mounted at dir, which must exist. It is off.
func Make(ctx context.Context, dir, image string, size int64) (*Disk, error) {
	f, err := os.OpenFile(image, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if err := errors.Join(f.Truncate(size), f.Close(), os.WriteFile(front(image), nil, 0o600)); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if err := run(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-E", "root_owner="+strconv.Itoa(os.Getuid())+":"+strconv.Itoa(os.Getgid()), image); err != nil {
		return nil, err
	}
	return &Disk{dir: dir, image: image}, nil
}

// Dir is where it is mounted.
func (d *Disk) Dir() string { return d.dir }

// On gives power and mounts the file system; its journal is replayed then.
func (d *Disk) On(ctx context.Context) error {
	if d.child != nil {
		return errors.New("disk: it is on already")
	}
	if err := d.serve(); err != nil {
		return err
	}
	if err := run(ctx, "mount", "-o", "loop", front(d.image), d.dir); err != nil {
		return errors.Join(err, d.unplug(ctx))
	}
	return nil
}

// serve mounts the device and starts the child that it is. The child runs in the
// mount namespace from which [Isolate] came: when everything is killed at once, the
// last process of a namespace unmounts what is mounted there, and would wait for
// itself if it were the device.
func (d *Disk) serve() error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	connection, err := mount(front(d.image))
	if err != nil {
		return err
	}
	// The child has its own then, and its end is the mount's.
	defer connection.Close()
	child := exec.Command("nsenter", fmt.Sprintf("--mount=/proc/self/fd/%d", namespaceFD), executable) //nolint:noctx,gosec // this executable; it ends with its input
	child.Env = append(os.Environ(), childOf+"="+d.image)
	child.Stderr = os.Stderr
	child.ExtraFiles = []*os.File{connection, origin()}
	orders, err := child.StdinPipe()
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	answers, err := child.StdoutPipe()
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("disk: %w; install the package util-linux", err)
	}
	d.child, d.orders, d.answers = child, orders, bufio.NewReader(answers)
	if line, err := d.answers.ReadString('\n'); err != nil || line != "on\n" {
		return errors.Join(fmt.Errorf("disk: the device is not there: %w", err), orders.Close(), child.Wait())
	}
	return nil
}

// mount mounts a device and returns the connection by which it is served.
func mount(at string) (*os.File, error) {
	if os.Getenv(isolated) == "" {
		return nil, errors.New("disk: call Isolate first")
	}
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("disk: /dev/fuse: %w; run as root on a kernel with FUSE", err)
	}
	connection := os.NewFile(uintptr(fd), "/dev/fuse")
	options := fmt.Sprintf("fd=%d,rootmode=%o,user_id=%d,group_id=%d", fd, syscall.S_IFREG|0o600, os.Getuid(), os.Getgid())
	if err := syscall.Mount("portcullis-fault-disk", at, "fuse", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		return nil, errors.Join(fmt.Errorf("disk: mounting %s: %w; run as root", at, err), connection.Close())
	}
	return connection, nil
}

// Cut takes the power away: with the so-manieth write from now, so that something is
// in the cache, or, for 0, at once. Of what was not flushed so many sectors in a
// thousand survive, as the seed has it. Processes that use the disk still run: end
// them, then call Off.
func (d *Disk) Cut(writes, survive int, seed uint64) (Cut, error) {
	line, err := d.order(fmt.Sprintf("cut %d %d %d", writes, survive, seed))
	if err != nil {
		return Cut{}, err
	}
	var done Cut
	if _, err := fmt.Sscanf(line, "cut %d %d", &done.Cached, &done.Lost); err != nil {
		return Cut{}, fmt.Errorf("disk: cutting the power: %q: %w", line, err)
	}
	return done, nil
}

// Fail lets every write and flush fail from now on, as a dying drive's; ext4 turns
// itself read-only then.
func (d *Disk) Fail() error {
	_, err := d.order("fail")
	return err
}

func (d *Disk) order(order string) (answer string, err error) {
	if d.child == nil {
		return "", errors.New("disk: it is off")
	}
	if _, err := fmt.Fprintln(d.orders, order); err != nil {
		return "", fmt.Errorf("disk: %s: %w", order, err)
	}
	answer, err = d.answers.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("disk: %s: %w", order, err)
	}
	return answer, nil
}

// Off unmounts it; nobody may use it any more. Without a cut before, everything is
// written to the medium first.
func (d *Disk) Off(ctx context.Context) error {
	if d.child == nil {
		return nil
	}
	if err := run(ctx, "umount", d.dir); err != nil {
		return err
	}
	return d.unplug(ctx)
}

func (d *Disk) unplug(ctx context.Context) error {
	err := errors.Join(run(ctx, "umount", front(d.image)), d.orders.Close(), d.child.Wait())
	d.child = nil
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	return nil
}

// run runs a program of the system's.
func run(ctx context.Context, name string, arguments ...string) error {
	out, err := exec.CommandContext(ctx, name, arguments...).CombinedOutput() //nolint:gosec // programs and paths are of this package
	if err != nil {
		return fmt.Errorf("disk: %s %q: %w: %s; it needs root, and the packages mount and e2fsprogs", name, arguments, err, out)
	}
	return nil
}
