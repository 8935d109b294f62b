package fabric

import (
	"slices"
	"strings"
)

// maxCells bounds the table of LineDiff: 4 million lines compared with lines.
const maxCells = 4 << 20

// LineDiff compares two texts line by line and returns what differs: lines of
// the first alone begin with "- ", lines of the second alone with "+ ". It finds
// a longest common subsequence; of texts too large for that, between their equal
// beginnings and ends, every line counts as changed.
func LineDiff(before, after string) []string {
	a, b := linesOf(before), linesOf(after)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	table := commonTable(a, b)
	var out []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j] && table != nil:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && (table == nil || table[i+1][j] >= table[i][j+1]):
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return out
}

// commonTable holds at [i][j] how many lines a[i:] and b[j:] have in common, in
// order; nil when it would be too large.
func commonTable(a, b []string) [][]int32 {
	if (len(a)+1)*(len(b)+1) > maxCells {
		return nil
	}
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
