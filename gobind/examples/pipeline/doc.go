// SPDX-License-Identifier: MIT

// Command pipeline runs programs in a row, each reading what the one before it
// writes:
//
//	$ go run ./examples/pipeline seq 11 '|' tail -n 3 '|' sort -n
//	9
//	10
//	11
//	seq 11 | tail -n 3 | sort -n: 0 0 0
//
// The last line, on standard error, has the statuses, as a shell has them; "--" is
// as good as "|". With -t SECONDS before the first program, all are killed, with
// their descendants, when the time is over. It is the twin of
// shim/examples/pipeline.c, and needs Linux on amd64 or arm64.
package main
