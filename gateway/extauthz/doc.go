// Package extauthz answers an Envoy that asks whether it may forward a request:
// envoy.service.auth.v3.Authorization over gRPC. A request becomes an intent by the
// same routes as in package proxy; see there.
//
// The act is the admission, and no more: the answer OK is given on a permit, once, and
// the outcome EXECUTED says that Envoy was told to forward. What came of it, only
// Envoy knows. Where that is not enough, let package forward do the forwarding.
package extauthz
