// Package jsonrpc reads and writes the messages of the Model Context Protocol:
// JSON-RPC 2.0 without batches. It is stricter than JSON is: whatever two readers
// could take for different messages is refused, so that the message that was
// judged is the message that arrives.
package jsonrpc
