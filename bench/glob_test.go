// SPDX-License-Identifier: MIT

package main

import "testing"

func TestAPatternMatchesTheWholeName(t *testing.T) {
	for _, c := range globCases {
		if got := globMatch(c.pattern, c.name); got != (c.matches != 0) {
			t.Errorf("globMatch(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}
