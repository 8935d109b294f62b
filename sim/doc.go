// Package sim runs the whole protocol on the pure core in virtual time: agents,
// enforcers, executors, a sentinel and governors around one ledger, with a
// broker, a network, clocks and people that misbehave. One thread, one seed, no
// clock: the same Config and Steps give the same run, to the byte.
//
// The participants fold the ledger with the real core/ledger, decide with the
// real core/verdict and judge claims with the real core/permit. What they do
// around them follows the services statement by statement. What happens is a
// list of Steps that is drawn first and then played, and every Step has a
// meaning in every state: so a failing list can be cut down to what matters.
//
// After every step the promises of PROTOCOL section 9 are checked by definition:
// History reads the ledger from its first record and knows, because the
// simulator wrote it, who made each record and whether it is a copy. It shares
// no code with the folds that it judges.
//
// A simulator that cannot fail proves nothing. Flaws switch off one check each,
// and a test demands that the simulator finds them; production code has no hook
// for that. Checks of core/permit are switched off in a twin of its book that
// is compared with the real one in all other runs, and checks of core/verdict
// by dropping the reason that they give.
package sim
