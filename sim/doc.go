// Package sim runs the whole protocol on the pure core in virtual time: agents,
// enforcers, executors, approvers, a sentinel and governors around one ledger,
// with a broker, a network, clocks and people that misbehave. One thread, one
// seed, no clock: the same Config and Steps give the same run, to the byte.
//
// The participants fold the ledger with the real core/ledger, decide with the
// real core/verdict and judge claims with the real core/permit. What they do
// around them follows the services statement by statement. What happens is a
// list of Steps that is drawn first and then played, and every Step has a
// meaning in every state: so a failing list can be cut down to what matters.
//
// # What is checked
//
// After every step the promises of PROTOCOL section 9 are checked by definition:
// History reads the ledger from its first record and knows, because the
// simulator wrote it, who made each record and whether it is a copy. It shares
// no code with the folds that it judges.
//
// Of approvals: each answer opens a round where section 7 says so and nowhere
// else, with the verdict that it gives, the same bytes at every enforcer and
// after every restart; the states behind the verdicts have one digest at every
// pulse. Whoever acts on an intent that policy wants approved does so on the
// newest round that has a quorum, and before that round's point as many people
// have approved exactly these bytes as policy asks for, each of them distinct,
// entitled and not revoked, and none has refused. A drill moves nothing.
//
// At the end the ledger is audited from its bytes (core/audit), as anybody could:
// nothing is found but what liars and those who were shown another ledger signed,
// and where a flaw made somebody decide or act wrongly, that is found.
//
// # What a lying broker can do
//
// Everybody can be shown false times, within the skew that the release allows,
// and copies of all that was ever written. One follower at a time can also be
// shown another ledger: garbage or an older record in place of one (Withholds,
// Substitutes), or other times (Warps). Then this holds:
//
//   - S1 holds in what an executor was shown.
//   - A pulse says what its sentinel has read since the pulse before, so the first
//     one that is made after a lie covers it. Reading it disarms an executor and
//     silences an enforcer, and so does every later pulse, until a restart (S6).
//   - Before that, an executor may take a valid claim for void, or miss one, and
//     act although somebody else has acted: a second act, which S2 does not
//     exclude, for S2 speaks of one ledger. But it does not act later than pulse
//     limit + B after the lie's place was written (S3'), whatever it is shown or
//     not shown: without a fresh pulse no claim is valid.
//   - To the pulse limit comes what a pulse may be younger than it looks: the time
//     that it was in flight and what its sentinel's clock is ahead, 2 skews; where
//     the broker's clock lies to all, 2 more; and to a follower that is shown other
//     times, 4 more, for then only its own clock stands against them. Pulses that
//     are appended at once by a clock that is right add nothing.
//   - A span can be compared by whoever has read it from its first position on. A
//     follower that restarts in the middle of a span cannot compare that one, and
//     of a lie in what is left of it nothing is promised but S1.
//
// Enforcers are lied to where the others outvote them: one that is shown another
// ledger is no better than one that lies, until the next pulse. Nobody lies to
// the sentinel here: its spans would differ from all others', and everything
// would stop.
//
// # What shows that it can fail
//
// A simulator that cannot fail proves nothing. Flaws switch off one check each,
// and a test demands that the simulator finds them; production code has no hook
// for that. Checks of core/permit are switched off in a twin of its book, and
// those of core/verdict in a twin of its replica; where nothing is switched off,
// both twins are compared with what they stand for, in every run.
package sim
