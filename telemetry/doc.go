// Package telemetry is how a process of Portcullis is watched from outside: metrics
// for Prometheus, spans for OpenTelemetry, and pages that say whether it lives and
// could act.
//
// Nothing here decides, and nothing waits for it: counting is a few atomic additions,
// spans are queued and dropped when the queue is full, and a collector that is down is
// noticed by nobody but a counter. A nil *Meters, *Tracer or meter of a role counts and
// traces nothing, so that services and their tests need no wiring.
//
// No label holds what agents choose: verdicts, reasons, statuses, rules and stages are
// closed sets; participants and tools are those of the release. No span holds arguments,
// results, resources, contexts or the words of an error.
package telemetry
