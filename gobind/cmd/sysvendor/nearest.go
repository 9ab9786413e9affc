// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"slices"
	"strings"
)

// unknown is the error for a name that is none of names.
func unknown(name string, names []string) error {
	near := nearest(name, names)
	switch {
	case isPattern(name):
		return fmt.Errorf("%s matches no name", name)
	case len(near) == 0:
		return fmt.Errorf("%s is unknown, and no name is near it", name)
	}
	return fmt.Errorf("%s is unknown; near it are: %s", name, strings.Join(near, ", "))
}

// nearest returns up to three of names, the nearest first. Neither case nor
// underscores count, so that the name in C leads to that in Go.
func nearest(name string, names []string) (near []string) {
	name = folded(name)
	distances := map[string]int{}
	for _, n := range names {
		d := distance(name, folded(n))
		if d <= len(name)/3 {
			distances[n] = d
			near = append(near, n)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return distances[a] - distances[b] })
	return near[:min(len(near), 3)]
}

func folded(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

// distance returns how many bytes of a must be changed, added, removed or
// swapped with the next one to make it b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
