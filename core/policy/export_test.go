package policy

// JSONText is what value makes of raw, "" if it refuses, and what it leaves.
func JSONText(raw string) (text, rest string) {
	r := &reader{raw: raw}
	text, err := r.value()
	if err != nil {
		return "", err.Error()
	}
	return text, r.raw[r.pos:]
}
