// Package policy answers one question: do the zone's Cedar policies allow this
// request? It is a pure function of a compiled [Set] and a [Request]; it reads
// no clock, starts no goroutine and does no I/O, so that two enforcers holding
// the same release and the same request give the same bytes.
//
// # The model
//
// A release carries policy sources and a registry of tools. The registry alone
// decides the Cedar schema (see [Schema]); people write no schema by hand:
//
//	principal  Agent::"spiffe://td/zone/agent/name" in Group::"…", with the
//	           attributes that the release's directory gives it
//	action     Action::"<Tool.Action>", one for each tool, all in Action::"all"
//	resource   <Tool.ResourceType>::"<resource>", with the attribute id
//	context    arguments    what the agent asks the tool to do, typed by the tool
//	           environment  what the intent says about its surroundings, typed
//	           session      { sequence }: the intent's place in its session
//	           usage        one Long for each limit: what its window holds so far
//	           time         log time in Unix seconds, never a local clock
//	           delegator?   the Agent on whose behalf the principal acts
//
// Every policy names itself with @id("…"); ids are unique in a release, and
// results name policies by them. @reason("…") is the sentence that people read
// when the policy decides, @note("…") is for the authors, @approvals("n") makes
// a permit count only once the request carries n approvals. Other annotations
// are refused, because a misspelt one would be silently without effect.
//
// # Fail closed
//
// [Compile] refuses a release rather than repair it: sources beyond their caps
// (checked before the parser runs, whose recursion no recover can stop),
// anything that does not type-check, attributes behind has that no tool
// declares, forbids that can never match. [Lint] reports the same and milder
// findings.
//
// [Set.Evaluate] decodes arguments by their declared types: an unknown, missing,
// repeated or mistyped argument, or a number that is not exactly a 64-bit
// integer, denies before any policy runs. Cedar itself skips a policy whose
// evaluation fails, a forbid too; here any evaluation error denies. The zero
// [Result] and the zero [Code] deny, and so does a panic inside the evaluator.
//
// # Speed
//
// Cedar's authorizer looks at every policy. This package keeps an index over
// the three scopes and hands the authorizer only the policies whose scope can
// match. Skipping the rest is sound because a scope test cannot fail: it is
// true or false, and false ends the policy before its conditions. A fuzz test
// compares index and whole set.
//
// # For people
//
// [Set.Explain] says which condition of which policy decided, with the values
// that it saw. [Test] runs the cases that a release carries, tells which
// policies no case reaches, and removes each forbid in turn to see whether any
// case would notice.
package policy
