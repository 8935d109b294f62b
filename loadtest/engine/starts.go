package engine

import "time"

// KeepStarts begins to keep the moments at which actions started, for Starts.
func (w *World) KeepStarts() { w.ledger.keepStarts() }

// Starts are the moments at which actions started since KeepStarts, as their outcomes state them, in no order.
func (w *World) Starts() []time.Time { return w.ledger.started() }
