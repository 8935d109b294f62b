// Package files is a built-in tool: it reads and writes regular files under one
// root directory, and nothing else.
//
// # One name, one file
//
// Policy judges the path that an intent names, so the file that is touched must
// be the one that the path spells. Therefore a path has one spelling (relative,
// slash-separated, no dot segments, nothing normalised), the intent's resource
// must equal it, and no symbolic link is followed, not even one that stays under
// the root. Every step opens a directory through [os.Root] and then compares
// what was opened with what was seen; a directory that is swapped for a link
// between the two is refused, whoever wins the race. Only hard links and mounts,
// which this tool never makes, can give one file two names.
//
// # All or nothing
//
// A write goes to a staging file in the target's directory, is synced, and is
// then renamed (or linked, for the mode that must not overwrite), and the
// directory is synced. Whoever looks sees the old file or the new one, also
// after a cancelled context, a crash or a loss of power. The context is honoured
// up to the rename; after it the write has happened and is reported.
//
// # Fencing
//
// A write carries a fencing token: the position of its claim in the ledger. The
// root remembers the highest token for each path, on disk and under a lock that
// all processes share, and a write whose token is not higher is refused. An
// executor that was paused and wakes up late thus cannot undo what came after
// it. Locks, tokens and staging files have names starting with ".portcullis";
// no path may use one.
package files
