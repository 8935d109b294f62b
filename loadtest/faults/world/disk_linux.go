package world

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a small file system of one host, mounted on a folder that nobody else sees.
type Disk struct {
	t    testing.TB
	host *Host
	dir  string
}

// Disk mounts a file system of so many bytes (as mount writes it, "64m") on a folder of the host.
func (h *Host) Disk(dir, size string) *Disk {
	h.t.Helper()
	must(h.t, os.MkdirAll(dir, 0o700))
	must(h.t, command(h.inside("mount", "-t", "tmpfs", "-o", "size="+size+",mode=0700", "tmpfs", dir)...))
	return &Disk{t: h.t, host: h, dir: dir}
}

// Outside is the disk's folder as the test reaches it.
func (d *Disk) Outside() string { return filepath.Join("/proc", d.host.id(), "root", d.dir) }

// ballast is a file that takes up room.
func (d *Disk) ballast() string { return filepath.Join(d.Outside(), "ballast") }

// Fill takes up all the room that is left.
func (d *Disk) Fill() {
	d.t.Helper()
	f, err := os.Create(d.ballast())
	must(d.t, err)
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatalf("filling a disk ended with %v", err)
	}
	must(d.t, f.Close())
}

// Free gives the room back.
func (d *Disk) Free() {
	d.t.Helper()
	must(d.t, os.Remove(d.ballast()))
}

// Copy copies what is on the disk now to a folder of the test.
func (d *Disk) Copy(to string) {
	d.t.Helper()
	must(d.t, os.CopyFS(to, os.DirFS(d.Outside())))
}

// Restore replaces what is on the disk by a copy that was made before.
func (d *Disk) Restore(from string) {
	d.t.Helper()
	d.Empty()
	must(d.t, os.CopyFS(d.Outside(), os.DirFS(from)))
}

// Empty removes everything from the disk.
func (d *Disk) Empty() {
	d.t.Helper()
	entries, err := os.ReadDir(d.Outside())
	must(d.t, err)
	for _, e := range entries {
		must(d.t, os.RemoveAll(filepath.Join(d.Outside(), e.Name())))
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
