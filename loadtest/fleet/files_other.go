//go:build !linux

package fleet

// allowFiles trusts that the limit is high enough; who meets it, is told by the system.
func allowFiles(uint64) error { return nil }
