// Package peers measures Portcullis beside what others do, in one run on one machine: policy engines for the decision
// alone, and bare NATS for the flow of four records.
//
// # The same task
//
// A Task is a set of rules and the questions that are asked of them. It is written down three times: as the release of a
// zone, as Rego for OPA, as resource policies for Cerbos. Wanted says what is right, by looking at every rule in turn. No
// figure is taken of an engine before it has answered every question as Wanted does.
//
// # The same load
//
// Everybody's answers are asked for in a closed loop: so many questions outstanding, each replaced when it is answered.
// Engines are servers in processes of their own, asked over HTTP by one client. Our own core is measured twice: behind the
// same HTTP (Direct), which keeps nothing, and as it is meant to be (Governed), where a question is an intent signed by its
// agent, and the answer a decision signed by an enforcer, counted when the ledger holds it.
package peers
