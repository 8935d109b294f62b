package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// none stands for a value that is missing or cannot be one.
const none = "–"

// significant rounds to three digits, as far as a figure of a load test can be trusted.
func significant(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || a == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// grouped writes thousands apart.
func grouped(n uint64) string { return group(strconv.FormatUint(n, 10)) }

func group(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Number is a figure without a unit, or a dash.
func Number(v float64) string {
	if !finite(v) {
		return none
	}
	if v >= 1000 && v < 1<<63 {
		return grouped(uint64(math.Round(v)))
	}
	return significant(v)
}

// rate is a figure by the second; zero means that none was set or reached.
func rate(v float64) string {
	if v == 0 {
		return none
	}
	return Number(v)
}

// Counted is a count, zero too.
func Counted(n uint64) string { return grouped(n) }

// Span is a duration with the unit that suits it.
func Span(d time.Duration) string {
	ns := float64(d)
	switch a := math.Abs(ns); {
	case a < 1e3:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case a < 999.5e3:
		return significant(ns/1e3) + " µs"
	case a < 999.5e6:
		return significant(ns/1e6) + " ms"
	case a < 100e9:
		return significant(ns/1e9) + " s"
	default:
		return d.Round(time.Second).String()
	}
}

// Measured is a duration that zero means nobody measured.
func Measured(d time.Duration) string {
	if d == 0 {
		return none
	}
	return Span(d)
}

// Nanoseconds is span of an axis' value.
func Nanoseconds(v float64) string {
	if !finite(v) || math.Abs(v) >= math.MaxInt64 {
		return none
	}
	return Span(time.Duration(v))
}

// Volume is a number of bytes; zero means that nobody measured.
func Volume(bytes float64) string {
	if !finite(bytes) || bytes <= 0 {
		return none
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if bytes < 1023.5 {
			if unit == "B" {
				return strconv.FormatFloat(bytes, 'f', 0, 64) + " B"
			}
			return significant(bytes) + " " + unit
		}
		bytes /= 1024
	}
	return significant(bytes) + " TiB"
}

// share is part of whole in percent.
func share(part, whole float64) string {
	if whole <= 0 || !finite(part) || !finite(whole) {
		return none
	}
	return strconv.FormatFloat(100*part/whole, 'f', 1, 64) + " %"
}

// percentile writes 99.9 as p99.9.
func percentile(p float64) string {
	if !finite(p) {
		return none
	}
	return "p" + strconv.FormatFloat(p, 'g', 7, 64)
}

// plural is a count with its noun.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// visible writes what cannot be seen, or would move a terminal's cursor or the order of its text, as its code.
func visible(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
