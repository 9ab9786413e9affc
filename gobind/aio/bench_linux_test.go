// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import "testing"

// The figures that count are those of bench/; these show what a change costs,
// and that nothing is allocated.

// A byte goes from one socket to the other and back.
func BenchmarkPingPong(b *testing.B) {
	for _, cand := range candidates {
		b.Run("engine="+cand.name, func(b *testing.B) {
			b.ReportAllocs()
			a := open(b, cand.name)
			p, q := socketpair(b)
			in, out := make([]byte, 64), make([]byte, 1)
			for b.Loop() {
				for _, fd := range [...][2]int{{p, q}, {q, p}} {
					check(b, a.Recv(fd[1], in, 0, 1))
					check(b, a.Send(fd[0], out, 0, 2))
					for left := 2; left > 0; {
						events, err := a.PollEvents(patience)
						check(b, err)
						left -= len(events)
					}
				}
			}
		})
	}
}

// 32 reads of 4 KiB from the page cache at a time.
func BenchmarkFileReads(b *testing.B) {
	const size, depth = 4096, 32
	for _, cand := range candidates {
		b.Run("engine="+cand.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(size * depth)
			a := open(b, cand.name)
			fd := tempFile(b, pattern(size*depth))
			buf := make([]byte, size*depth)
			for b.Loop() {
				for i := range depth {
					check(b, a.Read(fd, buf[i*size:][:size], int64(i*size), 1))
				}
				for left := depth; left > 0; {
					events, err := a.PollEvents(patience)
					check(b, err)
					left -= len(events)
				}
			}
		})
	}
}
