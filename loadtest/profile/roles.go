package profile

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// Classify says to whom one sample of a processor's profile belongs, by its labels and by the functions on its stack,
// the innermost first.
type Classify func(labels map[string][]string, stack []string) string

// ByClass sums up the processor time of a profile by class.
func ByClass(cpu []byte, class Classify) (map[string]time.Duration, error) {
	p, err := profile.ParseData(cpu)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	value, err := p.SampleIndexByName("cpu")
	if err != nil {
		return nil, fmt.Errorf("profile: it is not of a processor: %w", err)
	}
	spent := make(map[string]time.Duration)
	for _, s := range p.Sample {
		spent[class(s.Label, stackOf(s))] += time.Duration(s.Value[value])
	}
	return spent, nil
}

func stackOf(s *profile.Sample) []string {
	var stack []string
	for _, at := range s.Location {
		for _, line := range at.Line {
			if line.Function != nil {
				stack = append(stack, line.Function.Name)
			}
		}
	}
	return stack
}

// Any reports whether a function of a stack begins with a prefix: that of a package, say.
func Any(stack []string, prefix string) bool {
	for _, function := range stack {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
