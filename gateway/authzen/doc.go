// Package authzen serves the OpenID AuthZEN Authorization API 1.0: a policy decision
// point for whoever enforces elsewhere. It answers single evaluations, evaluations in
// one request with all three semantics, and searches for subjects, resources and
// actions, from the release in force and the core that decides intents.
//
// The way of a question: Server.ServeHTTP → a parsed tuple → Mapping, in the release's
// terms → pdp.Core.Decide → {"decision": …}.
//
// A denial is an answer (status 200). That no answer can be given is an error (status
// 503), whatever was asked: inability is not a verdict. Neither ever says true.
//
// An answer authorises nothing at any executor of Portcullis and charges no limit. With
// a Recorder each evaluation is an intent on the ledger too, which asks for a decision
// only, and that decision is the answer.
package authzen
