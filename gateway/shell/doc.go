// Package shell runs one command with a permit: its own child, in a process group of
// its own, with the standard streams of whoever called. Nothing is interpreted by a
// shell on the way.
//
// The way of a command: Find → Command.Ask → local.Client → a permit → the command →
// local.Client.Report. Without a permit nothing is started. What its group still runs
// when the command ends is killed, for nothing of it has a permit any more.
package shell
