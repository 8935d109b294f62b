// Package httpcall is a built-in tool: it makes HTTP calls to what an allow-list
// names, and to nothing else.
//
// # Two kinds of tool
//
// A tool with [Rule] entries takes a URL from the agent: {"url": string,
// "body"?: string, "content_type"?: string}. The URL must equal the intent's
// resource, which is what policy judged, and one of the rules must admit it. The
// method belongs to the tool, so that policy, which sees the tool, sees the
// method.
//
// A tool with an [Endpoint] posts the arguments that the agent gave, byte for
// byte, to one fixed URL.
//
// # One reading of a URL
//
// Servers, proxies and libraries read odd URLs differently, and each difference
// is a way around an allow-list. This package reads a narrow subset of RFC 3986
// that all of them read alike, refuses the rest, and sends the bytes that it
// read: no user information, no dot or empty segments, no backslash, semicolon or
// control character, percent-encoding only where it is needed and never of a
// delimiter, hosts in ASCII. Letters of scheme and host may be of either case,
// and a fragment is dropped, as every client does.
//
// # Where a call may go
//
// The address is judged when a connection is made to it, not when a name is
// looked up before, so a name that resolves differently the second time gains
// nothing. Only addresses of the public internet pass, unless the entry's
// [Reach] says otherwise by name. Each call has a connection of its own: none is
// reused, so none escapes the test and nothing is sent twice by a transport that
// retries. Redirects are not followed (the new place is another resource; let the
// agent propose it), proxies of the environment are ignored, there are no
// cookies.
//
// # What an error means
//
// [ErrRefused]: nothing was sent. [StatusError]: the server answered, with
// another status than 2xx. [ErrUncertain]: the request may have arrived and no
// whole answer came back; whether it took effect is not known. Anything else: no
// connection came about, so nothing was sent. Nothing is ever retried.
package httpcall
