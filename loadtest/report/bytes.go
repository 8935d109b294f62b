package report

// BytesAxis is a linear axis for numbers of bytes, with round values in the unit that suits the greatest of them.
func BytesAxis(title string, points []XY) Axis {
	most, unit := 0.0, 1.0
	for _, p := range points {
		if finite(p.Y) {
			most = max(most, p.Y)
		}
	}
	for unit*1024 <= most {
		unit *= 1024
	}
	return Axis{Title: title, Unit: unit, Text: func(v float64) string {
		if v == 0 {
			return "0"
		}
		return Volume(v)
	}}
}
