// Package mapping says what an HTTP request asks for: which tool, what resource and
// which arguments, by a table of routes that people write or that an OpenAPI
// document gives.
//
// The mapping is total. A request that no route describes, or that two programs
// could read in two ways, is a [*Fault] and goes nowhere. What a route does not name
// is left out of what is forwarded (headers) or refused (query parameters, members of
// the body).
//
// What is decided is what is forwarded: each call has the argument [RequestArgument],
// the SHA-256 of all that will be sent; see [Call.Sum].
package mapping
