// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"slices"

	"example.com/syshim/gobind/sys"
)

// A proof is how well an operation was seen to work; the best counts.
type proof int

const (
	notSeen proof = iota
	lacks
	refused // never seen to succeed
	alone   // no call could do so here
	beside  // it gave what the call gave
)

// String is how the table of the operations says it.
func (p proof) String() string {
	return [...]string{"not seen", "lacks", "refused", "alone", "beside"}[p]
}

// isRequest reports whether the row is a request: what the others do is no
// operation.
func (s opStep) isRequest() bool {
	return slices.Contains([]string{"do", "async", "slot", "pick", "start", "serve", "link", "hard", "drain"}, s.verb)
}

// hasResult reports whether the result of the row is that of a request, and not
// of its submit.
func (s opStep) hasResult() bool {
	return slices.Contains([]string{"do", "async", "slot", "pick", "end", "more"}, s.verb)
}

// succeeded reports whether op has done what it is for: a timeout when it is
// over.
func succeeded(op Op, res int) bool {
	return res >= 0 || res == -int(sys.ETIME) && (op == OpTimeout || op == OpLinkTimeout)
}

// proofs are those of the operations by their numbers.
type proofs map[int]proof

func (p proofs) note(op int, seen proof) { p[op] = max(p[op], seen) }

// noteRow notes that what the ring gave in this row is as wanted.
func (w *opWorld) noteRow(p proofs, s opStep, res int, byPlain bool) {
	request := w.origin(s)
	switch {
	case !request.isRequest():
	case !s.hasResult() || !succeeded(Op(request.op), res):
		p.note(request.op, refused)
	case byPlain:
		p.note(request.op, beside)
	default:
		p.note(request.op, alone)
	}
}

// excused are those that need not succeed here: the system call does not either;
// zero-copy receive needs a queue of a network card to itself before Linux 7.2;
// and commands a disk before 6.7, which nvme_linux_test.go has.
var excused = map[int]bool{int(OpRecvZC): true, int(OpUringCmd): true}

// origin is the row that asked for the request of s, or s.
func (w *opWorld) origin(s opStep) opStep {
	for i := w.at; i >= 0 && !s.isRequest(); i-- {
		if row := w.steps[i]; row.ud == s.ud && row.isRequest() {
			return row
		}
	}
	return s
}
