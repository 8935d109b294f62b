// Package hook governs the tools of an agent platform that runs them itself, by the
// hooks that it calls before and after each: Claude Code.
//
// The way of a call: PreToolUse → Event.Ask → local.Client → a permit, which stays
// open → the platform runs the tool → PostToolUse → Event.Report → Outcome. Of a call
// that the platform never tells the end of, the outcome is INDETERMINATE.
//
// The platform takes two answers only for a no: a decision "deny", and exit code 2.
// So whatever goes wrong is the latter.
package hook
