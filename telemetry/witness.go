package telemetry

import "strconv"

// Witness counts what a witness answers. Safe for concurrent use; nil counts nothing.
type Witness struct{ m *Meters }

// Witness is the meter of the witness of this process.
func (m *Meters) Witness() *Witness {
	if m == nil {
		return nil
	}
	w := &Witness{m}
	m.counter(cosigned, "status", "200") // it is there, at zero, before the first
	return w
}

// Answered counts an answer by its HTTP status, of which a witness has a handful.
func (w *Witness) Answered(status int) {
	if w != nil {
		w.m.counter(cosigned, "status", strconv.Itoa(status)).Inc()
	}
}
