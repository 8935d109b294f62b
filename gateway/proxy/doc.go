// Package proxy puts Portcullis between agents and an HTTP API. Each request becomes
// an intent on the ledger, by a table of routes; see package mapping. It goes on to
// the API, once, with its permit, as the bytes that were decided on.
//
// The way of a request: forward.Server → mapping.Table.Read → Gateway.Ask →
// agent.Propose → the ledger → enforcers → executor → desk.Desk.Handle, on a permit →
// the act → Outcome → the answer, as the API gave it.
//
// The act is forwarding the request (package forward), or telling an Envoy that it
// may do so (package extauthz). Whatever fails, nothing is forwarded.
package proxy
