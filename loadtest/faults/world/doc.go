// Package world is where faults are injected: a zone of real portcullis processes on hosts of one's own making. A host is a
// pair of Linux namespaces with a network card, a small disk and, if a test wants it, a clock that goes wrong; hosts
// meet on a switch that a test can unplug them from. Actions have their effect outside, at a server of the test's own that
// stamps each one and believes nobody.
//
// A test binary that uses it hands its TestMain to [Main], which builds the binary under test and moves the whole test into
// namespaces of its own, so that nothing of the machine is touched and nothing stays behind, however the test ends.
//
// It needs Linux, ip (iproute2), unshare, nsenter and mount (util-linux), strace, and root or user namespaces. A missing one fails
// the test and says what to install.
package world
