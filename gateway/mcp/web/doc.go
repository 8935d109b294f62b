// Package web is the gateway before a server that speaks MCP over Streamable HTTP
// (versions 2025-06-18 and 2025-11-25, and clients of 2026-07-28 before servers that
// know these): one endpoint, POST for messages, GET for
// what the server sends by itself, DELETE for the end of a session. Nothing is
// sent twice and no redirect is followed.
package web
