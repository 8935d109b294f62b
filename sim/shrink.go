package sim

// Shrink cuts steps away for as long as the same invariant breaks, first in
// large pieces, then one by one, then their waits. What is left is enough to
// understand the failure.
func Shrink(cfg Config, flaw Flaw, steps []Step, broken Invariant) []Step {
	fails := func(candidate []Step) bool {
		f := Run(cfg, flaw, candidate, nil).Failure
		return f != nil && f.Invariant == broken
	}
	for size := len(steps) / 2; size > 0; {
		before := len(steps)
		steps = cutPieces(steps, size, fails)
		if size > 1 || len(steps) == before {
			size /= 2
		}
	}
	return cutWaits(steps, fails)
}

// cutPieces drops each piece of the given size that is not needed.
func cutPieces(steps []Step, size int, fails func([]Step) bool) []Step {
	for at := 0; at < len(steps); {
		end := min(at+size, len(steps))
		without := append(append([]Step(nil), steps[:at]...), steps[end:]...)
		if fails(without) {
			steps = without
		} else {
			at = end
		}
	}
	return steps
}

// cutWaits drops each wait that is not needed.
func cutWaits(steps []Step, fails func([]Step) bool) []Step {
	for i := range steps {
		shorter := append([]Step(nil), steps...)
		shorter[i].Wait = 0
		if fails(shorter) {
			steps = shorter
		}
	}
	return steps
}
