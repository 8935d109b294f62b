// Package vitals measures how a zone does, for people who look on: what is decided, how
// fast and why not, what becomes of it, how far its followers are behind, and what
// drifts.
//
// Rates and times come from the ledger alone. A second of log time is known once a
// record behind its end was read: the ledger is one order, so nothing can be missing from
// it then. Until that, and before the place where reading began, nothing is said of a
// second; it is not zero. What participants say of themselves, and what sentinels say of
// them, comes from heartbeats, which nobody keeps: it is known for the moments at which
// somebody looked.
//
// Everything is bounded: fifteen minutes of seconds, a fixed number of followers and
// findings. None of it decides anything.
package vitals
