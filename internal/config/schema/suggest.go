package schema

import "strings"

// maxCandidates bounds the work for one mistyped word.
const maxCandidates = 200

// Nearest returns the candidate that a mistyped word most likely means, or ""
// if none is near.
func Nearest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	if len(candidates) > maxCandidates {
		candidates = candidates[:maxCandidates]
	}
	word = strings.ToLower(word)
	best, bound := "", min(1+len(word)/4, len(word)-1)
	for _, candidate := range candidates {
		if max(len(word)-len(candidate), len(candidate)-len(word)) > bound {
			continue
		}
		if d := distance(word, candidate); d <= bound {
			best, bound = candidate, d-1
		}
	}
	return best
}

// distance is the number of insertions, deletions, changes and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
