// Package single is what becomes of a zone with one broker, the embedded default, when its disks and processes fail:
// power losses, torn and altered store files, full and dying disks, kill -9. It has no code of its own; its tests
// run real processes on disks of their own making:
//
//	go test -tags faults -count=1 -timeout 30m ./loadtest/faults/single
//
// They print a table of fault and outcome, and need Linux, root, mkfs.ext4 and mount.
package single
