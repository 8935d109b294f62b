// Package disk is a disk that loses power (Linux, root).
//
// A process cannot lose what it has written without its whole machine losing
// power, so this package makes the part of a machine that forgets: a block device
// with a volatile write cache. A write is answered when it is in the cache. A
// flush, which is what fsync, fdatasync and a journal's commit end in, moves the
// cache to the medium. [Disk.Cut] takes the power away: what was not flushed is
// gone, or, as with real drives, sectors of it survive in no order. From that
// moment on every request fails, so nobody can be told afterwards that something
// was stored.
//
// The device is a file of a FUSE mount under a loop device, with a real ext4 on
// top, so the file system's own order of data, journal and barriers is what is
// tested, not a model of it. A child process serves the device and touches
// nothing on it: a process that waited for a device of its own could not be ended.
//
// Call [Child] first in TestMain or main, and [Disk.On] in a mount namespace of
// one's own: [Isolate] makes one.
package disk
