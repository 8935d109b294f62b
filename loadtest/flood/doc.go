// Package flood lets one hostile agent flood a zone, in every way that it has,
// and measures what the others notice.
//
// The hostile agent is enrolled like any other, and uses none of our code to
// connect: it speaks the protocol of NATS over a socket of its own, as fast as
// the network takes it, and ignores every courtesy. The others are ordinary
// agents with a modest, fixed rate; their latency counts from the moment at which
// they wanted to ask. Each flood is measured against the quiet right before it,
// in the same zone, in one run, so that the machine cancels out.
package flood
