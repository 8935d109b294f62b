// Package stdio is the gateway between a client and a server that speak MCP over
// standard input and output: one process of the server, one session.
package stdio
