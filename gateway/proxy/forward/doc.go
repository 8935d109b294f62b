// Package forward serves HTTP before an API; see package proxy.
package forward
