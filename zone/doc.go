// Package zone puts the parts of one zone together: broker, enforcers,
// executors, sentinels and agents of a trust domain on disk (package fabric),
// in one process or each in its own. The binary and the tests of whole zones
// are built on it; it has no logic of its own that a verdict could depend on.
package zone
