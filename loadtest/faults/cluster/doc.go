// Package cluster holds tests that break a zone on three brokers, in every way that a machine, a network or a person may, while
// agents act, and then hold what the ledger says against what was seen outside. They have the build tag faults, and are run
// by make faults-cluster; docs/faults.md tells what came of them.
package cluster
