// SPDX-License-Identifier: MIT

package main

// globMatch tells whether pattern matches the whole of s: `*` is any text, also
// with slashes, and `?` is any byte. glob.h has the same.
func globMatch(pattern, s string) bool {
	p, i := 0, 0
	star, after := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, after = p, i
			p++
		case p < len(pattern) && (pattern[p] == s[i] || pattern[p] == '?'):
			p++
			i++
		case star >= 0:
			// Let the last star take one byte more.
			after++
			p, i = star+1, after
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
